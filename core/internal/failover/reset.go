package failover

import "time"

// resetHelped: a node that is clean so long after its start was helped by a reset, or needed none.
// Something may start a while after the boot what does not stop.
const resetHelped = time.Hour

// resetSelf is S3's last resort: a machine that must yield and cannot stop resets
// itself by its watchdog. A peer that was asked to cut it has had its time to do so.
func (m *Machine) resetSelf() {
	asks := m.mustYield() || m.stuckAlone()
	switch {
	case !asks:
		m.asking = 0
	case m.asking == 0:
		m.asking = m.now
	}
	if m.state.ResetIn != "" && !m.resetting && m.adopted && m.clean() && m.reached(m.began+resetHelped) {
		m.state.ResetIn = ""
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
	case !asks || !m.reached(m.asking+2*m.fullTurn()) || !m.keepsReset():
	case m.quiet.silent:
		return "a resource did not stop, and nobody is heard who could cut it"
	default:
		return "it asked to be cut and was not"
	}
	return ""
}

// keepsReset saves that this node resets itself because it asked to be cut and was not, and tells
// whether that is done: once. What the first reset did not mend, a plugin that fails on both
// nodes, say, the second would not, and nobody could log in to mend it. A disk that takes
// nothing does not keep it from it.
func (m *Machine) keepsReset() bool {
	switch m.state.ResetIn {
	case m.boot.KernelBoot:
	case "":
		if m.p.Watchdog {
			m.state.ResetIn = m.boot.KernelBoot
			m.resetKept = m.store.changed()
		}
	default:
		return false
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
