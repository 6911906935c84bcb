package reach

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// waiters are the questions of one probe on a socket that hears everybody's answers.
type waiters struct {
	mu      *sync.Mutex
	waiting map[netip.Addr]chan struct{}
}

func newWaiters() waiters { return waiters{&sync.Mutex{}, map[netip.Addr]chan struct{}{}} }

// askable finds an interface on which somebody can be asked.
func askable(name string) (*net.Interface, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	if device.Flags&net.FlagRunning == 0 {
		return nil, fmt.Errorf("%s is down or has no carrier: nobody can be asked", name)
	}
	return device, nil
}

// hear runs receive, which marks whoever answers until its socket fails: when ctx ends
// or release is called. release waits for its end.
func hear(ctx context.Context, socket io.Closer, setDeadline func(time.Time) error, receive func()) (release func()) {
	var receiving sync.WaitGroup
	receiving.Go(receive)
	stop := context.AfterFunc(ctx, func() { _ = setDeadline(time.Unix(1, 0)) })
	return func() {
		stop()
		_ = socket.Close()
		receiving.Wait()
	}
}

// askFor sends a question until the target answers or ctx ends.
func (w waiters) askFor(ctx context.Context, target string, send func(netip.Addr) error) reply {
	address, err := netip.ParseAddr(target)
	if err != nil {
		return reply{target: target, err: err, unasked: true}
	}
	address = address.Unmap().WithZone("")
	answer := w.await(address)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	sent := make(chan error, 1)
	go func() { sent <- repeat(ctx, func() error { return send(address) }) }()
	select {
	case <-answer:
		return reply{target: target, rtt: time.Since(began), how: "answered"}
	case err := <-sent:
		if err != nil {
			return reply{target: target, err: err, unasked: true}
		}
		return reply{target: target, err: errSilence}
	}
}

// await returns a channel that is closed when the target answers. Two equal targets share it.
func (w waiters) await(target netip.Addr) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer, ok := w.waiting[target]
	if !ok {
		answer = make(chan struct{})
		w.waiting[target] = answer
	}
	return answer
}

// mark notes that somebody answered.
func (w waiters) mark(sender netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer, ok := w.waiting[sender]
	if !ok {
		return
	}
	select {
	case <-answer:
	default:
		close(answer)
	}
}
