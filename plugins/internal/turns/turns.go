// Package turns lets one conversation with a fence device be held at a time, and lets
// orders go first: an order ends the reading that is under way, and readings wait while
// orders do.
package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrPreempted is the cause of the end of a reading for which an order did not wait.
var ErrPreempted = errors.New("an order went first")

// Turns is whose turn it is.
type Turns struct {
	token chan struct{}

	mu     sync.Mutex
	orders int           // that wait or run
	idle   chan struct{} // closed once there is none of them any more
	cut    context.CancelCauseFunc
}

// New returns turns of which none is taken.
func New() *Turns { return &Turns{token: make(chan struct{}, 1)} }

// Read waits for a reading's turn, which done ends. The context that it returns ends
// early if an order comes, with ErrPreempted as its cause.
func (t *Turns) Read(ctx context.Context) (_ context.Context, done func(), _ error) {
	for {
		if err := t.acquire(ctx); err != nil {
			return nil, nil, err
		}
		reading, done, idle := t.begin(ctx)
		if idle == nil {
			return reading, done, nil
		}
		<-t.token
		select {
		case <-idle:
		case <-ctx.Done():
			return nil, nil, wait(ctx)
		}
	}
}

// begin begins a reading whose turn has come, unless an order waits: then idle says
// when to try again. That it looks and registers in one step is what no order can slip
// through.
func (t *Turns) begin(ctx context.Context) (_ context.Context, done func(), idle <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.orders > 0 {
		return nil, nil, t.idle
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

// Order waits for an order's turn, which done ends. Readings do not hold it up.
func (t *Turns) Order(ctx context.Context) (done func(), _ error) {
	t.announce()
	if err := t.acquire(ctx); err != nil {
		t.leave()
		return nil, err
	}
	return func() {
		t.leave()
		<-t.token
	}, nil
}

func (t *Turns) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.orders++; t.orders == 1 {
		t.idle = make(chan struct{})
	}
	if t.cut != nil {
		t.cut(ErrPreempted)
	}
}

func (t *Turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.orders--; t.orders == 0 {
		close(t.idle)
	}
}

func (t *Turns) acquire(ctx context.Context) error {
	select {
	case t.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return wait(ctx)
	}
}

func wait(ctx context.Context) error {
	return fmt.Errorf("wait for the conversation before: %w", context.Cause(ctx))
}
