package failover

import (
	"slices"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

const (
	// rereadEvery is the least time between two readings of a device in a silence.
	rereadEvery = 500 * time.Millisecond
	// readTimeout bounds one reading.
	readTimeout = 2 * time.Second
)

// device is what is known of one fence device.
type device struct {
	name                 string
	cfg                  Device
	life                 time.Duration // that this node counts with: cfg's, once the peer acknowledged it
	told                 time.Duration // that the peer is told
	feedsPeer, feedsSelf bool

	power   beat.Tri
	battery batteryState
	mute    int // so many answers in a row were none
	readAt  time.Duration
	offAt   time.Duration // first reading of off since the last sign of life
	noSince time.Duration // first of the readings of off that were not interrupted by one of on
	err     string

	op      ActionKind
	opID    string
	opUntil time.Duration // the executor's deadline, with some slack
	slot    time.Duration // start of the turn in which an order was last sent
	until   time.Duration // end of the last order's life: older readings of on say nothing
	// onUntil is the end of an order on that was not confirmed, a drill's or one that gives
	// power back to a peer that lives: it may still switch on, so that nothing is ordered
	// off and no reading of off counts before.
	onUntil time.Duration
	read    time.Duration // when a reading was last asked for
	failed  bool          // an order was not confirmed in this silence
	onTry   int
	onNext  time.Duration
}

// ours: this node may give the device orders.
func (d *device) ours() bool { return d.feedsPeer && !d.feedsSelf }

// isOff: it was read off after the last sign of life.
func (d *device) isOff(void time.Duration) bool {
	return d.power == beat.No && d.offAt > max(void, d.onUntil)
}

// void: readings up to here say nothing.
func (m *Machine) void() time.Duration { return max(m.peer.lifeAt, m.voided) }

// order is the last order given to the peer's devices, as one.
type order struct {
	sent  time.Duration
	until time.Duration // end of its life and of the hold-up: until then its outcome is unknown, and who was cut may run on
	tries int           // levels that were ordered in it
	open  bool          // no cut was recorded since
}

// ordering tells whether an order of ours may still act.
func (m *Machine) ordering() bool { return m.now < m.order.until && !m.quiet.off }

// fence sends orders in turn, reads devices, and gives power back.
func (m *Machine) fence() {
	m.dropLateAnswers()
	if m.ordering() {
		m.wakeAt(m.order.until)
	}
	m.orderOff()
	m.readBack()
	m.giveBack()
}

// dropLateAnswers gives up on an executor that did not answer.
func (m *Machine) dropLateAnswers() {
	for i := range m.devices {
		d := &m.devices[i]
		if d.op == NoAction || !m.reached(d.opUntil) {
			continue
		}
		if d.op == FenceOff {
			d.failed = true
		}
		if d.op == FenceTest {
			m.drillFault(d.name + " was ordered on, and did not answer in time")
		}
		d.op, d.opID, d.err = NoAction, "", "no answer in time"
	}
}

// fenceAnswer takes what a device said. Only what was read counts.
func (m *Machine) fenceAnswer(e FenceAnswer) {
	i := slices.IndexFunc(m.devices, func(d device) bool { return d.name == e.Device })
	if i < 0 {
		return
	}
	d := &m.devices[i]
	asked := NoAction
	on := e.Power == beat.Yes && e.Err == ""
	if e.ID != "" && e.ID == d.opID {
		asked, d.op, d.opID = d.op, NoAction, ""
	}
	d.err = e.Err
	if e.Power != beat.Unknown && e.Taken >= d.readAt {
		m.batteryTold(d, &e)
		m.reading(d, e)
	}
	d.mute++
	if e.Power != beat.Unknown {
		d.mute = 0
	}
	switch {
	case asked == FenceOn && on:
		d.onTry, d.onUntil = 0, 0
	case asked == FenceTest && on:
		d.onUntil = 0
	case asked == FenceTest:
		m.drillFault(d.name + " was ordered on, and that was not confirmed: " + orElse(e.Err, "the output does not read on"))
	case asked == FenceOff && d.power != beat.No:
		d.failed = true
		m.note("fence-failed", "fence/"+d.name, "the order was not confirmed: "+orElse(e.Err, "the output still reads on"))
	}
	m.changed = true
}

func (m *Machine) reading(d *device, e FenceAnswer) {
	if e.Power == beat.Yes {
		m.powerCame(d)
	}
	if e.Power == beat.No && d.power != beat.No {
		d.noSince = e.Taken
	}
	d.power, d.readAt = e.Power, e.Taken
	switch {
	case e.Power == beat.Yes:
		d.offAt = 0
	case d.offAt <= max(m.void(), d.onUntil):
		d.offAt = e.Taken
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// confirmedOff is S2(a): every supply of the peer was read off, in one level,
// after the last sign of life, and the supplies hold up no longer.
func (m *Machine) confirmedOff() bool {
	by, since := m.offBy()
	if by == nil {
		return false
	}
	if gone := m.carrierGone(); gone > 0 && gone <= since {
		return m.reached(since)
	}
	return m.reached(since + m.p.Holdup)
}

// mayPromote: this node could become active; who could not, does not cut (S6).
func (m *Machine) mayPromote() bool { return !m.active() && m.lacks() == "" }

// lacks names what keeps this node from becoming active; empty: nothing.
func (m *Machine) lacks() string {
	switch {
	case m.resetting: // that cannot be called off
		return "this node resets itself"
	case m.state.Lost:
		return "the journal is lost"
	case m.role == beat.Stopped:
		return "this node is removed"
	case !m.adopted:
		return "this node still looks at what runs here"
	case m.mains.rest == restBattery || m.mains.shutdown != "":
		return "this node goes down for its battery"
	case m.modeOf(beat.Maintenance, "") != nil:
		return "maintenance is on"
	case m.modeOf(beat.ModeStandby, m.p.Self) != nil:
		return "this node is in standby mode"
	case !m.clean():
		return "this node has not stopped what only the active one may run"
	}
	return ""
}

// askedToCut: the peer cannot stop and asks to be cut, this node is not giving up
// itself, and no order of the peer may act: of the two one is cut. Who is not active may ask
// no longer once it knows that this node is.
func (m *Machine) askedToCut() bool {
	knows := !m.active() || m.peer.b.Role == beat.Active || m.peer.echoed >= m.roleSaid
	return m.peer.asksCut() && knows && m.quiet.receiving && !m.asksCut() && !m.mayBeCut() && (m.giving.kind == notGiving || !m.active())
}

// veto names why no order may be sent at all at present; empty: nothing forbids it.
func (m *Machine) veto() string {
	p, q := &m.peer, &m.quiet
	switch {
	case m.modeOf(beat.Maintenance, "") != nil:
		return "maintenance is on"
	case !m.active() && !m.mayPromote():
		return m.lacks()
	case !m.active() && m.store.failed:
		return "the state cannot be saved"
	case m.asksCut():
		return "this node asks to be cut"
	case m.state.Lost: // whatever runs here was adopted on no better ground than that it runs
		return "the journal is lost"
	case m.askedToCut():
		return ""
	case m.store.failed: // a start after this one would not know of it
		return "the state cannot be saved"
	case !q.silent:
		return "peer is not silent"
	case q.blind:
		return "no link works"
	case m.ping.cutOff():
		return "ping group does not answer"
	case m.awaited() && !m.reached(p.grace):
		return "planned silence"
	case m.awaited() && m.peerRests():
		return "the peer rests: its battery ran out"
	case !m.active() && m.serves():
		return "service answers through the virtual IP"
	case m.active() && m.modeOf(beat.ModeStandby, m.p.Peer) != nil:
		return "peer is in standby mode"
	case m.stepsDown():
		return "this node gives up serving"
	case !m.active() && m.leaving > m.now: // it waits for the peer's word that it serves
		return "this node leaves"
	case m.mayBeCut():
		return "an order of the peer may still act"
	}
	return ""
}

// awaited: the peer's announced silence is waited out. Not that of who serves, or was granted the service.
func (m *Machine) awaited() bool { return m.peer.b.Role != beat.Active && m.given.Generation == 0 }

// peerOrders: the peer told of an order that may still act. After its last beat it may hear
// us, and order on, for two deadtimes.
func (m *Machine) peerOrders() bool {
	p := &m.peer
	return p.b.Ordering && !m.reached(p.receivedAt+2*m.dead()+m.theirs().longest()+m.p.Holdup)
}

// mayBeCut: an order of the peer may act. Asked for one, it may have done as it was asked, and its word of that was lost.
func (m *Machine) mayBeCut() bool {
	return m.peerOrders() || m.askedAt > 0 && !m.reached(m.askedAt+2*m.dead()+m.theirs().longest()+m.p.Holdup)
}

// stepsDown: this node stops everything and nobody is told to take over: it does not cut who could serve.
func (m *Machine) stepsDown() bool { return m.giving.kind != notGiving && !m.giving.kind.grants() }

// orderOff sends orders to the peer's devices, if this is the time.
func (m *Machine) orderOff() {
	if m.quiet.off {
		m.ask = ask{} // whoever asked has it
	}
	if m.ask.id != "" && m.orderAsked() {
		return
	}
	if by, _ := m.offBy(); by != nil || m.quiet.off || !m.quiet.silent && !m.askedToCut() {
		return
	}
	if m.taking.kind != notTaking || m.word || m.removed(m.p.Peer) && (m.active() || m.removalHolds() || m.evidence.final == 0) {
		return // it counts as off
	}
	if m.giving.version > 0 && m.giving.kind.grants() {
		return // a grant is about to be given
	}
	if v := m.veto(); v != "" {
		m.why("S6", "veto", v, 0)
		return
	}
	if m.askedToCut() {
		if m.now >= m.order.until {
			m.sendOrders(m.now, m.order.tries, "the peer asks to be cut")
		}
		return
	}
	if m.active() && m.state.Alone && m.ask.id == "" {
		return // it was off, and was not heard since
	}
	m.orderInTurn()
}

// orderInTurn is S6.
func (m *Machine) orderInTurn() {
	if m.held() {
		m.why("S6", "doubt", "the peer may count other turns", 0)
		return
	}
	t := m.turnAt(m.quiet.base)
	if !t.mine || m.now > t.sendBy {
		m.why("S6", "wait", turnNames[t.number], 0)
		return
	}
	if t.number == 1 {
		missing := m.oneSided()
		if !m.topology.proven {
			missing = "the order's life is unproven"
		}
		if missing != "" {
			m.why("S6", "turn-1", missing, 0)
			return
		}
	}
	m.why("S6", "turn", turnNames[t.number], 0)
	m.sendOrders(t.start, t.level, turnNames[t.number])
}

// turnNames: between the rounds and before the first one nobody has a turn.
var turnNames = [...]string{"no turn", "turn 1", "turn 2", "turn 3", "turn 4", "turn 5"}

// ask is an operator's word to cut the peer. It is never kept for a later world.
type ask struct {
	id    string        // of the command; empty: none
	until time.Duration // it lapses then
	told  uint64        // sequence of the beat that tells a heard peer; 0: not yet said
	tries int           // levels that were ordered for it
	// doubted: it was given while nothing came from the peer and the turns were in doubt, by somebody who could know that.
	doubted bool
}

// held: the turns are in doubt, and no operator who could know it has asked for an order all the same.
func (m *Machine) held() bool { return m.inDoubt() && !m.ask.doubted }

// orderAsked cuts a peer that both nodes hear, level by level, and tells whether
// there is nothing else to do about it. The peer is told before, so that it orders
// nothing should the links break in the meantime.
func (m *Machine) orderAsked() (done bool) {
	a := &m.ask
	heard := m.quiet.heardBoth(&m.peer)
	switch {
	case m.reached(a.until):
		m.dropAsk("its time is over")
	case m.asksCut():
		m.dropAsk("this node asks to be cut")
	case !heard:
		return false // in turn
	case m.store.failed:
		m.dropAsk("the state cannot be saved")
	case !m.active():
		m.dropAsk(m.p.Peer + " is heard, and this node is not active")
	case a.told == 0:
		a.told, m.urgent = m.seq+1, true
	case m.peer.echoed < a.told || m.mayBeCut() || !m.reached(m.order.until) || m.trying() || m.giving.kind != notGiving || m.given.Generation > 0:
	case a.tries >= len(m.topology.orderable):
		m.dropAsk("no fence device confirmed that " + m.p.Peer + " is off")
	default:
		a.tries++
		m.sendOrders(m.now, a.tries-1, "asked by the operator")
	}
	return heard
}

func (m *Machine) dropAsk(why string) {
	m.ask = ask{}
	m.urgent = true
	m.note("fence-given-up", m.object.peer, "the operator's fence of "+m.p.Peer+" is given up: "+why)
}

// sendOrders orders the devices of one level off, once per turn. Levels are counted
// on, and begin again after the last.
func (m *Machine) sendOrders(slot time.Duration, k int, reason string) {
	n := len(m.topology.orderable)
	if n == 0 || m.given.Generation > 0 && m.quiet.heard && !m.askedToCut() || m.trying() {
		return
	}
	l := &m.topology.orderable[k%n]
	if n > 1 {
		reason += ", level " + strconv.Itoa(l.number)
	}
	sent := false
	for _, i := range l.devices {
		d := &m.devices[i]
		if d.slot == slot || d.op == FenceOff || d.op == FenceOn || d.isOff(m.void()) {
			continue
		}
		sent = true
		m.sendOrder(d, slot, reason)
	}
	if sent {
		m.order.tries++
		m.urgent = true
		m.phaseBegin("fence")
	}
	m.wakeAt(m.order.until)
}

// mayActUntil keeps how long an order to a device may still switch the peer off.
func (m *Machine) mayActUntil(d *device, until time.Duration) {
	d.until = until
	m.order.until = max(m.order.until, until+m.p.Holdup)
}

func (m *Machine) sendOrder(d *device, slot time.Duration, reason string) {
	life := d.life
	d.slot, d.op = slot, FenceOff
	m.mayActUntil(d, m.now+life)
	d.opUntil = d.until + m.p.Interval
	d.opID = m.act(Action{
		Kind: FenceOff, Device: d.name, Expiry: m.now + life/2, Deadline: d.until,
		Mark: "cut by " + m.p.Self + ", generation " + itoa(max(m.state.Generation, m.peer.b.Generation)+1),
	})
	m.order.sent, m.order.open = m.now, true
	if !slices.Contains(m.state.Owed, d.name) { // kept while the order is on its way: who dies meanwhile must know it afterwards
		m.state.Owed = append(slices.Clone(m.state.Owed), d.name)
		m.state.Cuts = within(slices.Clone(m.state.Cuts), m.clock(), m.powerOns().Within) // what is longer ago counts no more
		m.store.changed()
	}
	m.note("fence-ordered", "fence/"+d.name, "ordered "+d.name+" to switch "+m.p.Peer+" off: "+reason)
}

// readBack reads the devices in a silence: the peer may be off already, and an
// order that was not confirmed may have acted.
func (m *Machine) readBack() {
	q := &m.quiet
	if !q.silent || q.off || m.active() && m.state.Alone || m.ping.cutOff() || !m.reached(q.t0+m.interval()) {
		return
	}
	every := rereadEvery
	if m.now-q.since > 20*rereadEvery {
		every = 4 * rereadEvery
	}
	void := m.void()
	for i := range m.devices {
		d := &m.devices[i]
		if !d.feedsPeer || d.op != NoAction || d.isOff(void) {
			continue
		}
		if d.read > 0 && d.read >= q.since && !m.reached(d.read+every) {
			continue
		}
		d.read, d.op, d.opUntil = m.now, FenceRead, m.now+readTimeout+m.p.Interval
		d.opID = m.act(Action{Kind: FenceRead, Device: d.name, Deadline: m.now + readTimeout})
	}
}
