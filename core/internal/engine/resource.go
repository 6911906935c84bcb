package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

// resource is one thing that the cluster starts, stops and monitors.
type resource struct {
	e   *Engine
	cfg config.Resource
	in  *instance
	// one lets a regular monitor pass only while no action is under way: a
	// monitor that catches a start half done says nothing useful.
	one sync.Mutex

	mu    sync.Mutex
	last  sdk.State
	err   string
	yield context.CancelFunc // ends a regular monitor that stands in an action's way
}

func (e *Engine) newResources() map[string]*resource {
	out := map[string]*resource{}
	for _, c := range e.Config.Resources {
		out[c.Name] = &resource{e: e, cfg: c, in: e.newInstance(c.Plugin, "resource-"+c.Name, c.With.For(e.Node))}
	}
	return out
}

// watch opens the resource's plugin and monitors at the resource's pace.
func (r *resource) watch(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { r.in.open(ctx) })
	if _, ok := r.in.wait(ctx); !ok {
		return
	}
	for found := 0; ; {
		if r.regular(ctx) {
			found++
		}
		if found > r.cfg.FailuresToDown { // the policy had what it takes to find it dead
			r.e.clerk.judged("resource/" + r.cfg.Name)
		}
		if !r.e.rest(ctx, r.cfg.MonitorEvery.Std()) {
			return
		}
	}
}

// regular monitors unless an action is under way; found: it is known how the resource is.
// Its answer is with the policy before an action may begin: after the action's it would
// tell of a resource that is no more.
func (r *resource) regular(ctx context.Context) (found bool) {
	if !r.one.TryLock() {
		return false
	}
	defer r.one.Unlock()
	yielding, yield := context.WithCancel(ctx)
	bounded, cancel := context.WithTimeout(yielding, r.cfg.MonitorTimeout.Std())
	r.mu.Lock()
	r.yield = yield
	r.mu.Unlock()
	event := r.monitor(bounded, "")
	gaveWay := yielding.Err() != nil
	cancel()
	yield()
	if gaveWay {
		return false
	}
	r.e.post(ctx, event)
	return event.Running == beat.No || event.Health != beat.HealthUnknown
}

// claim takes the resource for an action.
func (r *resource) claim() {
	r.mu.Lock()
	if r.yield != nil {
		r.yield()
	}
	r.mu.Unlock()
	r.one.Lock()
}

func (r *resource) monitor(ctx context.Context, id string) failover.ResourceState {
	out := failover.ResourceState{ID: id, Resource: r.cfg.Name}
	in, err := r.in.get()
	var state sdk.State
	if err == nil {
		state, err = in.Monitor(ctx)
	}
	r.mu.Lock()
	r.err = errText(err)
	if err == nil {
		r.last = state
	}
	r.mu.Unlock()
	if err != nil {
		out.Message = err.Error()
		return out
	}
	out.Running, out.Health, out.PID, out.Message = beat.No, healthOf(state.Status), state.PID, state.Message
	if state.Running {
		out.Running = beat.Yes
	}
	if state.Running && r.cfg.Warm {
		out.Promoted = beat.No
		if state.Promoted {
			out.Promoted = beat.Yes
		}
	}
	return out
}

// steer carries out an action on a resource.
func (e *Engine) steer(ctx context.Context, a failover.Action) failover.Event {
	r, ok := e.resources[a.Resource]
	if !ok {
		return failover.ActionDone{ID: a.ID, Err: "no such resource"}
	}
	if a.Kind == failover.MonitorResource {
		return r.monitor(ctx, a.ID)
	}
	r.claim()
	defer r.one.Unlock()
	if _, ok := r.in.wait(ctx); !ok { // a plugin that is still starting has until the deadline
		_, err := r.in.get()
		return failover.ActionDone{ID: a.ID, Err: errText(err)}
	}
	pid, err := r.act(ctx, a.Kind)
	return failover.ActionDone{ID: a.ID, PID: pid, Err: errText(err)}
}

func (r *resource) act(ctx context.Context, kind failover.ActionKind) (pid int, _ error) {
	in, err := r.in.get()
	if err != nil {
		return 0, err
	}
	switch kind {
	case failover.StopResource:
		return 0, r.patient(ctx, in.Stop)
	case failover.PromoteResource:
		return 0, r.patient(ctx, in.Promote)
	case failover.DemoteResource:
		return 0, r.patient(ctx, in.Demote)
	case failover.RestartResource:
		if err := r.patient(ctx, in.Stop); err != nil {
			return 0, fmt.Errorf("stop before the new start: %w", err)
		}
		if err := r.patient(ctx, in.Start); err != nil {
			return 0, err
		}
	default:
		if err := r.patient(ctx, in.Start); err != nil {
			return 0, err
		}
	}
	state, err := in.Monitor(ctx)
	if err != nil {
		return 0, nil //nolint:nilerr // the start succeeded; the regular monitor will find the process
	}
	r.mu.Lock()
	r.last, r.err = state, ""
	r.mu.Unlock()
	return state.PID, nil
}

// patient repeats an action while the plugin's process is being restarted: an
// action is idempotent, and a plugin's death is no verdict on the resource.
func (r *resource) patient(ctx context.Context, do func(context.Context) error) error {
	for {
		err := do(ctx)
		if err == nil || !errors.Is(err, ErrPluginAway) || !sdk.Pause(ctx, 50*time.Millisecond) {
			return err
		}
	}
}
