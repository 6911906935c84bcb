package fenceagent

import (
	"context"
	"errors"
	"sync"
)

// errPreempted ends a reading for which an order did not wait.
var errPreempted = errors.New("an order went first")

// turns lets one conversation with the device be held at a time: many a power
// switch takes one login only. An order ends the reading that is under way.
type turns struct {
	token chan struct{}

	mu     sync.Mutex
	orders int // that wait or run
	cut    context.CancelCauseFunc
}

func newTurns() *turns { return &turns{token: make(chan struct{}, 1)} }

// read waits for a reading's turn. Its context ends early if an order comes.
func (t *turns) read(ctx context.Context) (_ context.Context, done func(), _ error) {
	if err := t.acquire(ctx); err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.orders > 0 {
		<-t.token
		return nil, nil, errPreempted
	}
	ctx, cut := context.WithCancelCause(ctx)
	t.cut = cut
	return ctx, func() {
		t.mu.Lock()
		t.cut = nil
		t.mu.Unlock()
		cut(nil)
		<-t.token
	}, nil
}

// order waits for an order's turn, which readings do not hold up.
func (t *turns) order(ctx context.Context) (done func(), _ error) {
	t.mu.Lock()
	t.orders++
	if t.cut != nil {
		t.cut(errPreempted)
	}
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		t.orders--
		t.mu.Unlock()
	}
	if err := t.acquire(ctx); err != nil {
		leave()
		return nil, err
	}
	return func() { leave(); <-t.token }, nil
}

func (t *turns) acquire(ctx context.Context) error {
	select {
	case t.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
