package failover

import (
	"cmp"
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/sdk/spoken"
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

// escapes: what is wrong does not end by staying. If it cannot be saved that the right goes
// over, who gives it for such a reason asks to be cut; whoever else gives it serves on.
func (k givingKind) escapes() bool {
	return k != switchover && k != failback && k != standDown && k != powerDown
}

// mayGive names what keeps this node from giving its right away in order; empty:
// nothing does. What nobody may stop here cannot run there.
func (m *Machine) mayGive() string {
	if len(m.state.Left) > 0 {
		return m.state.Left[0] + " left the configuration and may still run here"
	}
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

// mayPass is the same before anything is stopped for the peer: it may be cut yet.
func (m *Machine) mayPass() string {
	if m.ordering() {
		return "an order to cut " + m.p.Peer + " may still act"
	}
	return m.mayGive()
}

// mayGrant is the same where the service is well here: it is not stopped for a grant that
// would not get on the disk.
func (m *Machine) mayGrant() string {
	if why := m.mayPass(); why != "" {
		return why
	}
	if m.store.failed {
		return "the state cannot be saved"
	}
	for i := range m.resources { // on the peer nobody would start it, nor what waits for it
		r := &m.resources[i]
		waited := slices.ContainsFunc(r.before, func(k int) bool { return m.managed(k) })
		if !r.cfg.ActiveActive && r.stage() == gone && !m.managed(i) && waited {
			return r.name + " is unmanaged and does not run: manage it first"
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
	version uint64        // of the state that holds the new generation; 0: not yet asked for
	asked   time.Duration // when that was
	from    uint64        // the generation before, to take it back while nothing was sent,
	to      uint64        // and the new one
}

const (
	// stablePeriod is the default of Policy.FailbackAfter.
	stablePeriod = 5 * time.Minute
	// failbackLasts is how long a primary serves after a failback that did well, failbackMost
	// the longest wait before the next one where it did not.
	failbackLasts, failbackMost = time.Hour, 24 * time.Hour
	// isolationRest: no second hand-over for isolation until the difference has been gone this long.
	isolationRest = 10 * time.Minute
	// retryFirst is the first pause before a hand-over that was given up begins again; each one is
	// twice as long, up to retryMost.
	retryFirst, retryMost = time.Minute, 10 * time.Minute
)

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
	m.considerGoing()
	m.considerBattery()
	m.considerIsolation()
	m.considerFailback()
	g := &m.giving
	if g.kind == notGiving {
		m.askOutside()
		return
	}
	if g.version == 0 {
		m.prepareGiving()
		return
	}
	if !m.store.durable(g.version) {
		m.considerTakingBack()
		return
	}
	m.cutMe = false
	if lacks := m.takerLacks(); g.kind.grants() && lacks != "" && !m.peerServes() && !m.peerOrders() {
		m.takeBack(lacks) // meanwhile it left, say: who is told nothing does not take it with it
		return
	}
	if g.kind == failback {
		m.back.at = m.now
	}
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
		if m.leaving > 0 { // it leaves from now, however long its stops took
			m.leaving = m.now + leaveGrace
		}
		m.weighMains() // what stopped for its battery rests at once
	}
}

// askOutside: what runs at a node that is not active, and whose stop failed, is in the way of
// the peer, so that stop_failed holds there as well.
func (m *Machine) askOutside() {
	asks := m.quiet.heard && m.stuckOutside()
	m.urgent = m.urgent || asks && !m.cutMe
	m.cutMe = asks
}

// stuckOutside: stop_failed says fence for what does not stop on a node that is not active. In
// maintenance nobody takes over.
func (m *Machine) stuckOutside() bool {
	return !m.active() && m.stopStuck() && m.stopFences() && m.modeOf(beat.Maintenance, "") == nil
}

// stuckAlone: beside a peer that is not heard it is in its own way, and asks in vain.
func (m *Machine) stuckAlone() bool {
	planned := m.awaited() && !m.reached(m.peer.grace)
	return m.quiet.silent && !planned && m.stuckOutside() && m.modeOf(beat.ModeStandby, m.p.Self) == nil
}

// takerLacks names what keeps the peer from taking what is being given; empty: nothing. Where
// nobody serves, who does not reach its ping group goes first all the same; who must give up
// gives it to a peer on which something is blocked, too.
func (m *Machine) takerLacks() string {
	switch m.giving.kind {
	case agreement:
		return m.peerUnfit()
	case isolated, lowBattery:
		return m.peerLacks()
	default:
		return m.peerUnwell()
	}
}

// prepareGiving waits until everything has stopped, then asks for the state to be kept.
func (m *Machine) prepareGiving() {
	g := &m.giving
	if g.kind == powerDown && m.onBattery(feedsSelf) == beat.No {
		m.abortGiving("mains are back")
		return
	}
	left := g.kind == standDown && len(m.state.Left) > 0 // nobody can stop that here
	if m.stopStuck() || left {                           // a stop that failed is no grant
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
	if lacks := m.takerLacks(); g.kind.grants() && lacks != "" {
		m.abortGiving(lacks)
		return
	}
	why := m.mayGive() // a mode that came with a beat
	if g.kind.grants() && !g.kind.escapes() {
		why = m.mayGrant()
	}
	if g.kind != standDown && why != "" {
		m.abortGiving(why)
		return
	}
	if !m.clean() || g.kind.grants() && m.peer.heardAt <= m.order.until { // who may just have been cut is granted nothing
		return
	}
	m.state.Active = false
	g.from = m.state.Generation
	if g.kind.grants() {
		m.state.Generation = max(m.state.Generation, m.peer.b.Generation) + 1
	}
	g.to, g.asked = m.state.Generation, m.now
	g.version = m.store.changed()
}

// unkept: that the right goes over is not durable after keepPatience. So nothing was sent.
func (m *Machine) unkept() bool {
	g := &m.giving
	return g.version > 0 && m.store.failed && m.reached(g.asked+keepPatience)
}

// considerTakingBack lets this node stay what it was where its disk does not take what was
// to be sent then: nobody was told, so nobody goes by it. Who asks to be cut for it waits as
// long as the peer could take over. Nothing is taken back beside a peer that is active, nor
// while an order of its may act.
func (m *Machine) considerTakingBack() {
	g := &m.giving
	switch {
	case !m.unkept() || m.store.going > 0: // what is on its way to the disk may get there
	case g.kind == standDown || g.kind == powerDown && m.onBattery(feedsSelf) != beat.No || m.peerServes() || m.peerOrders():
	case g.kind == cutOffStop && !m.quiet.heard:
	case g.kind.escapes() && m.takerLacks() == "" && m.mayGive() == "":
	default:
		m.takeBack("the state cannot be saved")
	}
}

// takeBack: nobody was told of the grant, so this node stays what it was, in its own generation.
// That the disk may know of the newer one does no harm: nobody serves in it.
func (m *Machine) takeBack(why string) {
	m.state.Active = m.active()
	if m.state.Generation == m.giving.to { // else it heard of a newer one
		m.state.Generation = m.giving.from
	}
	m.abortGiving(why)
	m.store.changed()
}

func (m *Machine) peerServes() bool { return m.quiet.receiving && m.peer.b.Role == beat.Active }

// abortGiving: this node stays what it was; what it stopped starts again.
func (m *Machine) abortGiving(why string) {
	if m.giving.kind != agreement {
		m.note("handover-aborted", m.object.self, "staying active: "+why)
		m.endDrill("staying active: " + why)
	}
	if m.giving.kind == isolated {
		m.tryAgain(&m.apart.retry)
	}
	if m.giving.kind == switchover {
		m.tryAgain(&m.going)
	}
	m.giving = giving{}
	m.cutMe = false
	for i := range m.resources {
		m.resources[i].kept = gone
	}
}

// retry is when a hand-over that had to be given up may begin again, so that a gateway or a line
// that flaps stops nothing again and again.
type retry struct {
	at    time.Duration // 0: none was given up
	pause time.Duration // the longest so far
}

// tryAgain sets a pause before the next hand-over; the first one for a peer that left or is not
// heard may begin as soon as it is back.
func (m *Machine) tryAgain(r *retry) {
	next := min(max(2*r.pause, retryFirst), retryMost)
	if m.quiet.heard && m.reached(m.peer.grace) {
		r.pause = next
	}
	r.at, r.pause = m.now+r.pause, next
}

// isolation is the difference between the two nodes' sight of the ping group.
type isolation struct {
	since  time.Duration // we do not reach it and the peer does; 0: no such difference
	gone   time.Duration // since when there is no difference either way; 0: there is
	locked bool          // handed over once; not again until gone for isolationRest
	retry  retry
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
	case m.now-a.gone >= isolationRest:
		a.locked, a.retry = false, retry{}
	}
	if a.retry.at > 0 && m.reached(a.retry.at) {
		a.locked, a.retry.at = false, 0
	}
	if !differ || mine != beat.No || !m.active() {
		a.since = 0
		m.considerCutOffStop()
		return
	}
	if a.since == 0 {
		a.since = max(m.ping.since, p.pingYes)
	}
	if !a.locked && m.giving.kind == notGiving && m.mayPass() == "" && m.peerReady() && m.reached(a.since+m.p.IsolationTime) {
		a.locked = true
		m.beginGiving(isolated, "the peer reaches the ping group and this node does not")
	}
}

// considerCutOffStop is isolation: stop. An active node that is cut off from
// everybody stops serving.
func (m *Machine) considerCutOffStop() {
	// While the peer is off, or was and was not heard since, nobody else could serve.
	if m.p.IsolationStop && m.active() && m.quiet.silent && !m.quiet.off && !m.state.Alone && m.ping.cutOff() && m.giving.kind == notGiving &&
		m.mayGive() == "" && m.reached(max(m.quiet.since, m.ping.since)+m.p.IsolationTime) {
		m.beginGiving(cutOffStop, "cut off from the ping group and the peer")
	}
}

// considerGoing: an active node in standby mode, or whose daemon stops, hands over as soon as its
// peer is ready, also where a hand-over was given up, or the right came while it stopped.
func (m *Machine) considerGoing() {
	why := ""
	switch {
	case !m.active():
		m.going = retry{}
		return
	case m.giving.kind != notGiving:
		return
	case m.leaving > m.now:
		why = "the daemon stops"
	case m.modeOf(beat.ModeStandby, m.p.Self) != nil && m.reached(m.going.at):
		why = "standby mode"
	}
	if why != "" && m.peerUnwell() == "" && m.mayGrant() == "" {
		m.beginGiving(switchover, why)
	}
}

// failbacks: a primary that does not last gets the service back later each time.
type failbacks struct {
	at    time.Duration // of the last one, as long as it may turn out not to last; 0: none
	since time.Duration // when this node became active
	wait  time.Duration // from then to the next one at least; 0: no longer than configured
}

// considerFailback is failback: auto. Its time counts while the pair is whole, nothing holds
// the service here, and both nodes run one configuration: two that each take the other for
// the primary would hand it to and fro.
func (m *Machine) considerFailback() {
	if !m.active() || m.notWhole() != "" || m.mayGrant() != "" || m.digestsDiffer() || m.apart.locked && m.ping.reach != beat.No {
		m.settled = 0
		return
	}
	if m.settled == 0 {
		m.settled = m.now
	}
	if due := m.failbackDue(); due > 0 && m.reached(due) {
		m.beginGiving(failback, "the primary has been well for a while")
	}
}

// failbackDue is when this node hands back to the primary if all stays as it is; 0: it does not.
func (m *Machine) failbackDue() time.Duration {
	if !m.p.FailbackAuto || m.p.Primary || m.settled == 0 || m.giving.kind != notGiving {
		return 0
	}
	return max(m.settled+m.failbackAfter(), m.back.since+m.back.wait)
}

// failbackAfter is how long the pair must have been whole before it is handed back.
func (m *Machine) failbackAfter() time.Duration { return cmp.Or(m.p.FailbackAfter, stablePeriod) }

// weighFailback: this node is active again. If what it handed back did not last, whatever
// ended it, it waits twice as long before the next time.
func (m *Machine) weighFailback() {
	b := &m.back
	b.since = m.now
	switch {
	case b.at == 0:
	case m.now-b.at >= failbackLasts:
		b.wait = 0
	default:
		b.wait = min(2*max(m.failbackAfter(), b.wait), failbackMost)
		m.note("failback-later", m.object.peer, "this node serves again "+spoken.Duration(m.now-b.at)+" after it handed back: the next time is in "+spoken.Duration(b.wait)+" at the earliest")
	}
	b.at = 0
}
