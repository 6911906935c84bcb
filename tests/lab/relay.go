package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Relay listens on an address of the machine itself, on loopback, and carries
// every connection to an address inside a namespace: the only way into the lab.
func (l *Lab) Relay(ctx context.Context, listen string, into *Space, target string) (net.Addr, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", listen)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var open sync.WaitGroup
	open.Go(func() {
		for {
			outer, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { carry(ctx, outer, into, target) })
		}
	})
	l.AtDown(func() error {
		cancel()
		err := listener.Close()
		open.Wait()
		return err
	})
	return listener.Addr(), nil
}

// carry copies both ways until one side is done or ctx ends.
func carry(ctx context.Context, outer net.Conn, into *Space, target string) {
	defer outer.Close()
	dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	inner, err := into.Dial(dialing, "tcp4", target)
	if err != nil {
		return
	}
	defer inner.Close()
	stop := context.AfterFunc(ctx, func() { inner.Close(); outer.Close() })
	defer stop()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{inner, outer}, {outer, inner}} {
		both.Go(func() {
			if _, err := io.Copy(way[0], way[1]); err != nil && !errors.Is(err, net.ErrClosed) {
				_ = way[1].Close()
			}
			if half, ok := way[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		})
	}
	both.Wait()
}
