package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// WatchdogDevice is where a node finds its watchdog, a named pipe.
const WatchdogDevice = "/run/watchdog"

const (
	watchdogPoll = 20 * time.Millisecond
	// resetTime is how long a machine is away that its watchdog reset.
	resetTime = 2 * time.Second
)

// watchdog stands in for the kernel's (uapi/linux/watchdog.h): opening arms it, what
// is written feeds it, and only a V written last lets it be closed without a reset.
type watchdog struct {
	node    *Node
	timeout time.Duration
	pipe    int
	stop    chan struct{}
	done    chan struct{}
}

// startWatchdog gives a node a watchdog; the lab takes it away at its end.
func startWatchdog(n *Node, timeout time.Duration) error {
	path := n.watchdogPipe()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return fmt.Errorf("make watchdog of %s: %w", n.ID(), err)
	}
	pipe, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open watchdog of %s: %w", n.ID(), err)
	}
	w := &watchdog{node: n, timeout: timeout, pipe: pipe, stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	n.Store.lab.AtDown(w.close)
	return nil
}

func (n *Node) watchdogPipe() string { return filepath.Join(n.dir, "watchdog") }

func (w *watchdog) close() error {
	close(w.stop)
	<-w.done
	return unix.Close(w.pipe)
}

func (w *watchdog) run() {
	defer close(w.done)
	ticker := time.NewTicker(watchdogPoll)
	defer ticker.Stop()
	var armed, magic bool
	var fed time.Duration
	buffer := make([]byte, 256)
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		count, err := unix.Read(w.pipe, buffer)
		switch {
		case count > 0:
			armed, magic, fed = true, buffer[count-1] == 'V', Monotonic()
		case err == nil && magic: // closed in order
			armed = false
		case err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			w.node.Store.lab.Log.WithError(err).WithField("node", w.node.ID()).Error("watchdog not read")
		}
		switch {
		case !w.node.Alive(): // a machine without power has no watchdog that counts
			armed = false
		case armed && Monotonic()-fed >= w.timeout:
			armed = false
			w.bite()
		}
	}
}

// bite resets the machine: it dies at once and boots, unless it has no power by then.
func (w *watchdog) bite() {
	lab := w.node.Store.lab
	lab.tell("watchdog", w.node.ID(), "is reset by its watchdog")
	err := w.node.kill()
	select {
	case <-w.stop:
		return
	case <-time.After(resetTime):
	}
	if err == nil && w.node.UPS().On() {
		err = w.node.boot()
	}
	if err != nil {
		lab.Log.WithError(err).WithField("node", w.node.ID()).Error("machine not reset")
	}
}
