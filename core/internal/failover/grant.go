package failover

import (
	"cmp"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// givingKind tells why this node gives its right away.
type givingKind uint8

const (
	notGiving givingKind = iota
	agreement            // S4: nobody is active, the peer goes first
	switchover
	forResource // a resource that cannot be mended here
	isolated    // the peer reaches the ping group, this node does not
	failback    // the primary is well again
	lowBattery  // its battery is low, the peer's is not
	standDown   // S3: no grant, the peer is active already
	cutOffStop  // isolation: stop; no grant
	powerDown   // its battery is low and nobody could take over; no grant
)

// grants tells whether the peer is told that it may be active.
func (k givingKind) grants() bool { return k < standDown }

// mayGive names what keeps this node from giving its right away in order; empty:
// nothing does. What nobody may stop here cannot run there.
func (m *Machine) mayGive() string {
	if m.modeOf(beat.Maintenance, "") != nil {
		return "maintenance is on"
	}
	for i := range m.resources {
		switch r := &m.resources[i]; {
		case r.holds() && !m.managed(i):
			return r.name + " is unmanaged: manage it first"
		case r.holds() && r.stopFailed:
			return r.name + " did not stop: clean it up first"
		}
	}
	return ""
}

// giving is a right being given away: everything stopped, then the new
// generation persisted, then sent (S11).
type giving struct {
	kind    givingKind
	why     string
	began   time.Duration
	version uint64 // of the state that holds the new generation; 0: not yet asked for
}

type takingKind uint8

const (
	notTaking takingKind = iota
	byFence
	byGrant
)

// taking is a right being taken: the generation persisted before the first start (S3).
type taking struct {
	kind    takingKind
	grant   beat.Grant
	version uint64
	began   time.Duration
	before  State // to undo it when a sign of life voids the ground
}

const (
	// stablePeriod is the default of Policy.FailbackAfter.
	stablePeriod = 5 * time.Minute
	// isolationRest: no second hand-over for isolation until the difference has been gone this long.
	isolationRest = 10 * time.Minute
	// keepPatience: a node that cannot save a granted right asks to be cut after this time.
	keepPatience = 3 * time.Second
)

// cannotKeep: a granted right cannot be made durable. The giver has given it
// away for good, so this node asks to be cut.
func (m *Machine) cannotKeep() bool {
	return m.taking.kind == byGrant && m.store.failed && m.reached(m.taking.began+keepPatience)
}

// ready: this node would accept a grant and could serve.
func (m *Machine) ready() bool { return m.mayPromote() && !m.ordering() && !m.store.failed }

// peerReady: the peer is heard, would accept a grant and reaches its ping group.
func (m *Machine) peerReady() bool { return m.peerLacks() == "" }

// peerLacks names what keeps the peer from being ready to take over; empty: nothing.
func (m *Machine) peerLacks() string {
	p := &m.peer
	switch {
	case m.quiet.strange:
		return m.strangeness()
	case !m.quiet.heardBoth(p):
		return m.p.Peer + " is not heard"
	case m.modeOf(beat.ModeStandby, m.p.Peer) != nil:
		return m.p.Peer + " is in standby mode"
	case m.modeOf(beat.ModeRemoved, m.p.Peer) != nil:
		return m.p.Peer + " is removed"
	case p.b.PingGroup == beat.No:
		return m.p.Peer + " does not reach the ping group"
	case !p.b.Ready || p.b.Ordering || p.b.Role == beat.Active:
		return m.p.Peer + " is not ready to take over"
	}
	return ""
}

// agree takes and gives grants. Both are bound to the receiver's present
// start, and lapse by refusal, by a new start or by a fence: never by time.
func (m *Machine) agree() {
	p, q := &m.peer, &m.quiet
	if m.given.Generation > 0 {
		switch {
		case p.b.Refused == m.given:
			m.given = beat.Grant{}
			m.note("grant-refused", m.object.peer, m.p.Peer+" refused to become active")
			m.endDrill(m.p.Peer + " refused to become active")
		case q.receiving && p.b.Role == beat.Active && p.b.Generation >= m.given.Generation:
			m.watchDrill()
			m.given = beat.Grant{}
			m.note("handover-done", m.object.peer, m.p.Peer+" is active")
		}
	}
	if !q.heardBoth(p) {
		return
	}
	m.takeGrant(p.b.Grant)
	m.giveFirst()
}

// takeGrant accepts or refuses what the peer grants.
func (m *Machine) takeGrant(g beat.Grant) {
	if g.To != m.boot.Incarnation || g.Generation == 0 || g == m.refused || m.active() || m.taking.kind != notTaking && g.Generation <= m.taking.grant.Generation {
		return
	}
	if m.ordering() || m.peer.b.Ordering || !m.adopted {
		m.why("S11", "grant-waits", m.p.Peer, 0)
		return
	}
	if g.Generation <= m.state.Generation || !m.mayPromote() {
		m.refused, m.urgent = g, true
		m.note("grant-refused", m.object.self, "refused to become active in generation "+itoa(g.Generation))
		return
	}
	m.note("grant-taken", m.object.self, m.p.Peer+" granted generation "+itoa(g.Generation))
	before := m.taking
	m.beginGranted(g)
	m.take(byGrant, g.Generation)
	m.taking.grant = g
	if before.kind != notTaking { // a newer grant while the older one was not yet durable
		m.taking.before = before.before
	}
	if m.peer.b.PingGroup == beat.No {
		m.apart.locked = true
	}
}

// giveFirst is S4: both heard, none active; who has no precedence grants.
func (m *Machine) giveFirst() {
	p := &m.peer
	if m.active() || p.b.Role == beat.Active || m.given.Generation > 0 || m.taking.kind != notTaking || m.giving.kind != notGiving ||
		!m.adopted || !m.clean() || m.ordering() || p.b.Ordering || p.b.Grant.Generation > m.state.Generation || m.modeOf(beat.Maintenance, "") != nil {
		return
	}
	precedes := p.b.LastActive > m.state.LastActive || p.b.LastActive == m.state.LastActive && !m.p.Primary
	if !p.b.Ready || m.modeOf(beat.ModeStandby, m.p.Peer) != nil || !precedes && m.ready() {
		return
	}
	m.why("S4", "peer-goes-first", m.p.Peer, 0)
	m.beginGiving(agreement, "nobody is active")
}

// take asks for the generation to be made durable. Nothing is started yet.
func (m *Machine) take(kind takingKind, generation uint64) {
	before := m.state
	m.state.Generation, m.state.LastActive, m.state.Active = generation, generation, true
	if kind == byFence {
		m.state.Alone = true
		if m.owes() && m.quiet.off { // by its order, however late it acted
			m.recordCut()
		}
	}
	m.taking = taking{kind: kind, before: before, began: m.now, version: m.store.changed()}
}

// takeOver is S2 (a) and (c), and S3: active as soon as the generation is durable.
func (m *Machine) takeOver() {
	ground := m.quiet.silent && !m.ordering() && (m.quiet.off || m.word || m.modeOf(beat.ModeRemoved, m.p.Peer) != nil)
	switch m.taking.kind {
	case notTaking:
		if m.active() && ground {
			m.serveAlone()
			return
		}
		if m.active() || !ground || !m.mayPromote() || m.giving.kind != notGiving {
			return
		}
		m.why("S2", "peer-off", m.p.Peer, 0)
		m.note("fence-confirmed", m.object.peer, m.p.Peer+" is off: "+m.offGround())
		m.phaseEnd("fence", true, m.offGround())
		m.take(byFence, max(m.state.Generation, m.peer.b.Generation, m.given.Generation)+1)
		return
	case byFence:
		if !ground {
			m.undo()
			return
		}
	case byGrant:
	}
	if m.store.durable(m.taking.version) {
		m.become()
	}
}

func (m *Machine) offGround() string {
	switch {
	case m.quiet.off:
		if by, _ := m.offBy(); by != nil && len(m.topology.levels) > 1 {
			return "every supply was read off at level " + strconv.Itoa(by.number)
		}
		return "every supply was read off"
	case m.word:
		return "an operator's word"
	}
	return "removed by an operator"
}

// undo drops a takeover whose ground a sign of life voided before anything was
// started. The generation stays used; the right does not.
func (m *Machine) undo() {
	b := m.taking.before
	m.state.Active, m.state.LastActive, m.state.Alone, m.state.Cuts, m.state.OnDue = b.Active, b.LastActive, b.Alone, b.Cuts, b.OnDue
	m.taking = taking{}
	m.store.changed()
	m.note("takeover-voided", m.object.self, "a sign of life of "+m.p.Peer+" stopped the takeover")
}

// become makes this node the active one.
func (m *Machine) become() {
	kind := m.taking.kind
	m.taking, m.given, m.refused = taking{}, beat.Grant{}, beat.Grant{}
	m.setRole(beat.Active)
	m.ask = ask{}
	for i := range m.resources {
		m.resources[i].forget()
	}
	m.beginStarting(kind)
	m.note("takeover-begun", m.object.self, "active with generation "+itoa(m.state.Generation))
}

// serveAlone: the active's silent standby is off; it need not be cut again
// until it has been heard.
func (m *Machine) serveAlone() {
	if m.state.Alone {
		if m.order.open && m.quiet.off { // an operator had it cut once more
			m.recordCut()
		}
		return
	}
	m.state.Alone = true
	m.given, m.ask = beat.Grant{}, ask{}
	if m.owes() && m.quiet.off { // by its order, however late it acted
		m.recordCut()
	}
	m.store.changed()
	m.note("fence-confirmed", m.object.peer, m.p.Peer+" is off: "+m.offGround())
}

// beginGiving starts to give the right away. A stand-down overrides anything else.
func (m *Machine) beginGiving(kind givingKind, why string) {
	if m.giving.kind == kind || m.giving.kind != notGiving && kind.grants() || m.giving.version > 0 {
		return
	}
	m.giving = giving{kind: kind, why: why, began: m.now}
	m.why("S11", "giving", why, 0)
	if kind != agreement {
		m.note("handover-begun", m.object.self, "giving up the active role: "+why)
	}
}

// handOver carries a giving through its steps: stop, persist, grant.
func (m *Machine) handOver() {
	m.considerStandbyMode()
	m.considerBattery()
	m.considerIsolation()
	m.considerFailback()
	g := &m.giving
	if g.kind == notGiving {
		return
	}
	if g.version == 0 {
		m.prepareGiving()
		return
	}
	if !m.store.durable(g.version) {
		return
	}
	m.cutMe = false
	if g.kind.grants() {
		m.given, m.gaveAt = beat.Grant{Generation: m.state.Generation, To: m.peer.b.Incarnation}, g.began
		if g.kind == agreement {
			m.gaveAt = 0 // nothing was stopped for it
		}
		m.note("grant-given", m.object.peer, "granted generation "+itoa(m.state.Generation)+" to "+m.p.Peer)
	}
	*g = giving{}
	m.urgent = true
	if m.role != beat.Stopped {
		m.setRole(beat.Standby)
		m.weighMains() // what stopped for its battery rests at once
	}
}

// prepareGiving waits until everything has stopped, then asks for the state to be kept.
func (m *Machine) prepareGiving() {
	g := &m.giving
	if g.kind == powerDown && m.onBattery(feedsSelf) == beat.No {
		m.abortGiving("mains are back")
		return
	}
	if m.stopStuck() { // a stop that failed is no grant
		if g.kind == powerDown {
			return
		}
		if !g.kind.grants() || m.stopFences() && m.quiet.heard {
			if !m.cutMe {
				m.cutMe, m.urgent = true, true
			}
			return
		}
		m.abortGiving("a resource did not stop")
		return
	}
	m.cutMe = false
	if g.kind.grants() && !m.peerReady() {
		m.abortGiving(m.peerLacks())
		return
	}
	if why := m.mayGive(); g.kind != standDown && why != "" { // a mode that came with a beat
		m.abortGiving(why)
		return
	}
	if !m.clean() || g.kind.grants() && m.peer.heardAt <= m.order.until { // who may just have been cut is granted nothing
		return
	}
	m.state.Active = false
	if g.kind.grants() {
		m.state.Generation = max(m.state.Generation, m.peer.b.Generation) + 1
	}
	g.version = m.store.changed()
}

// abortGiving: this node stays what it was; what it stopped starts again.
func (m *Machine) abortGiving(why string) {
	if m.giving.kind != agreement {
		m.note("handover-aborted", m.object.self, "staying active: "+why)
		m.endDrill("staying active: " + why)
	}
	m.giving = giving{}
	m.cutMe = false
	for i := range m.resources {
		m.resources[i].kept = gone
	}
}

// isolation is the difference between the two nodes' sight of the ping group.
type isolation struct {
	since  time.Duration // we do not reach it and the peer does; 0: no such difference
	gone   time.Duration // since when there is no difference either way; 0: there is
	locked bool          // handed over once; not again until gone for isolationRest
}

// considerIsolation hands over from an active node that lost the ping group to
// a peer that reaches it.
func (m *Machine) considerIsolation() {
	a, p := &m.apart, &m.peer
	mine, theirs := m.ping.reach, p.b.PingGroup
	differ := m.quiet.heard && (mine == beat.No && theirs == beat.Yes || mine == beat.Yes && theirs == beat.No)
	switch {
	case differ:
		a.gone = 0
	case a.gone == 0:
		a.gone = m.now
	case a.locked && m.now-a.gone >= isolationRest:
		a.locked = false
	}
	if !differ || mine != beat.No || !m.active() {
		a.since = 0
		m.considerCutOffStop()
		return
	}
	if a.since == 0 {
		a.since = max(m.ping.since, p.pingYes)
	}
	if !a.locked && m.giving.kind == notGiving && m.mayGive() == "" && m.peerReady() && m.reached(a.since+m.p.IsolationTime) {
		a.locked = true
		m.beginGiving(isolated, "the peer reaches the ping group and this node does not")
	}
}

// considerCutOffStop is isolation: stop. An active node that is cut off from
// everybody stops serving.
func (m *Machine) considerCutOffStop() {
	if m.p.IsolationStop && m.active() && m.quiet.silent && m.ping.cutOff() && m.giving.kind == notGiving &&
		m.mayGive() == "" && m.reached(max(m.quiet.since, m.ping.since)+m.p.IsolationTime) {
		m.beginGiving(cutOffStop, "cut off from the ping group and the peer")
	}
}

// considerStandbyMode: an active node in standby mode hands over as soon as
// its peer is ready.
func (m *Machine) considerStandbyMode() {
	if m.active() && m.giving.kind == notGiving && m.modeOf(beat.ModeStandby, m.p.Self) != nil && m.peerReady() && m.mayGive() == "" {
		m.beginGiving(switchover, "standby mode")
	}
}

// considerFailback is failback: auto.
func (m *Machine) considerFailback() {
	if !m.active() || !m.peerReady() || !m.allUp() {
		m.settled = 0
		return
	}
	if m.settled == 0 {
		m.settled = m.now
	}
	if m.p.FailbackAuto && !m.p.Primary && m.giving.kind == notGiving && m.mayGive() == "" && m.reached(m.settled+cmp.Or(m.p.FailbackAfter, stablePeriod)) {
		m.beginGiving(failback, "the primary has been well for a while")
	}
}
