// Package lbwatch watches load balancers that have a standby of their own: whom VRRP
// advertisements name as master, how HAProxy's servers are, what IBM's Load Balancer
// says of its high availability. It only looks: it starts, stops and decides
// nothing.
package lbwatch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name: "lbwatch", Version: "1.0.0", Summary: "Watches VRRP, HAProxy and IBM Load Balancer: who is the master, and how it is.",
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
			return open(env, config.(*Config))
		},
	}
}

// watch is one way to look at a balancer.
type watch interface {
	// look tells how the balancer is; an error means that it could not find out.
	look(ctx context.Context) (view, error)
	Close() error
}

// view is what a look found.
type view struct {
	status  sdk.Status
	message string
	running bool // a balancer answers
	here    bool // this node's is the master, or serves
	values  map[string]float64
	text    string // for evidence
}

// startPoll is how often a start looks whether the balancer is there.
const startPoll = 200 * time.Millisecond

type instance struct {
	watch

	mark   string // the file that tells that the resource is started
	marked atomic.Bool
}

func open(env sdk.Env, cfg *Config) (sdk.Instance, error) {
	i := &instance{mark: filepath.Join(env.StateDir, "watching")}
	if _, err := os.Stat(i.mark); err == nil {
		i.marked.Store(true)
	}
	switch {
	case cfg.VRRP.given():
		i.watch = newVRRPWatch(cfg.VRRP, env.Log)
	case cfg.HAProxy.given():
		w, err := newHAProxyWatch(cfg.HAProxy)
		if err != nil {
			return nil, err
		}
		i.watch = w
	default:
		i.watch = &edgeWatch{cfg.Edge}
	}
	return i, nil
}

// Probe tells how the balancer is.
func (i *instance) Probe(ctx context.Context) (sdk.Result, error) {
	v, err := i.look(ctx)
	if err != nil {
		return sdk.Result{}, err
	}
	return sdk.Result{Status: v.status, Message: v.message, Values: v.values}, nil
}

// Evidence is what lies behind the verdict.
func (i *instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	v, err := i.look(ctx)
	if err != nil {
		return nil, err
	}
	return []sdk.Item{{Name: "lbwatch", Text: v.message + "\n" + v.text, Values: v.values}}, nil
}

// Start begins to watch the balancer as a resource: it returns once the balancer is
// there. Whoever else starts it (plugin service) comes before.
func (i *instance) Start(ctx context.Context) error {
	for {
		v, err := i.look(ctx)
		if err == nil && v.running {
			break
		}
		if err == nil {
			err = errors.New(v.message)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the balancer: %w", err)
		case <-time.After(sdk.UntilTick(startPoll)):
		}
	}
	if err := os.WriteFile(i.mark, nil, 0o600); err != nil {
		return fmt.Errorf("note that the balancer is watched: %w", err)
	}
	i.marked.Store(true)
	return nil
}

// Stop ends the watch; the balancer stays as it is.
func (i *instance) Stop(context.Context) error {
	i.marked.Store(false)
	if err := os.Remove(i.mark); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("note that the balancer is not watched: %w", err)
	}
	return nil
}

// Monitor tells how the balancer is while it is watched. One that does not answer is
// down and not stopped: its own service is restarted, not the watch.
func (i *instance) Monitor(ctx context.Context) (sdk.State, error) {
	if !i.marked.Load() {
		return sdk.State{Status: sdk.Down, Message: "not watched"}, nil
	}
	v, err := i.look(ctx)
	if err != nil {
		return sdk.State{}, err
	}
	return sdk.State{Running: true, Promoted: v.here, Status: v.status, Message: v.message, Values: v.values}, nil
}
