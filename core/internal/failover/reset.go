package failover

import "time"

// resetSelf is S3's last resort: a machine that must yield and cannot stop resets
// itself by its watchdog. A peer that was asked to cut it has had its time to do so.
func (m *Machine) resetSelf() {
	asks := m.mustYield()
	switch {
	case !asks:
		m.asking = 0
	case m.asking == 0:
		m.asking = m.now
	}
	if m.state.Reset && !m.resetting && m.adopted && m.clean() { // it helped, or was not needed
		m.state.Reset, m.resetKept = false, 0
		m.store.changed()
	}
	if why := m.overdue(asks); m.p.Watchdog && !m.resetting && why != "" {
		m.resetting = true
		m.note("reset-self", m.object.self, "this node resets itself: "+why)
		m.act(Action{Kind: ResetSelf})
	}
}

// overdue names what should have stopped long ago; empty: nothing.
func (m *Machine) overdue(asks bool) string {
	yields := m.giving.kind == standDown || m.giving.kind == cutOffStop
	switch {
	case yields && m.stopStuck():
		return "a resource did not stop"
	case m.giving.kind == standDown && m.giving.version == 0 && m.reached(m.giving.began+m.longestStop()):
		return "it did not stop in time"
	case m.giving.kind == cutOffStop && m.giving.version == 0 && m.reached(m.giving.began+m.allStops()): // nobody else serves yet: in order
		return "it did not stop in time"
	case asks && m.reached(m.asking+2*m.fullTurn()) && m.mayResetAgain():
		return "it asked to be cut and was not"
	}
	return ""
}

// mayResetAgain: whoever asks to be cut resets itself once for it, and keeps that first. What
// a reset does not mend, a plugin that fails on both nodes, say, would be no better for the
// second, and nobody could log in to mend it.
func (m *Machine) mayResetAgain() bool {
	if !m.p.Watchdog || m.state.Reset && m.resetKept == 0 {
		return false
	}
	if m.resetKept == 0 {
		m.state.Reset = true
		m.resetKept = m.store.changed()
	}
	return m.store.durable(m.resetKept) || m.store.failed
}

// longestStop is the time in which everything that only the active node may hold must have
// stopped beside a peer that is active, too.
func (m *Machine) longestStop() (longest time.Duration) {
	for i := range m.resources {
		if r := &m.resources[i]; !r.cfg.ActiveActive {
			longest = max(longest, r.cfg.StopTimeout)
		}
	}
	return longest + m.p.Interval
}

// allStops is the time in which it has stopped one after the other.
func (m *Machine) allStops() (all time.Duration) {
	for i := range m.resources {
		if r := &m.resources[i]; !r.cfg.ActiveActive {
			all += r.cfg.StopTimeout + m.p.Interval
		}
	}
	return all
}
