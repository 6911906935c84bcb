package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

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
	began := sdk.Monotonic()
	opening := s.up(client, proc, old)
	watching := sync.WaitGroup{}
	watching.Go(func() {
		opening.Wait()
		if s.holds(client) {
			s.runs(PluginEvent{Kind: kind, PID: pid, OldPID: old})
		}
	})
	end := s.watch(client, proc)
	keeping := s.down(end)
	if end.stop {
		s.farewell(keeping)
	}
	s.end(proc)
	_ = client.Close() // the process is gone: there is nothing to lose
	<-proc.exited
	watching.Wait()
	s.outlived(sdk.Monotonic()-began, end)
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
	if err := s.program.admit(ctx); err != nil {
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
	s.client = nil // the process stays known until it is killed: an order under way ends with its life
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

// end kills the process, if nobody did before.
func (s *supervisor) end(proc *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = nil
	proc.kill()
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
