package failover

import "time"

const (
	persistTimeout = 10 * time.Second
	// clockEvery: how often running time is kept while something counts in it.
	clockEvery = time.Minute
)

// store keeps count of what of the state is durable. Versions are compared, not states.
type store struct {
	wanted, saved uint64 // versions
	going         uint64 // being saved; 0: nothing is
	id            string
	deadline      time.Duration
	next          time.Duration // no earlier try
	tries         int
	last          time.Duration // when it was last asked for
	failed        bool
	failedAt      time.Duration // since when nothing was saved, if it failed
	// generation is the newest durable one: the only one that others may be told.
	generation, saving uint64
}

// changed tells that the state is to be kept, and returns its version.
func (s *store) changed() uint64 {
	s.wanted++
	return s.wanted
}

func (s *store) durable(version uint64) bool { return s.saved >= version }

// save asks for the newest state to be kept, one at a time.
func (m *Machine) save() {
	s := &m.store
	if s.going > 0 && m.reached(s.deadline) {
		m.saveFailed()
	}
	if s.going == 0 && s.wanted == s.saved && m.countsTime() && m.reached(s.last+clockEvery) {
		s.changed()
	}
	if s.going > 0 || s.wanted == s.saved || !m.reached(s.next) {
		return
	}
	m.state.Clock = m.clock()
	m.state.Modes = m.modesNow()
	s.going, s.last, s.deadline = s.wanted, m.now, m.now+persistTimeout
	s.saving = m.state.Generation
	s.id = m.act(Action{Kind: Persist, State: m.state, Deadline: s.deadline})
	m.wakeAt(s.deadline)
}

// countsTime: something ends, or is remembered, in running time.
func (m *Machine) countsTime() bool {
	return len(m.modes) > 0 || len(m.state.Cuts) > 0 || m.state.OnDue > 0
}

func (m *Machine) persisted(e Persisted) {
	s := &m.store
	if e.ID != s.id || s.going == 0 {
		return
	}
	if e.Err != "" {
		m.saveFailed()
		return
	}
	s.saved, s.going, s.tries, s.failed = s.going, 0, 0, false
	s.generation = s.saving
}

// saveFailed tries again soon, for a takeover may wait for it, and then less often.
func (m *Machine) saveFailed() {
	s := &m.store
	s.tries++
	if !s.failed {
		s.failed, s.failedAt = true, m.now
	}
	s.going = 0
	s.next = m.now + min(time.Duration(s.tries)*100*time.Millisecond, 5*time.Second)
}
