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
	longLife   = time.Minute            // after which the back-off starts over
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
		state: Status{Plugin: name, State: Stopped, Since: sdk.Monotonic()},
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
		if sdk.Monotonic()-began > longLife {
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

// session is the life of one process. It returns its number, 0 if it never was
// up, and why it ended.
func (s *supervisor) session(old int) (int, verdict) {
	s.mark(Starting)
	out := newOutput(s.host.options.Log, s.name)
	proc, client, err := s.start(out)
	if err != nil {
		kind := Failed
		switch {
		case errors.Is(err, remote.ErrGarbage):
			kind = Garbage
		case errors.Is(err, ErrRefused):
			kind = Refused
		}
		s.fail(kind, 0, err, out)
		s.refuse(err)
		return 0, verdict{kind: kind, err: err}
	}
	pid := proc.pid()
	kind := Started
	if old != 0 || s.wasMissing() {
		kind = Restarted
	}
	opening := s.up(client, proc, old)
	watching := sync.WaitGroup{}
	watching.Go(func() {
		opening.Wait()
		if client.Err() != nil {
			return
		}
		s.tell(PluginEvent{Kind: kind, PID: pid, OldPID: old})
	})
	end := s.watch(client, proc)
	keeping := s.down(end)
	if end.stop {
		s.farewell(keeping)
	}
	proc.kill()
	_ = client.Close() // the process is gone: there is nothing to lose
	<-proc.exited
	if !end.stop {
		select {
		case <-out.ended:
		case <-time.After(lastWords):
		}
		if end.kind == Died && proc.state != nil {
			end.err = fmt.Errorf("process %d ended: %s", pid, proc.state)
		}
		s.fail(end.kind, pid, end.err, out)
	}
	watching.Wait()
	keeping.Wait()
	proc.clean()
	return pid, end
}

// start starts a process and asks who it is.
func (s *supervisor) start(out *output) (*process, *remote.Client, error) {
	ctx, cancel := context.WithTimeout(s.host.life, s.host.options.StartTimeout)
	defer cancel()
	s.mu.Lock()
	changed, closed := s.changed, s.closed
	s.mu.Unlock()
	if closed {
		return nil, nil, ErrClosed
	}
	go func() { // closing must not wait for a start
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := s.program.admit(); err != nil {
		return nil, nil, err
	}
	proc, client, err := start(ctx, s.program, s.host.options.Dir, s.host.environment(s.name), out)
	if err != nil {
		return nil, nil, err
	}
	info, err := client.Info(ctx)
	if err == nil && info.Name != s.name {
		err = fmt.Errorf("%w: it calls itself %q", remote.ErrGarbage, info.Name)
	}
	if err != nil && !errors.Is(err, remote.ErrGarbage) && !proc.hasExited() && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", remote.ErrGarbage, err)
	}
	if err != nil {
		proc.kill()
		<-proc.exited
		proc.clean()
		return nil, nil, errors.Join(fmt.Errorf("ask plugin who it is: %w", err), client.Close())
	}
	s.mu.Lock()
	s.state.Version = info.Version
	s.mu.Unlock()
	return proc, client, nil
}

// up publishes the connection and has every instance opened.
func (s *supervisor) up(client *remote.Client, proc *process, old int) *sync.WaitGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	drain(s.verdicts)
	s.client, s.process = client, proc
	s.state.PID = proc.pid()
	if old != 0 {
		s.state.Restarts++
	}
	s.enter(Running, nil)
	s.opening = &sync.WaitGroup{}
	first := &sync.WaitGroup{}
	for _, in := range s.instances {
		first.Add(1)
		s.keep(client, in, first.Done)
	}
	s.announce()
	return first
}

// keep opens an instance on the client and keeps it so. s.mu is held.
func (s *supervisor) keep(client *remote.Client, in *Instance, tried ...func()) {
	s.opening.Go(func() { in.keep(client, tried...) })
}

// down withdraws the connection: from now on every call is refused.
func (s *supervisor) down(end verdict) *sync.WaitGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client, s.process = nil, nil
	s.state.PID = 0
	state := Restarting
	if end.stop {
		state = Stopped
	}
	s.enter(state, end.err)
	for _, in := range s.instances {
		if s.closed {
			in.abandon()
		} else {
			in.withdraw(end.err)
		}
	}
	return s.opening
}

// farewell waits, for a bounded time, until every instance is closed.
func (s *supervisor) farewell(keeping *sync.WaitGroup) {
	all := make(chan struct{})
	go func() {
		keeping.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-time.After(politeness):
		s.log.Warn("plugin did not close its instances")
	}
}

func (s *supervisor) fail(kind Kind, pid int, err error, out *output) {
	s.mu.Lock()
	s.state.LastErr = err
	closed := s.closed
	s.mu.Unlock()
	if !closed {
		s.tell(PluginEvent{Kind: kind, PID: pid, Err: err, Log: out.last()})
	}
}

// wasMissing tells whether the start before this one failed.
func (s *supervisor) wasMissing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := s.missing
	s.missing = false
	return missing
}

// refuse tells those who wait that the plugin could not be started.
func (s *supervisor) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	s.missing = true
	for _, in := range s.instances {
		in.withdraw(err)
	}
	s.announce()
}

func (s *supervisor) tell(event PluginEvent) {
	s.mu.Lock()
	event.Plugin, event.Taken = s.name, sdk.Monotonic()
	event.Instances = s.names()
	s.mu.Unlock()
	log := s.log.WithFields(logrus.Fields{"pid": event.PID, "instances": len(event.Instances)})
	if event.Err != nil {
		log.WithField("error", event.Err).Warnf("plugin %s", event.Kind)
	} else {
		log.Infof("plugin %s", event.Kind)
	}
	s.host.events.tell(event)
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
