package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// A handle is every role at once.
var (
	_ sdk.Prober   = (*Instance)(nil)
	_ sdk.Promoter = (*Instance)(nil)
	_ sdk.Sleeper  = (*Instance)(nil)
	_ sdk.Link     = (*Instance)(nil)
	_ sdk.Tuner    = (*Instance)(nil)
	_ sdk.Evidence = (*Instance)(nil)
)

type none = struct{}

// opened returns the plugin's side of the handle, or why there is none.
func (in *Instance) opened() (*remote.Instance, error) {
	if r := in.current.Load(); r != nil {
		return r, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil, fmt.Errorf("%s: %w", in.name, ErrClosed)
	}
	if in.why != nil {
		return nil, fmt.Errorf("%s: %w: %w", in.name, ErrRestarting, in.why)
	}
	return nil, fmt.Errorf("%s: %w", in.name, ErrRestarting)
}

// ask makes one call with a deadline, and has the plugin looked after if the
// answer did not come or cannot be one.
func ask[T any](ctx context.Context, in *Instance, f func(context.Context, *remote.Instance) (T, error)) (T, error) {
	var zero T
	r, err := in.opened()
	if err != nil {
		return zero, err
	}
	ctx, cancel := bounded(ctx, in.supervisor.host.options.CallTimeout)
	defer cancel()
	value, err := f(ctx, r)
	if err == nil {
		return value, nil
	}
	return value, in.fault(err)
}

// fault looks after the plugin whose call failed, and says what the caller needs to know.
func (in *Instance) fault(err error) error {
	switch {
	case errors.Is(err, remote.ErrGarbage):
		in.supervisor.condemn(Garbage, fmt.Errorf("%s: %w", in.name, err))
	case errors.Is(err, context.DeadlineExceeded):
		poke(in.supervisor.suspect)
	case errors.Is(err, remote.ErrBroken):
		poke(in.supervisor.suspect) // no stream may have been open to notice it
		return fmt.Errorf("%s: %w: %w", in.name, ErrRestarting, err)
	}
	return fmt.Errorf("%s: %w", in.name, err)
}

func act(ctx context.Context, in *Instance, f func(*remote.Instance, context.Context) error) error {
	_, err := ask(ctx, in, func(ctx context.Context, r *remote.Instance) (none, error) { return none{}, f(r, ctx) })
	return err
}

// Probe asks for one probe.
func (in *Instance) Probe(ctx context.Context) (sdk.Result, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) (sdk.Result, error) { return r.Probe(ctx) })
}

// Start starts a resource.
func (in *Instance) Start(ctx context.Context) error { return act(ctx, in, (*remote.Instance).Start) }

// Stop stops a resource.
func (in *Instance) Stop(ctx context.Context) error { return act(ctx, in, (*remote.Instance).Stop) }

// Promote promotes a resource.
func (in *Instance) Promote(ctx context.Context) error {
	return act(ctx, in, (*remote.Instance).Promote)
}

// Demote demotes a resource.
func (in *Instance) Demote(ctx context.Context) error { return act(ctx, in, (*remote.Instance).Demote) }

// Monitor finds out whether a resource runs.
func (in *Instance) Monitor(ctx context.Context) (sdk.State, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) (sdk.State, error) { return r.Monitor(ctx) })
}

// Describe tells what a fence device is.
func (in *Instance) Describe(ctx context.Context) (sdk.Device, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) (sdk.Device, error) { return r.Describe(ctx) })
}

// Status reads a fence device.
func (in *Instance) Status(ctx context.Context) (sdk.Reading, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) (sdk.Reading, error) { return r.Status(ctx) })
}

// Off switches a node's power off. See order for what happens at its expiry.
func (in *Instance) Off(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	return in.order(ctx, o, (*remote.Instance).Off)
}

// On switches a node's power on. See order for what happens at its expiry.
func (in *Instance) On(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	return in.order(ctx, o, (*remote.Instance).On)
}

// Sleep has a node's supply switch off later. See order for what happens at its expiry.
func (in *Instance) Sleep(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	return in.order(ctx, o, (*remote.Instance).Sleep)
}

type orderCall func(*remote.Instance, context.Context, sdk.Order) (sdk.Reading, error)

// order carries an order to a fence device. The plugin may send until the order
// expires, whether the caller still waits or not; a plugin that has not answered
// by then is killed at once, for it could wake up later and send.
func (in *Instance) order(ctx context.Context, o sdk.Order, call orderCall) (sdk.Reading, error) {
	left := o.Expiry - sdk.Monotonic()
	if left <= 0 {
		return sdk.Reading{}, fmt.Errorf("%s: order %s has expired and was not sent", in.name, o.ID)
	}
	r, err := in.opened()
	if err != nil {
		return sdk.Reading{}, err
	}
	type answer struct {
		reading sdk.Reading
		err     error
	}
	answered := make(chan answer, 1)
	go func() {
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), left)
		defer cancel()
		reading, err := call(r, sending, o)
		if sending.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
			in.supervisor.kill(fmt.Errorf("%s: order %s expired without an answer", in.name, o.ID))
		}
		if err != nil {
			err = in.fault(err)
		}
		answered <- answer{reading, err}
	}()
	select {
	case a := <-answered:
		return a.reading, a.err
	case <-ctx.Done():
		return sdk.Reading{}, fmt.Errorf("%s: order %s: no answer in time: %w", in.name, o.ID, ctx.Err())
	}
}

// Parameters lists a product's settings.
func (in *Instance) Parameters(ctx context.Context) ([]sdk.Parameter, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) ([]sdk.Parameter, error) {
		return r.Parameters(ctx)
	})
}

// SetParameter changes one setting.
func (in *Instance) SetParameter(ctx context.Context, name, value string) (sdk.Parameter, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) (sdk.Parameter, error) {
		return r.SetParameter(ctx, name, value)
	})
}

// Evidence asks for what belongs into a snapshot; it may return items with an error.
func (in *Instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	return ask(ctx, in, func(ctx context.Context, r *remote.Instance) ([]sdk.Item, error) { return r.Evidence(ctx) })
}

// Send carries one beat while Run is active. It never waits.
func (in *Instance) Send(beat []byte) error {
	r := in.current.Load()
	if r == nil {
		return ErrRestarting
	}
	return r.Send(beat)
}

// Unanswered tells for how long the plugin has left beats lying that it was given;
// 0: it took them all.
func (in *Instance) Unanswered() time.Duration {
	if r := in.current.Load(); r != nil {
		return r.Unanswered()
	}
	return 0
}

// Run delivers packets and changes of state until ctx ends, across restarts of the
// plugin; while there is none the state is Unknown. It fails only if the instance
// is no link or is closed.
func (in *Instance) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	caller := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-in.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		r, changed, err := in.awaited(ctx)
		if err != nil || r == nil {
			return err
		}
		err = r.Run(ctx, packet, state)
		if caller.Err() != nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", in.name, ErrClosed)
		}
		if errors.Is(err, remote.ErrRole) {
			return in.fault(err)
		}
		if errors.Is(err, remote.ErrGarbage) {
			_ = in.fault(err)
		}
		state(sdk.LinkState{Message: fmt.Sprintf("no link: %v", in.fault(err)), Taken: sdk.Monotonic()})
		select { // the supervisor withdraws the instance in a moment
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-time.After(lastWords):
		}
	}
}

// awaited waits until the instance is open; nil without an error when ctx ends.
func (in *Instance) awaited(ctx context.Context) (*remote.Instance, <-chan struct{}, error) {
	for {
		in.mu.Lock()
		closed, changed := in.closed, in.changed
		in.mu.Unlock()
		if closed {
			return nil, nil, fmt.Errorf("%s: %w", in.name, ErrClosed)
		}
		if r := in.current.Load(); r != nil {
			return r, changed, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, nil
		}
	}
}
