package reach

import (
	"context"
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
