// Command devseed runs a console with made-up stores, so that the web pages can
// be worked on without a lab: an hour of points, a failover with all its
// evidence, alarms, and from then on live statuses, points and now and then an
// event. Everything goes through the real link and the real ingest.
//
//	go run ./console/internal/devseed
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/storeward/storeward/console/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "devseed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	data := flag.String("data", "", "data directory of the console; empty: a new temporary one, removed at the end")
	address := flag.String("http", "127.0.0.1:8443", "address for browsers")
	link := flag.String("link", "127.0.0.1:0", "address of the link")
	every := flag.Duration("failover-every", 0, "play a failover of s0001 at this interval; 0: only the one in the past")
	flag.Parse()
	if *data == "" {
		dir, err := os.MkdirTemp("", "storeward-devseed-")
		if err != nil {
			return fmt.Errorf("make temporary folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // nothing of it is needed again
		*data = dir
	}
	password := rand.Text()
	secret := filepath.Join(*data, "dev-password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	log := logrus.New()
	log.SetLevel(logrus.WarnLevel)
	console, err := app.New(ctx, app.Options{
		Data: *data, HTTP: *address, Link: *link, PasswordFile: secret, Log: log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return console.Run(ctx) })
	g.Go(func() error {
		err := seed(ctx, *data, console.LinkAddress(), *every, func() {
			fmt.Printf("console: http://%s  user %s  password %s\nlive until Ctrl-C\n", console.HTTPAddress(), app.FirstUser, password)
		})
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	return g.Wait()
}

// seed plays the stores: the past at once, then the present until ctx ends.
func seed(ctx context.Context, data, link string, every time.Duration, ready func()) error {
	stores, err := connectAll(ctx, data, link)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range stores {
			s.close()
		}
	}()
	now := time.Now()
	for _, s := range stores {
		if err := s.past(ctx, now); err != nil {
			return err
		}
	}
	ready()
	return play(ctx, stores, every)
}

func play(ctx context.Context, stores []*shop, every time.Duration) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	next := time.Now().Add(every)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			for _, s := range stores {
				if err := s.present(ctx, now); err != nil {
					return err
				}
			}
			if every > 0 && now.After(next) {
				next = now.Add(every)
				if err := stores[0].failover(ctx, now); err != nil {
					return err
				}
			}
		}
	}
}
