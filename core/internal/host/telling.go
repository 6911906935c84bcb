package host

import (
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// crashLoop is how many lives in a row that end early make a crash loop: from then on
// a process must last for Options.LongLife before it is told of.
const crashLoop = 10

// telling keeps a plugin that fails again and again from being told of each time: every
// word goes to the journal, to the console and to a customer's network management.
type telling struct {
	told  map[string]bool // the troubles told since it was last told to run
	short int             // lives in a row that ended early
}

// fail tells that the plugin cannot run or ended, unless that was told already and it was
// not told to run since. A refusal in other words is another one; what else goes wrong is
// known by its kind alone, for its words may hold the number of a process or a socket.
func (s *supervisor) fail(kind Kind, pid int, err error, out *output) {
	trouble := kind.String()
	if kind == Refused {
		trouble += ": " + err.Error()
	}
	s.mu.Lock()
	s.state.LastErr = err
	silent := s.closed || s.telling.told[trouble]
	if !silent {
		s.telling.told[trouble] = true
	}
	s.mu.Unlock()
	if silent {
		s.log.WithField("error", err).Debugf("plugin %s, as told before", kind)
		return
	}
	s.tell(PluginEvent{Kind: kind, PID: pid, Err: err, Log: out.last()})
}

// runs tells that the plugin runs.
func (s *supervisor) runs(event PluginEvent) {
	s.mu.Lock()
	clear(s.telling.told)
	s.mu.Unlock()
	s.tell(event)
}

// holds waits, in a crash loop, until the process has lasted, and tells whether it is there.
func (s *supervisor) holds(client *remote.Client) bool {
	s.mu.Lock()
	looping := s.telling.short >= crashLoop
	s.mu.Unlock()
	if looping {
		lasted := time.NewTimer(s.host.options.LongLife)
		defer lasted.Stop()
		select {
		case <-lasted.C:
		case <-client.Done():
		}
	}
	return client.Err() == nil
}

// outlived counts a life that is over.
func (s *supervisor) outlived(life time.Duration, end verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end.stop || life > s.host.options.LongLife {
		s.telling.short = 0
	} else {
		s.telling.short++
	}
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
