package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// The states of a plugin's process.
const (
	Stopped    = "stopped" // nobody uses it
	Starting   = "starting"
	Running    = "running"
	Restarting = "restarting"
)

// Status tells how a plugin is doing.
type Status struct {
	Plugin, Version string
	State           string
	// PID is 0 while there is no process.
	PID int
	// Since is the CLOCK_MONOTONIC time of the last change of State.
	Since    time.Duration
	Restarts int
	// LastErr is why the process before ended, or could not be started.
	LastErr   error
	Instances []string
}

func (s *supervisor) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.state
	status.Instances = s.names()
	return status
}

func (s *supervisor) names() []string {
	names := make([]string, 0, len(s.instances))
	for name := range s.instances {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// enter changes the state. s.mu is held.
func (s *supervisor) enter(state string, err error) {
	s.state.State, s.state.Since = state, sdk.Monotonic()
	if err != nil {
		s.state.LastErr = err
	}
}

func (s *supervisor) mark(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(state, nil)
}

// watch returns when the process has to go, and why. Three times in Silence it is
// nudged, unless it has just taken a beat. One that has left a nudge lying until the next, or did not answer a call,
// is asked for a sign of life and given a third of Silence to answer: a stopped one
// is found within Silence.
func (s *supervisor) watch(client *remote.Client, proc *process) verdict {
	third := s.host.options.silence(s.name) / 3
	due := time.NewTimer(sdk.UntilTick(third))
	defer due.Stop()
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	answers := make(chan error, 1)
	asking := false
	ask := func() {
		if asking {
			return
		}
		asking = true
		go func() { answers <- s.ping(client, third) }()
	}
	for {
		s.mu.Lock()
		changed, closed := s.changed, s.closed
		s.mu.Unlock()
		if closed {
			return verdict{stop: true}
		}
		select {
		case <-proc.exited:
			return s.died()
		case <-client.Done():
			return s.broken(client.Err(), proc)
		case v := <-s.verdicts:
			return v
		case <-s.suspect:
			ask()
		case <-due.C:
			if client.Nudge(third/2) > third/2 {
				ask()
			}
			due.Reset(sdk.UntilTick(third))
		case err := <-answers:
			asking = false
			if v, isDead := s.judge(err, proc); isDead {
				return v
			}
		case <-s.gone:
			idle.Reset(idleTime)
		case <-idle.C:
			if s.unused() {
				return verdict{stop: true}
			}
		case <-changed:
		}
	}
}

func (s *supervisor) ping(client *remote.Client, within time.Duration) error {
	ctx, cancel := context.WithTimeout(s.host.life, within)
	defer cancel()
	return client.Ping(ctx)
}

func (s *supervisor) judge(err error, proc *process) (verdict, bool) {
	switch {
	case err == nil:
		return verdict{}, false
	case errors.Is(err, remote.ErrGarbage) || errors.Is(err, remote.ErrBroken):
		return s.broken(err, proc), true
	default:
		return verdict{kind: Silent, err: fmt.Errorf("ask for a sign of life: %w", err)}, true
	}
}

// broken tells a dying process from one that broke off the conversation.
func (s *supervisor) broken(err error, proc *process) verdict {
	if errors.Is(err, remote.ErrGarbage) {
		return verdict{kind: Garbage, err: err}
	}
	select {
	case <-proc.exited:
		return s.died()
	case <-time.After(lastWords):
		return verdict{kind: Garbage, err: err}
	}
}

// died tells a process that ended by itself from one that was killed for a reason.
func (s *supervisor) died() verdict {
	select {
	case v := <-s.verdicts:
		return v
	default:
		return verdict{kind: Died}
	}
}

// unused decides to end the process if nobody uses it; whoever comes now waits
// for the next one.
func (s *supervisor) unused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users > 0 {
		return false
	}
	s.client = nil
	return true
}

// kill ends the process in this very moment.
func (s *supervisor) kill(why error) {
	s.condemn(Silent, why)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.kill()
	}
}

// condemn has the process killed and restarted.
func (s *supervisor) condemn(kind Kind, err error) {
	select {
	case s.verdicts <- verdict{kind: kind, err: err}:
	default: // it is going already
	}
}
