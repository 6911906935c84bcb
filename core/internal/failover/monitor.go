package failover

import (
	"cmp"
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// backOffMost bounds the pause between two tries to start or restart.
const backOffMost = 30 * time.Second

// unknownPatience is how long a monitor may find out nothing without an alarm.
const unknownPatience = 10 * time.Second

// backOff is the pause after the n-th try: none after the restart that begins
// a series would be found needless, then 1 s, 2 s, 4 s and so on.
func backOff(n int) time.Duration {
	return min(time.Second<<min(n-1, 10), backOffMost)
}

// resourceState takes a monitor's finding.
func (m *Machine) resourceState(e ResourceState) {
	i := m.find(e.Resource)
	if i < 0 {
		return
	}
	r := &m.resources[i]
	switch {
	case e.ID != "" && e.ID == r.opID:
		r.op, r.opID = NoAction, ""
	case r.op != NoAction && r.op != MonitorResource:
		return // looked at in the middle of a start, stop or restart
	}
	before, stage, health, unknown := r.running, r.stage(), r.health, r.unknown
	r.unknown = 0
	if e.Message != "" || e.Running == beat.Yes {
		r.message = e.Message
	}
	switch e.Running {
	case beat.Unknown:
		r.health = beat.HealthUnknown
		r.unknown = cmp.Or(unknown, m.now)
		m.wakeAt(r.unknown + unknownPatience)
		return
	case beat.No:
		r.running, r.health, r.slow, r.stopFailed = beat.No, beat.HealthUnknown, 0, false
		if before == beat.Yes && r.kept > gone {
			m.note("resource-failed", m.object.resources[i], r.name+" is gone"+pidText(r.pid))
		}
	case beat.Yes:
		r.running, r.ran, r.promoted, r.health, r.pid = beat.Yes, true, e.Promoted, e.Health, e.PID
		m.countAnswers(i, health)
		if stage == full && r.stage() == warm && r.kept == full {
			m.note("resource-failed", m.object.resources[i], r.name+" is not promoted any more"+pidText(r.pid))
		}
	}
	if stage != r.stage() {
		r.since = m.now
	}
	m.changed = m.changed || stage != r.stage() || health != r.health
}

// countAnswers counts bad answers in a row; unknown ones say nothing.
func (m *Machine) countAnswers(i int, before beat.Health) {
	r := &m.resources[i]
	switch r.health {
	case beat.Down:
		r.slow++
		if before != beat.Down {
			m.note("resource-failing", m.object.resources[i], r.name+" runs and does not answer as it should: "+r.message)
		}
	case beat.OK, beat.Degraded:
		r.well = true
		if r.slow = 0; r.stage() >= m.wanted(i) {
			r.failed, r.blocked = false, false
		}
	case beat.HealthUnknown:
	}
}

// mend restarts in place within the budget, then does what on_failure says.
func (m *Machine) mend(i int) {
	r := &m.resources[i]
	if !m.mayRestart(r) {
		m.why("mon", "right-not-firm", r.name, 0)
		return
	}
	r.tries = within(r.tries, m.now, r.cfg.Restarts.Within)
	if len(r.tries) < r.cfg.Restarts.Max {
		if m.reached(r.next) {
			r.failed = false
			r.tries = append(r.tries, m.now)
			r.next = m.now + backOff(len(r.tries))
			m.recover(i)
		}
		return
	}
	if len(r.tries) > 0 {
		m.wakeAt(r.tries[0] + r.cfg.Restarts.Within)
	}
	if !r.failed {
		r.failed = true
		m.note("restarts-spent", m.object.resources[i], r.name+" failed again and its restarts are spent")
	}
	m.failOver(i)
}

// recover starts a resource as a new process; a warm layer that only lost its role is promoted again.
func (m *Machine) recover(i int) {
	r := &m.resources[i]
	want := m.wanted(i)
	if r.stage() == warm && want == full {
		m.why("mon", "promote", r.name, 0)
		m.begin(r, PromoteResource, r.cfg.StartTimeout)
		return
	}
	m.why("mon", "restart", r.name, 0)
	m.restart(r)
}

// failOver hands over for a resource's sake, if the peer can take it and the budget allows:
// for one that runs on both nodes, if it runs there, was well here since this node took over,
// and the service did not come for the peer's isolation. Else it would go back where it came from.
func (m *Machine) failOver(i int) {
	r := &m.resources[i]
	if !r.cfg.Failover || !m.active() || m.giving.kind != notGiving || r.blocked && r.spent {
		return
	}
	if r.cfg.ActiveActive && (!r.well || m.apart.locked || !m.peerRuns(r.name)) {
		return
	}
	r.failovers = within(r.failovers, m.now, r.cfg.Failovers.Within)
	if len(r.failovers) >= r.cfg.Failovers.Max {
		r.blocked, r.spent = true, true
		m.note("blocked", m.object.resources[i], r.name+" failed and its failovers are spent")
		return
	}
	if m.peerUnwell() != "" || m.mayPass() != "" || m.given.Generation > 0 || m.state.Lost {
		return
	}
	r.failovers = append(r.failovers, m.now)
	m.beginGiving(forResource, r.name+" cannot be mended here")
}

// within drops the moments that lie longer ago than span.
func within(times []time.Duration, now, span time.Duration) []time.Duration {
	return slices.DeleteFunc(times, func(t time.Duration) bool { return now-t >= span })
}
