package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// Fixed times of a supervisor.
const (
	idleTime   = 5 * time.Second        // a process that nobody uses is ended after this
	lastWords  = 100 * time.Millisecond // a dead process' stderr is read for this long
	politeness = 3 * time.Second        // for instances to close before the process is ended
)

// supervisor keeps one plugin's process running while anybody uses it.
type supervisor struct {
	host    *Host
	name    string
	program program
	log     logrus.FieldLogger

	suspect  chan struct{} // a call was not answered: ask for a sign of life now
	verdicts chan verdict  // somebody wants the process killed
	gone     chan struct{} // a user went
	done     sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	looping   bool
	users     int // instances and holds
	instances map[string]*Instance
	client    *remote.Client // nil while there is no process
	process   *process
	failures  int  // starts that failed
	missing   bool // the newest start failed
	opening   *sync.WaitGroup
	changed   chan struct{} // closed and replaced when client or closed changes
	state     Status
	telling   telling
}

// verdict is why a process was given up.
type verdict struct {
	kind Kind
	err  error
	stop bool // nothing is wrong: it is not needed any more
}

func newSupervisor(h *Host, name string, p program) *supervisor {
	return &supervisor{
		host: h, name: name, program: p, log: h.options.Log.WithField("plugin", name),
		suspect: make(chan struct{}, 1), verdicts: make(chan verdict, 1), gone: make(chan struct{}, 1),
		instances: map[string]*Instance{}, changed: make(chan struct{}),
		state:   Status{Plugin: name, State: Stopped, Since: sdk.Monotonic()},
		telling: telling{told: map[string]bool{}},
	}
}

// add registers an instance; it is opened as soon as the process is up.
func (s *supervisor) add(in *Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("host: %w", ErrClosed)
	}
	if _, taken := s.instances[in.name]; taken {
		return fmt.Errorf("%s is open already", in.name)
	}
	s.instances[in.name] = in
	s.use()
	if s.client != nil {
		s.keep(s.client, in)
	}
	return nil
}

func (s *supervisor) drop(in *Instance) {
	s.mu.Lock()
	if s.instances[in.name] == in {
		delete(s.instances, in.name)
		s.users--
	}
	s.mu.Unlock()
	poke(s.gone)
}

// hold keeps the process running until release is called.
func (s *supervisor) hold() (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("host: %w", ErrClosed)
	}
	s.use()
	return func() {
		s.mu.Lock()
		s.users--
		s.mu.Unlock()
		poke(s.gone)
	}, nil
}

// use counts a user and starts the loop if it is not running. s.mu is held.
func (s *supervisor) use() {
	s.users++
	if !s.looping {
		s.looping = true
		s.done.Go(s.loop)
	}
}

// ready waits for the process to be up.
func (s *supervisor) ready(ctx context.Context) (*remote.Client, error) {
	failed := -1
	for {
		s.mu.Lock()
		client, changed, closed, last, failures := s.client, s.changed, s.closed, s.state.LastErr, s.failures
		s.mu.Unlock()
		if failed < 0 {
			failed = failures
		}
		switch {
		case closed:
			return nil, fmt.Errorf("host: %w", ErrClosed)
		case client != nil:
			return client, nil
		case failures > failed:
			return nil, last
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s: %w", s.name, ErrRestarting), last)
		}
	}
}

// close ends the process for good.
func (s *supervisor) close() {
	s.mu.Lock()
	s.closed = true
	s.announce()
	s.mu.Unlock()
	s.done.Wait()
	s.program.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.instances {
		in.abandon()
	}
}

// announce wakes everybody who waits for a change. s.mu is held.
func (s *supervisor) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// loop runs processes, one after the other, until nobody uses the plugin.
func (s *supervisor) loop() {
	backoff := s.host.options.Backoff
	old := 0
	for {
		began := sdk.Monotonic()
		pid, end := s.session(old)
		if s.finished() {
			return
		}
		if end.stop {
			old, backoff = 0, s.host.options.Backoff
			continue
		}
		if pid != 0 {
			old = pid
		}
		if sdk.Monotonic()-began > s.host.options.LongLife {
			backoff = s.host.options.Backoff
		}
		s.pause(backoff)
		backoff = min(2*backoff, s.host.options.maxBackoff(s.name))
		if s.finished() {
			return
		}
	}
}

// finished ends the loop if nobody uses the plugin any more.
func (s *supervisor) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.users > 0 {
		return false
	}
	s.looping = false
	s.enter(Stopped, nil)
	return true
}

func (s *supervisor) pause(d time.Duration) {
	s.mu.Lock()
	changed, closed := s.changed, s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func drain(c chan verdict) {
	select {
	case <-c:
	default:
	}
}
