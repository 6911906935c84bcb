// Package app puts the console together and runs it: it owns the data
// directory, starts every part in order and stops them in the reverse order.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/httpapi"
	"github.com/storeward/storeward/console/internal/ingest"
	"github.com/storeward/storeward/console/internal/live"
	"github.com/storeward/storeward/console/internal/series"
	"github.com/storeward/storeward/console/web"
)

const (
	flushEvery   = 5 * time.Second
	silenceEvery = time.Second
	sweepEvery   = 10 * time.Minute
	stopWithin   = 10 * time.Second
)

// Options say how the console runs.
type Options struct {
	Data      string   // the data directory
	HTTP      string   // host:port of the pages and the API
	Link      string   // host:port for the stores
	LinkNames []string // further names and addresses under which stores reach the link
	// TLSCert and TLSKey name PEM files; without them HTTP is plain.
	TLSCert, TLSKey string
	Retention       time.Duration // of time series; 0: 90 days
	// PasswordFile holds the first administrator's password; empty: one is made up.
	PasswordFile string
	Log          logrus.FieldLogger
	Now          func() time.Time
}

// App is a console that holds its data directory and listens.
type App struct {
	o        Options
	closers  []func() error // in order of opening
	db       *db.DB
	fleet    *fleet.Fleet
	hub      *live.Hub
	sessions *auth.Sessions
	ingest   *ingest.Ingest
	listener net.Listener
	server   *http.Server
}

// New opens the data directory and starts to listen. Run serves.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if err := a.lock(); err != nil {
		return nil, err
	}
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// lock makes sure that one console works in the data directory.
func (a *App) lock() error {
	if err := os.MkdirAll(a.o.Data, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(a.o.Data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open lock of the data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.Join(fmt.Errorf("data directory %s is in use by another console", a.o.Data), f.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("lock data directory: %w", err), f.Close())
	}
	a.later(f.Close)
	return nil
}

func (a *App) later(f func() error) { a.closers = append(a.closers, f) }

// open opens every part, in the order of what stands on what.
func (a *App) open(ctx context.Context) (err error) {
	o := &a.o
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.HTTP); err != nil {
		return fmt.Errorf("listen for browsers: %w", err)
	}
	a.later(func() error { return ignoreClosed(a.listener.Close()) })
	if a.db, err = db.Open(ctx, o.Data); err != nil {
		return err
	}
	a.later(a.db.Close)
	points, err := series.Open(series.Options{
		Dir: filepath.Join(o.Data, "series"), Retention: o.Retention, Registry: registry, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return err
	}
	a.later(points.Close)
	if a.fleet, err = fleet.Load(ctx, a.db.Read); err != nil {
		return err
	}
	users := auth.NewUsers(a.db, o.Now)
	if err := a.firstUser(ctx, users); err != nil {
		return err
	}
	a.sessions = auth.NewSessions(a.db, users, o.TLSCert != "")
	a.hub = live.New()
	a.later(func() error { a.hub.Close(); return nil })
	if err := a.startIngest(points, registry); err != nil {
		return err
	}
	return a.prepareServer(users, points, registry)
}

func (a *App) startIngest(points *series.DB, registry *prometheus.Registry) error {
	authority, err := ca.Open(a.o.Data, a.o.Now())
	if err != nil {
		return err
	}
	security, err := authority.Server(a.o.LinkNames, a.o.Now())
	if err != nil {
		return err
	}
	a.ingest, err = ingest.Start(ingest.Options{
		Listen: a.o.Link, TLS: security, DB: a.db, Series: points, Fleet: a.fleet, Hub: a.hub,
		Registry: registry, Log: a.o.Log, Now: a.o.Now,
	})
	if err != nil {
		return err
	}
	a.later(func() error { a.ingest.Close(); return nil })
	return nil
}

func (a *App) prepareServer(users *auth.Users, points *series.DB, registry *prometheus.Registry) error {
	api := &httpapi.API{
		DB: a.db, Fleet: a.fleet, Users: users, Sessions: a.sessions, Hub: a.hub,
		Log: a.o.Log, Now: a.o.Now, Version: Version, Ask: a.ingest.Ask,
	}
	handler, err := api.Handler(httpapi.Parts{Prom: points.Handler(httpapi.PromPrefix), Files: web.Files(), Metrics: registry})
	if err != nil {
		return err
	}
	a.server = &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	if a.o.TLSCert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(a.o.TLSCert, a.o.TLSKey)
	if err != nil {
		return fmt.Errorf("read certificate for browsers: %w", err)
	}
	a.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	return nil
}

// HTTPAddress is where browsers connect.
func (a *App) HTTPAddress() string { return a.listener.Addr().String() }

// LinkAddress is where stores connect.
func (a *App) LinkAddress() string { return a.ingest.Address() }

// Run serves until ctx ends, then stops everything in order. What was
// acknowledged is on the disk at any moment: a console that is killed instead
// loses nothing.
func (a *App) Run(ctx context.Context) error {
	a.o.Log.WithFields(logrus.Fields{"http": a.HTTPAddress(), "link": a.LinkAddress(), "data": a.o.Data}).Info("console is up")
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.serve() })
	g.Go(func() error { return a.every(ctx, silenceEvery, a.tellSilence) })
	g.Go(func() error { return a.every(ctx, flushEvery, a.flush) })
	g.Go(func() error { return a.every(ctx, sweepEvery, a.sweep) })
	g.Go(func() error {
		<-ctx.Done()
		return a.stopServer()
	})
	err := g.Wait()
	a.o.Log.Info("console stops")
	return errors.Join(err, a.finish())
}

func (a *App) serve() error {
	var err error
	if a.server.TLSConfig != nil {
		err = a.server.ServeTLS(a.listener, "", "")
	} else {
		err = a.server.Serve(a.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve browsers: %w", err)
}

// stopServer lets the requests under way end; streams end because the hub closes.
func (a *App) stopServer() error {
	a.hub.Close()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := a.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving browsers: %w", err), a.server.Close())
	}
	return nil
}

// finish writes what is only in memory and closes everything.
func (a *App) finish() error {
	a.ingest.Close()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return errors.Join(a.fleet.Flush(ctx, a.db.Write), a.close())
}

func (a *App) close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (a *App) every(ctx context.Context, d time.Duration, f func(context.Context)) error {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			f(ctx)
		}
	}
}

func (a *App) tellSilence(context.Context) {
	for _, store := range a.fleet.Silenced(a.o.Now()) {
		a.hub.Tell(live.StoreChanged(store))
	}
}

func (a *App) flush(ctx context.Context) {
	if err := a.fleet.Flush(ctx, a.db.Write); err != nil && ctx.Err() == nil {
		a.o.Log.WithError(err).Error("statuses not written")
	}
	if err := a.fleet.Refresh(ctx, a.db.Read); err != nil && ctx.Err() == nil {
		a.o.Log.WithError(err).Error("nodes not read")
	}
}

func (a *App) sweep(ctx context.Context) {
	if err := a.sessions.Sweep(ctx, a.o.Now()); err != nil && ctx.Err() == nil {
		a.o.Log.WithError(err).Error("old sessions not deleted")
	}
}
