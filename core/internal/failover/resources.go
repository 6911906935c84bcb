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
	ran        bool     // it was seen to run since this start
	well       bool     // it answered well here since this node took over
	promoted   beat.Tri // of a warm layer
	health     beat.Health
	pid        int
	message    string
	since      time.Duration
	op         ActionKind
	opID       string
	opUntil    time.Duration
	read       time.Duration // when it was last looked for
	unknown    time.Duration // since when monitors find out nothing; 0: they do
	kept       stage         // how far up it was while that was wanted: to be less is a failure
	slow       int           // bad answers in a row
	tries      []time.Duration
	next       time.Duration // no earlier try
	failovers  []time.Duration
	restarts   int
	asked      bool // restart asked by an operator
	failed     bool // the restart budget is spent
	blocked    bool // not started again without cleanup or a new takeover
	spent      bool // blocked, and its failovers are spent: it stays here
	stopFailed bool
	leftAlone  bool // nobody manages it
	// demoteFailed: it is stopped instead.
	demoteFailed bool
}

// forget drops what failures are remembered.
func (r *resource) forget() {
	r.tries, r.next, r.slow = nil, 0, 0
	r.failed, r.blocked, r.spent, r.stopFailed, r.demoteFailed = false, false, false, false, false
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

// managed: neither maintenance nor unmanaged mode keeps hands off it. What must
// stop because the peer is active too (S3) stops in spite of them.
func (m *Machine) managed(i int) bool {
	if m.giving.kind == standDown && m.resources[i].holds() {
		return true
	}
	return m.modeOf(beat.Maintenance, "") == nil && m.modeOf(beat.Unmanaged, m.resources[i].name) == nil
}

// leftAlone tells what keeps hands off a resource that is not managed.
func (m *Machine) leftAlone() string {
	if m.modeOf(beat.Maintenance, "") != nil {
		return "maintenance is on"
	}
	return "it is unmanaged"
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
	m.beginAnew(i)
	if r.op != NoAction {
		if !m.reached(r.opUntil) {
			return
		}
		m.opFailed(i, "no answer in time")
	}
	have := r.stage()
	want, act := m.wish(i)
	act = act && m.adopted && m.managed(i)
	switch {
	case have == unread && act && m.unseen(r, want):
		m.lower(i)
	case have == unread:
		m.look(r)
	case !act:
	case have > want:
		m.lower(i)
	case have < want && r.kept > have:
		m.mend(i)
	case have < want:
		m.raise(i, want)
	case want == gone:
		r.kept, r.failed, r.asked = gone, false, false
	default:
		m.tend(i, want)
	}
}

// beginAnew: whoever manages again what does not serve here tries its stop again before
// anything follows from its failure.
func (m *Machine) beginAnew(i int) {
	r, managed := &m.resources[i], m.managed(i)
	if managed && r.leftAlone && !m.active() {
		r.stopFailed = false
	}
	r.leftAlone = !managed
}

// unseen: looking does not help, and what may run here and must not is stopped unseen. Where a
// warm layer runs and its role cannot be read, it would be the same after the next start.
func (m *Machine) unseen(r *resource, want stage) bool {
	must := want == gone || want == warm && r.running == beat.Unknown
	if m.served && m.role == beat.Joining && m.modeOf(beat.ModeStandby, m.p.Self) == nil {
		return false // it may be what serves the store
	}
	return must && r.read > 0 && (!r.stopFailed || m.reached(r.next))
}

// tend looks after a resource that is as far up as it shall be.
func (m *Machine) tend(i int, want stage) {
	r := &m.resources[i]
	r.kept, r.demoteFailed = want, false
	if r.cfg.ActiveActive { // it may stay, after all
		r.stopFailed = false
	}
	switch {
	case r.asked:
		r.asked = false
		if m.mayRestart(r) {
			m.restart(r)
		}
	case r.slow >= max(r.cfg.FailuresToDown, 1):
		m.mend(i)
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

// firm: what this node may do stands on its disk. Without a journal it stands nowhere
// before something was agreed with the peer.
func (m *Machine) firm() bool { return !m.state.Lost && m.store.durable(m.rights) }

// lacksRight: something is missing here that the disk takes no right to start, while the peer
// could serve. What runs is not stopped for that: a hand-over could not be saved either.
func (m *Machine) lacksRight() bool {
	if !m.active() || m.giving.kind != notGiving || m.firm() || m.state.Lost || !m.store.failed || !m.reached(m.store.failedAt+keepPatience) {
		return false
	}
	missing := false
	for i := range m.resources {
		r := &m.resources[i]
		missing = missing || !r.cfg.ActiveActive && r.running == beat.No && m.managed(i)
	}
	could := m.peerReady() || m.quiet.heardBoth(&m.peer) && m.peer.b.Ordering // it does as it was asked
	return missing && could && m.mayPass() == ""
}

// mayRestart: a restart starts it, too, so what only the active node may run waits for a firm right.
func (m *Machine) mayRestart(r *resource) bool { return r.cfg.ActiveActive || m.firm() }

// raise starts a resource, or promotes a warm layer that runs. What cannot be started here
// goes to the peer, if that is what on_failure says.
func (m *Machine) raise(i int, want stage) {
	r := &m.resources[i]
	if r.blocked {
		m.failOver(i)
		return
	}
	if !m.firm() {
		m.why("mon", "right-not-firm", r.name, 0)
		return
	}
	if !m.reached(r.next) {
		return
	}
	switch {
	case r.cfg.Warm && r.stage() == gone:
		if m.mayRise(i, warm) {
			m.begin(r, StartResource, r.cfg.StartTimeout)
		}
	case m.mayRise(i, want):
		m.phaseBegin(layerPhase(r))
		m.begin(r, r.riser(), r.cfg.StartTimeout)
	}
}

// riser is the action that brings a resource up, where it is not as far up as it shall be.
func (r *resource) riser() ActionKind {
	if r.stage() == warm {
		return PromoteResource
	}
	return StartResource
}

// lower demotes or stops; it waits for those that came after it, if they are to come down too.
func (m *Machine) lower(i int) {
	r := &m.resources[i]
	for _, k := range r.before {
		d := &m.resources[k]
		if limit, act := m.wish(k); act && limit < full && m.managed(k) && (d.stage() == unread || d.stage() > limit || m.rising(d)) {
			return
		}
	}
	if r.stopFailed && !m.reached(r.next) {
		return
	}
	if r.cfg.Warm && r.stage() == full && !r.demoteFailed && m.giving.kind != standDown {
		m.begin(r, DemoteResource, r.cfg.StopTimeout)
		return
	}
	m.begin(r, StopResource, r.cfg.StopTimeout)
}

// rising: it is just starting, on what it comes after. Beside an active peer nothing waits for that.
func (m *Machine) rising(d *resource) bool {
	return d.op != NoAction && d.op != MonitorResource && m.giving.kind != standDown
}

func (m *Machine) restart(r *resource) {
	m.begin(r, RestartResource, r.cfg.StopTimeout+r.cfg.StartTimeout)
}

// actionDone takes the result of a start, a stop or a restart.
func (m *Machine) actionDone(e ActionDone) {
	if e.ID != "" && e.ID == m.mains.shutdown {
		m.shutdownDone(e)
		return
	}
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
	r.op, r.opID, r.since, r.unknown, r.message = NoAction, "", m.now, 0, ""
	m.changed = true
	switch op {
	case StopResource:
		r.running, r.health, r.pid, r.kept = beat.No, beat.HealthUnknown, 0, gone
		r.stopFailed, r.demoteFailed = false, false
		m.note("resource-stopped", m.object.resources[i], r.name+" stopped")
	case StartResource:
		m.risen(r, e.PID)
		r.failed, r.blocked = false, false
		m.note("resource-started", m.object.resources[i], r.name+" started"+pidText(e.PID))
	case RestartResource:
		m.risen(r, e.PID)
		r.restarts++
		m.note("resource-restarted", m.object.resources[i], r.name+" restarted, old"+pidText(old)+", new"+pidText(e.PID))
	case PromoteResource:
		r.promoted, r.health, r.kept, r.slow = beat.Yes, beat.OK, full, 0
		r.failed, r.blocked = false, false
		m.note("resource-promoted", m.object.resources[i], r.name+" promoted"+pidText(r.pid))
	case DemoteResource:
		r.promoted, r.kept, r.stopFailed = beat.No, warm, false
		m.note("resource-demoted", m.object.resources[i], r.name+" demoted"+pidText(r.pid))
	case NoAction, Persist, Analyse, FenceOff, FenceRead, FenceOn, FenceTest, MonitorResource, Verify, ResetSelf, Shutdown:
	}
}

// risen: it was started. In which role a warm layer came up is read, not assumed.
func (m *Machine) risen(r *resource, pid int) {
	r.running, r.ran, r.health, r.pid, r.kept, r.slow = beat.Yes, true, beat.OK, pid, full, 0
	if r.cfg.Warm {
		r.promoted, r.kept, r.read = beat.Unknown, warm, 0
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
	case StartResource, PromoteResource:
		r.tries = append(r.tries, m.now)
		r.next = m.now + backOff(len(r.tries))
		r.blocked, r.spent = len(r.tries) >= max(r.cfg.Restarts.Max, 1), false
		m.note(op.String()+"-failed", m.object.resources[i], r.name+": "+err)
	case DemoteResource:
		r.demoteFailed = true
		m.note("demote-failed", m.object.resources[i], r.name+": "+err)
	case StopResource:
		r.stopFailed, r.next = true, m.now+lookAgain
		m.note("stop-failed", m.object.resources[i], r.name+": "+err)
	case RestartResource:
		m.note("restart-failed", m.object.resources[i], r.name+": "+err)
	case NoAction, Persist, Analyse, FenceOff, FenceRead, FenceOn, FenceTest, MonitorResource, Verify, ResetSelf, Shutdown:
	}
}

// stopStuck: a resource that must stop could not be stopped.
func (m *Machine) stopStuck() bool {
	return slices.ContainsFunc(m.resources, m.inTheWay)
}

// stopFences: stop_failed says fence for one of them.
func (m *Machine) stopFences() bool {
	return slices.ContainsFunc(m.resources, func(r resource) bool { return r.cfg.FenceOnStop && m.inTheWay(r) })
}

// inTheWay: the stop of what only the active node may run failed. Beside a peer that serves, what
// cannot be looked at and was not seen to run, on a node that did not serve before, does no harm;
// nothing follows while nobody may try its stop again.
func (m *Machine) inTheWay(r resource) bool {
	serves := m.peer.b.Role == beat.Active && !m.quiet.silent
	idle := r.stage() == unread && !r.ran && !m.served && (serves || m.peerMayGoOn())
	return r.stopFailed && r.holds() && (m.active() || !idle && !r.leftAlone)
}

// peerMayGoOn: the peer, which served last, still looks whether it goes on with what runs there,
// as far as this node can tell.
func (m *Machine) peerMayGoOn() bool {
	b := &m.peer.b
	looks := b.Role == beat.Joining && !b.Ready && !b.Ordering && !m.peer.asksCut() && m.modeOf(beat.ModeStandby, m.p.Peer) == nil
	return looks && b.LastActive > m.state.LastActive && !m.reached(m.peer.met+resumePatience)
}

// notUp names the first resource that is wanted here and does not run; empty: none.
func (m *Machine) notUp() string {
	for i := range m.resources {
		if !m.isUp(i) {
			return m.resources[i].name
		}
	}
	return ""
}

// isUp: the resource is as far up as it is wanted here, or nobody may see to that.
func (m *Machine) isUp(i int) bool {
	r, want := &m.resources[i], m.wanted(i)
	return want == gone || !m.managed(i) || r.stage() == want && r.health != beat.Down && (r.op == NoAction || r.op == MonitorResource)
}

// waitsFor is what a resource that shall run here comes after, and that does not run and that nobody may start; -1: nothing.
func (m *Machine) waitsFor(i int, want stage) int {
	r := &m.resources[i]
	if want != full || r.stage() == full || r.stage() == unread || !m.managed(i) {
		return -1
	}
	for _, k := range r.after {
		if d := &m.resources[k]; d.stage() != full && m.wanted(k) == full && !m.managed(k) {
			return k
		}
	}
	return -1
}
