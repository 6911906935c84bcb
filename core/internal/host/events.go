package host

import (
	"sync"
	"time"
)

// Kind is what happened to a plugin's process.
type Kind int

// What may happen to a plugin's process.
const (
	Started   Kind = iota // runs for the first time, or again after it was stopped for want of use
	Died                  // ended by itself
	Silent                // answered nothing within its deadline and was killed
	Garbage               // answered what cannot be an answer and was killed
	Restarted             // runs again, or at last
	Failed                // could not be started; it will be tried again
	Refused               // may not be started; it will be looked at again
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"started", "died", "silent", "garbage", "restarted", "failed", "refused"}[k]
}

// PluginEvent is one thing that happened to a plugin's process.
type PluginEvent struct {
	Plugin string
	Kind   Kind
	// PID is the process it is about; OldPID is, for Restarted, the one before, 0 if none ran.
	PID, OldPID int
	// Instances are the names of the plugin's instances.
	Instances []string
	// Err says why.
	Err error
	// Taken is the CLOCK_MONOTONIC time at which the host noticed.
	Taken time.Duration
	// Log holds the last lines that the process wrote beside its log, e.g. a panic.
	Log []string
}

// eventsWaiting bounds events whose hook has not returned; more are dropped,
// because a supervisor must never wait for anybody.
const eventsWaiting = 256

type events struct {
	queue chan PluginEvent
	done  sync.WaitGroup
	once  sync.Once
}

func newEvents(hook func(PluginEvent)) *events {
	e := &events{queue: make(chan PluginEvent, eventsWaiting)}
	e.done.Go(func() {
		for event := range e.queue {
			hook(event)
		}
	})
	return e
}

func (e *events) tell(event PluginEvent) {
	select {
	case e.queue <- event:
	default:
	}
}

// close waits for the hook to return. Nobody may tell anything afterwards.
func (e *events) close() {
	e.once.Do(func() { close(e.queue) })
	e.done.Wait()
}
