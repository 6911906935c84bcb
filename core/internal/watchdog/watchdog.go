// Package watchdog has the machine reset when the daemon's main loop hangs, or when
// the loop says that this machine must not go on. It never feeds the watchdog on its
// own account: every feeding begins with the loop's word that it is on time.
package watchdog

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// Device is an armed watchdog: once its timeout has passed without a feeding, the
// machine is reset.
type Device interface {
	// Feed starts the timeout anew.
	Feed() error
	// Hasten makes the reset come as soon as the device can do it.
	Hasten() error
	// Close lets go of the device; disarm says that the machine is not to be reset.
	Close(disarm bool) error
}

// shares is how often the device is fed within its timeout.
const shares = 4

// Watchdog feeds a device for a loop. Alive belongs to the loop; everything that may
// wait for the device happens in a goroutine of its own.
type Watchdog struct {
	device Device
	every  time.Duration
	grace  time.Duration
	log    logrus.FieldLogger

	fed       time.Duration // when Alive last had the device fed
	food      chan struct{}
	resetting atomic.Bool
	reset     chan struct{}
	end       chan struct{}
	wait      sync.WaitGroup
	once      sync.Once
	closed    error
}

// New feeds the device once and then for a loop that calls Alive. The loop counts as
// on time while it is less than grace late.
func New(device Device, timeout, grace time.Duration, log logrus.FieldLogger) *Watchdog {
	w := &Watchdog{
		device: device, every: timeout / shares, grace: grace, log: log,
		food: make(chan struct{}, 1), reset: make(chan struct{}), end: make(chan struct{}),
	}
	w.food <- struct{}{}
	w.wait.Go(w.work)
	return w
}

// Alive says that the loop came round at now (CLOCK_MONOTONIC), late by so much. A
// loop that is as late as grace is no better than one that hangs.
func (w *Watchdog) Alive(now, late time.Duration) {
	if late >= w.grace || w.fed > 0 && now-w.fed < w.every {
		return
	}
	select {
	case w.food <- struct{}{}:
		w.fed = now
	default: // the device has not taken the last one yet
	}
}

// Reset has the machine reset: nothing feeds the device any more.
func (w *Watchdog) Reset() {
	if !w.resetting.Swap(true) {
		close(w.reset)
	}
}

func (w *Watchdog) work() {
	reset := w.reset
	for {
		select {
		case <-w.end:
			return
		case <-reset:
			reset = nil
			w.tell(w.device.Hasten(), "the reset comes a whole timeout later")
		case <-w.food:
			if !w.resetting.Load() {
				w.tell(w.device.Feed(), "watchdog not fed")
			}
		}
	}
}

func (w *Watchdog) tell(err error, what string) {
	if err != nil {
		w.log.WithError(err).Error(what)
	}
}

// Close lets go of the device, and disarms it unless a reset is wanted. It may be
// called again.
func (w *Watchdog) Close() error {
	w.once.Do(func() {
		close(w.end)
		w.wait.Wait()
		w.closed = w.device.Close(!w.resetting.Load())
	})
	return w.closed
}
