package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// EchoPort is where the echo service answers.
const EchoPort = "7777"

// Monotonic is CLOCK_MONOTONIC: comparable between all processes of the lab.
func Monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err) // the clock exists on every Linux
	}
	return time.Duration(now.Nano())
}

// serveEcho answers every TCP connection with the node's name: the most trivial
// service there is, so that a measured gap is the cluster's own.
func serveEcho(address string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", address)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_ = connection.SetDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(connection, name+"\n")
		}()
	}
}

// ProbeSample is one answer that the probe client got.
type ProbeSample struct {
	Start, End time.Duration // CLOCK_MONOTONIC
	Node       string        // who answered
}

// probe asks on a fixed schedule, whether or not earlier attempts have ended, so
// that an outage never stretches the interval. It writes a line for each answer:
// start and end in nanoseconds of CLOCK_MONOTONIC, and the node's name.
func probe(ctx context.Context, target string, every time.Duration, out io.Writer) error {
	const patience = 250 * time.Millisecond
	var mu sync.Mutex
	w := bufio.NewWriter(out)
	flush := time.NewTicker(20 * time.Millisecond)
	defer flush.Stop()
	ask := time.NewTicker(every)
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-flush.C:
			mu.Lock()
			err := w.Flush()
			mu.Unlock()
			if err != nil {
				return err
			}
		case <-ask.C:
			go func() {
				sample, ok := askOnce(ctx, target, patience)
				if !ok {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(w, "%d %d %s\n", sample.Start, sample.End, sample.Node)
			}()
		}
	}
}

func askOnce(ctx context.Context, target string, patience time.Duration) (ProbeSample, bool) {
	sample := ProbeSample{Start: Monotonic()}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp4", target)
	if err != nil {
		return sample, false
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fscanln(connection, &sample.Node); err != nil {
		return sample, false
	}
	sample.End = Monotonic()
	return sample, true
}
