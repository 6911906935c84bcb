package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// lookAgain is the pause between two monitors of a resource nothing is known of,
// and between two tries to stop one.
const lookAgain = time.Second

// resource is what is known of one resource on this node.
type resource struct {
	name       string
	cfg        Resource
	after      []int // it starts after these
	before     []int // these start after it
	running    beat.Tri
	health     beat.Health
	pid        int
	message    string
	since      time.Duration
	op         ActionKind
	opID       string
	opUntil    time.Duration
	read       time.Duration // when it was last looked for
	up         bool          // it ran while it was wanted: its absence is a failure
	slow       int           // bad answers in a row
	tries      []time.Duration
	next       time.Duration // no earlier try
	failovers  []time.Duration
	restarts   int
	asked      bool // restart asked by an operator
	failed     bool // the restart budget is spent
	blocked    bool // not started again without cleanup or a new takeover
	stopFailed bool
}

// forget drops what failures are remembered.
func (r *resource) forget() {
	r.tries, r.next, r.slow = nil, 0, 0
	r.failed, r.blocked, r.stopFailed = false, false, false
}

func (m *Machine) find(name string) int {
	return slices.IndexFunc(m.resources, func(r resource) bool { return r.name == name })
}

// orderResources resolves `after` once per configuration.
func (m *Machine) orderResources() {
	for i := range m.resources {
		m.resources[i].after, m.resources[i].before = nil, nil
	}
	for i := range m.resources {
		for _, name := range m.resources[i].cfg.After {
			if k := m.find(name); k >= 0 && k != i {
				m.resources[i].after = append(m.resources[i].after, k)
				m.resources[k].before = append(m.resources[k].before, i)
			}
		}
	}
}

// wish tells whether a resource is wanted here, and whether this node may act
// on it at all.
func (m *Machine) wish(i int) (want, act bool) {
	r := &m.resources[i]
	switch {
	case m.role == beat.Stopped, m.modeOf(beat.ModeStandby, m.p.Self) != nil && !m.active():
		return false, true
	case r.cfg.ActiveActive:
		return m.active() || m.role == beat.Standby, m.role != beat.Joining
	}
	return m.active() && (m.giving.kind == notGiving || m.giving.kind == agreement), true
}

// managed: neither maintenance nor unmanaged mode keeps hands off it.
func (m *Machine) managed(i int) bool {
	return m.modeOf(beat.Maintenance, "") == nil && m.modeOf(beat.Unmanaged, m.resources[i].name) == nil
}

// runResources brings every resource nearer to what is wanted: starts in
// order, stops in reverse order, all that are independent at once.
func (m *Machine) runResources() {
	for i := range m.resources {
		m.runResource(i)
	}
	m.phaseLayers()
}

func (m *Machine) runResource(i int) {
	r := &m.resources[i]
	if r.op != NoAction {
		if !m.reached(r.opUntil) {
			return
		}
		m.opFailed(i, "no answer in time")
	}
	if r.running == beat.Unknown {
		m.look(r)
		return
	}
	want, act := m.wish(i)
	if !act || !m.adopted || !m.managed(i) {
		return
	}
	switch {
	case want && r.running == beat.No && r.up:
		m.mend(i)
	case want && r.running == beat.No:
		m.start(i)
	case want:
		r.up = true
		if r.asked {
			r.asked = false
			m.restart(r)
		} else if r.slow >= max(r.cfg.FailuresToDown, 1) {
			m.mend(i)
		}
	case r.running == beat.Yes:
		m.stop(i)
	default:
		r.up, r.failed, r.asked = false, false, false
	}
}

func (m *Machine) begin(r *resource, kind ActionKind, timeout time.Duration) {
	deadline := m.now + max(timeout, time.Millisecond)
	r.op, r.opUntil = kind, deadline+m.p.Interval
	r.opID = m.act(Action{Kind: kind, Resource: r.name, Deadline: deadline})
	m.wakeAt(r.opUntil)
}

// look monitors a resource of which nothing is known. Unknown is never Down.
func (m *Machine) look(r *resource) {
	if r.read > 0 && !m.reached(r.read+lookAgain) {
		return
	}
	r.read = m.now
	m.begin(r, MonitorResource, r.cfg.MonitorTimeout)
}

func (m *Machine) start(i int) {
	r := &m.resources[i]
	if r.blocked || m.lost || !m.store.durable(m.rights) || !m.reached(r.next) || !m.mayStart(i) {
		return
	}
	m.phaseBegin(layerPhase(r))
	m.begin(r, StartResource, r.cfg.StartTimeout)
}

// mayStart: everything that it comes after runs, here or on the active node.
func (m *Machine) mayStart(i int) bool {
	for _, k := range m.resources[i].after {
		d := &m.resources[k]
		want, _ := m.wish(k)
		switch {
		case want || d.running == beat.Yes:
			if d.running != beat.Yes || d.op != NoAction {
				return false
			}
		case !d.cfg.ActiveActive && m.role == beat.Standby:
			if !m.quiet.heard || m.peer.b.Role != beat.Active || !m.peerRuns(d.name) {
				return false
			}
		}
	}
	return true
}

// peerRuns: the peer's beat says that the resource is well there.
func (m *Machine) peerRuns(name string) bool {
	for i := range m.peer.b.Layers {
		if l := &m.peer.b.Layers[i]; l.Name == name {
			return l.Health == beat.OK || l.Health == beat.Degraded
		}
	}
	return false
}

// stop waits for those that came after it, if they are to stop too.
func (m *Machine) stop(i int) {
	r := &m.resources[i]
	for _, k := range r.before {
		d := &m.resources[k]
		if want, act := m.wish(k); !want && act && m.managed(k) && d.running != beat.No {
			return
		}
	}
	if r.stopFailed && !m.reached(r.next) {
		return
	}
	m.begin(r, StopResource, r.cfg.StopTimeout)
}

func (m *Machine) restart(r *resource) {
	m.begin(r, RestartResource, r.cfg.StopTimeout+r.cfg.StartTimeout)
}

// actionDone takes the result of a start, a stop or a restart.
func (m *Machine) actionDone(e ActionDone) {
	i := slices.IndexFunc(m.resources, func(r resource) bool { return r.op != NoAction && r.opID == e.ID })
	if i < 0 {
		return
	}
	r := &m.resources[i]
	if e.Err != "" {
		m.opFailed(i, e.Err)
		return
	}
	op, old := r.op, r.pid
	r.op, r.opID, r.since, r.message = NoAction, "", m.now, ""
	m.changed = true
	switch op {
	case StopResource:
		r.running, r.health, r.pid, r.up, r.stopFailed = beat.No, beat.HealthUnknown, 0, false, false
		m.note("resource-stopped", m.object.resources[i], r.name+" stopped")
	case StartResource:
		r.running, r.health, r.pid, r.up, r.slow = beat.Yes, beat.OK, e.PID, true, 0
		r.failed, r.blocked = false, false
		m.note("resource-started", m.object.resources[i], r.name+" started"+pidText(e.PID))
	case RestartResource:
		r.running, r.health, r.pid, r.up, r.slow = beat.Yes, beat.OK, e.PID, true, 0
		r.restarts++
		m.note("resource-restarted", m.object.resources[i], r.name+" restarted, old"+pidText(old)+", new"+pidText(e.PID))
	case NoAction, Persist, Analyse, FenceOff, FenceRead, FenceOn, FenceTest, MonitorResource, Verify:
	}
}

// opFailed: a start, stop, restart or monitor failed or was not answered. What
// the resource is now is not known until it has been looked at.
func (m *Machine) opFailed(i int, err string) {
	r := &m.resources[i]
	op := r.op
	r.op, r.opID, r.message = NoAction, "", err
	if op == MonitorResource {
		return
	}
	r.running, r.read = beat.Unknown, 0
	m.changed = true
	switch op {
	case StartResource:
		r.tries = append(r.tries, m.now)
		r.next = m.now + backOff(len(r.tries))
		r.blocked = len(r.tries) >= max(r.cfg.Restarts.Max, 1)
		m.note("start-failed", m.object.resources[i], r.name+": "+err)
	case StopResource:
		r.stopFailed, r.next = true, m.now+lookAgain
		m.note("stop-failed", m.object.resources[i], r.name+": "+err)
	case RestartResource:
		r.up = true
		m.note("restart-failed", m.object.resources[i], r.name+": "+err)
	case NoAction, Persist, Analyse, FenceOff, FenceRead, FenceOn, FenceTest, MonitorResource, Verify:
	}
}

// stopStuck: a resource that must stop could not be stopped.
func (m *Machine) stopStuck() bool {
	return slices.ContainsFunc(m.resources, func(r resource) bool { return r.stopFailed && !r.cfg.ActiveActive && r.running != beat.No })
}

// stopFences: stop_failed says fence for one of them.
func (m *Machine) stopFences() bool {
	return slices.ContainsFunc(m.resources, func(r resource) bool { return r.stopFailed && r.cfg.FenceOnStop && r.running != beat.No })
}

// allUp: everything that is wanted here runs.
func (m *Machine) allUp() bool {
	for i := range m.resources {
		r := &m.resources[i]
		if want, _ := m.wish(i); want && m.managed(i) && (r.running != beat.Yes || r.health == beat.Down || r.op == StartResource || r.op == RestartResource) {
			return false
		}
	}
	return true
}
