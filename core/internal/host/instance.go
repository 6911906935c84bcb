package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// Instance is a handle of one configured use of a plugin. It survives restarts of
// the plugin's process; meanwhile every call returns ErrRestarting. It has the
// methods of every role; one that is not offered returns remote.ErrRole. Its
// methods may be called from any number of goroutines, and none waits for another.
type Instance struct {
	supervisor *supervisor
	name       string
	yaml       []byte
	env        sdk.Env

	current atomic.Pointer[remote.Instance] // nil while not open

	mu      sync.Mutex
	roles   sdk.Roles
	why     error         // why it is not open
	changed chan struct{} // closed and replaced at every change
	tried   bool          // an attempt to open it was answered
	closed  bool
	ending  chan struct{} // closed by Close
	keeping bool          // keep is running
}

func newInstance(s *supervisor, name string, yaml []byte, env sdk.Env) *Instance {
	return &Instance{
		supervisor: s, name: name, yaml: yaml, env: env,
		changed: make(chan struct{}), ending: make(chan struct{}),
	}
}

// Name is the instance's name.
func (in *Instance) Name() string { return in.name }

// Plugin is the name of its plugin.
func (in *Instance) Plugin() string { return in.supervisor.name }

// Roles tells what the instance offers; nothing before it was first open.
func (in *Instance) Roles() sdk.Roles {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.roles
}

// update changes the instance under its lock and wakes everybody who waits.
func (in *Instance) update(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f()
	close(in.changed)
	in.changed = make(chan struct{})
}

// firstOpen waits for the answer to the first attempt.
func (in *Instance) firstOpen(ctx context.Context) error {
	ctx, cancel := bounded(ctx, in.supervisor.host.options.StartTimeout)
	defer cancel()
	for {
		in.mu.Lock()
		tried, why, closed, changed := in.tried, in.why, in.closed, in.changed
		in.mu.Unlock()
		switch {
		case closed:
			return fmt.Errorf("%s: %w", in.name, ErrClosed)
		case in.current.Load() != nil:
			return nil
		case tried && why != nil:
			return why
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("open %s: %w", in.name, ErrRestarting), in.supervisor.status().LastErr)
		}
	}
}

// keep opens the instance on a client, tries again while that fails, and closes it
// when it is no longer wanted. It returns when the client ends.
func (in *Instance) keep(client *remote.Client, tried ...func()) {
	in.update(func() { in.keeping = true })
	defer in.update(func() { in.keeping = false })
	attempted := sync.OnceFunc(func() {
		for _, f := range tried {
			f()
		}
	})
	defer attempted()
	pause := in.supervisor.host.options.Backoff
	for {
		opened, err := in.open(client)
		attempted()
		if err == nil {
			in.hold(client, opened)
			return
		}
		var fault *sdk.ConfigError
		if errors.As(err, &fault) {
			return // no attempt can succeed
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-in.ending:
		case <-client.Done():
		}
		timer.Stop()
		if in.isEnding() || client.Err() != nil {
			return
		}
		pause = min(2*pause, in.supervisor.host.options.maxBackoff(in.supervisor.name))
	}
}

func (in *Instance) open(client *remote.Client) (*remote.Instance, error) {
	ctx, cancel := context.WithTimeout(context.Background(), in.supervisor.host.options.StartTimeout)
	defer cancel()
	stop := context.AfterFunc(clientContext{client}, cancel)
	defer stop()
	opened, err := client.Open(ctx, in.yaml, in.env)
	if err != nil {
		if errors.Is(err, remote.ErrGarbage) {
			in.supervisor.condemn(Garbage, fmt.Errorf("open %s: %w", in.name, err))
		}
		err = fmt.Errorf("open %s: %w", in.name, err)
	}
	in.update(func() {
		in.tried, in.why = true, err
		if err == nil {
			in.roles = opened.Roles()
			in.current.Store(opened)
		}
	})
	return opened, err
}

// hold waits until the instance is to be closed, and closes it.
func (in *Instance) hold(client *remote.Client, opened *remote.Instance) {
	select {
	case <-client.Done():
		in.update(func() { in.current.CompareAndSwap(opened, nil) })
	case <-in.ending:
		in.update(func() { in.current.CompareAndSwap(opened, nil) })
		ctx, cancel := context.WithTimeout(context.Background(), politeness)
		defer cancel()
		if err := opened.CloseWithin(ctx); err != nil && client.Err() == nil {
			in.supervisor.log.WithField("error", err).Warn("instance did not close")
		}
	}
}

func (in *Instance) isEnding() bool {
	select {
	case <-in.ending:
		return true
	default:
		return false
	}
}

// withdraw makes every further call fail until the instance is open again.
func (in *Instance) withdraw(why error) {
	in.update(func() {
		in.current.Store(nil)
		in.tried, in.why = true, why
	})
}

// abandon ends the instance without waiting.
func (in *Instance) abandon() {
	in.update(func() {
		if !in.closed {
			in.closed = true
			close(in.ending)
		}
	})
}

// Close closes the instance in the plugin and waits for that, for a bounded time.
// The plugin's process ends a little after its last instance.
func (in *Instance) Close() error {
	in.abandon()
	in.supervisor.drop(in)
	timer := time.NewTimer(politeness)
	defer timer.Stop()
	for {
		in.mu.Lock()
		keeping, changed := in.keeping, in.changed
		in.mu.Unlock()
		if !keeping {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return fmt.Errorf("close %s: the plugin has not answered", in.name)
		}
	}
}

// clientContext is a context that ends with a client.
type clientContext struct{ client *remote.Client }

func (clientContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c clientContext) Done() <-chan struct{}     { return c.client.Done() }
func (c clientContext) Err() error                { return c.client.Err() }
func (clientContext) Value(any) any               { return nil }
