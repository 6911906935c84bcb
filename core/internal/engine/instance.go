package engine

import (
	"context"
	"sync"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// instance is one configured use of a plugin that opens itself and tries again
// until it could be opened. Once open it stays: the host brings it back after a
// plugin's restart.
type instance struct {
	e            *Engine
	plugin, name string
	section      []byte

	mu     sync.Mutex
	opened Instance
	fault  error
	ready  chan struct{}
}

func (e *Engine) newInstance(plugin, name string, section []byte) *instance {
	return &instance{e: e, plugin: plugin, name: name, section: section, fault: errNotOpen, ready: make(chan struct{})}
}

// open opens the instance, however long it takes, and closes it when ctx ends.
func (i *instance) open(ctx context.Context) {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		opened, err := i.e.Plugins.Open(ctx, i.plugin, i.name, i.section)
		if err == nil {
			i.keep(opened)
			<-ctx.Done()
			if err := opened.Close(); err != nil {
				i.e.Log.WithError(err).WithField("plugin", i.plugin).Debug("instance not closed cleanly")
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		i.refused(err)
		if !sdk.Pause(ctx, pause) {
			return
		}
	}
}

func (i *instance) keep(opened Instance) {
	i.mu.Lock()
	i.opened, i.fault = opened, nil
	i.mu.Unlock()
	close(i.ready)
}

func (i *instance) refused(err error) {
	i.mu.Lock()
	first := i.fault == nil || i.fault.Error() != err.Error()
	i.fault = err
	i.mu.Unlock()
	if first {
		i.e.Log.WithError(err).WithField("plugin", i.plugin).WithField("instance", i.name).Warn("instance cannot be opened yet")
	}
}

// get returns the open instance, or why there is none.
func (i *instance) get() (Instance, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.opened, i.fault
}

// wait returns the instance once it is open; false when ctx ended first.
func (i *instance) wait(ctx context.Context) (Instance, bool) {
	select {
	case <-i.ready:
		opened, _ := i.get()
		return opened, true
	case <-ctx.Done():
		return nil, false
	}
}

// wakeGrid is the time between the moments at which regular work begins, so that
// the processor is woken once for several.
const wakeGrid = time.Second

// rest waits until regular work is due again, a little early the first time.
func (e *Engine) rest(ctx context.Context, every time.Duration) bool {
	grid := max(min(every/2, wakeGrid), 1)
	now := e.Clock.Now()
	return sdk.Pause(ctx, (now+every).Truncate(grid)-now)
}

// untilTick is the time until the next moment of a regular grid (sdk.UntilTick).
func (e *Engine) untilTick(every time.Duration) time.Duration {
	return every - e.Clock.Now()%every
}
