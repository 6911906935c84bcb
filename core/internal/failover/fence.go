package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

const (
	// rereadEvery is the least time between two readings of a device in a silence.
	rereadEvery = 500 * time.Millisecond
	// fenceAgain is the default time of Policy.PowerOns.
	fenceAgain = time.Hour
	// onTimeout bounds switching on, onRetryMost the pause before the next try.
	onTimeout   = 10 * time.Second
	onRetryMost = 5 * time.Second
	// readTimeout bounds one reading.
	readTimeout = 2 * time.Second
)

// device is what is known of one fence device.
type device struct {
	name                 string
	cfg                  Device
	feedsPeer, feedsSelf bool

	power   beat.Tri
	battery batteryState
	mute    bool // its last answer was none
	readAt  time.Duration
	offAt   time.Duration // first reading of off since the last sign of life
	err     string

	op      ActionKind
	opID    string
	opUntil time.Duration // the executor's deadline, with some slack
	slot    time.Duration // start of the turn in which an order was last sent
	read    time.Duration // when a reading was last asked for
	failed  bool          // an order was not confirmed in this silence
	onTry   int
	onNext  time.Duration
}

// ours: this node may give the device orders.
func (d *device) ours() bool { return d.feedsPeer && !d.feedsSelf }

// isOff: it was read off after the last sign of life.
func (d *device) isOff(void time.Duration) bool { return d.power == beat.No && d.offAt > void }

// void: readings up to here say nothing.
func (m *Machine) void() time.Duration { return max(m.peer.lifeAt, m.voided) }

// order is the last order given to the peer's devices, as one.
type order struct {
	sent  time.Duration
	until time.Duration // end of its life: until then its outcome is unknown
	any   bool          // an order was sent in this silence
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
		if d.op == NoAction {
			continue
		}
		if m.reached(d.opUntil) {
			d.failed = d.failed || d.op == FenceOff
			d.op, d.opID, d.err = NoAction, "", "no answer in time"
		}
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
	if e.ID != "" && e.ID == d.opID {
		asked, d.op, d.opID = d.op, NoAction, ""
	}
	d.err = e.Err
	if e.Power != beat.Unknown && e.Taken >= d.readAt {
		m.batteryTold(d, &e)
		m.reading(d, e)
	}
	d.mute = e.Power == beat.Unknown
	switch {
	case asked == FenceOn && d.power == beat.Yes && e.Err == "":
		d.onTry = 0
	case asked == FenceOff && d.power != beat.No:
		d.failed = true
		m.note("fence-failed", "fence/"+d.name, "the order was not confirmed: "+orNone(e.Err))
	}
	m.changed = true
}

func (m *Machine) reading(d *device, e FenceAnswer) {
	if e.Power == beat.Yes {
		m.powerCame(d)
	}
	d.power, d.readAt = e.Power, e.Taken
	switch {
	case e.Power == beat.Yes:
		d.offAt = 0
	case d.offAt <= m.void():
		d.offAt = e.Taken
	}
}

func orNone(s string) string {
	if s == "" {
		return "the output still reads on"
	}
	return s
}

// confirmedOff is S2(a): every supply of the peer was read off after the last
// sign of life, and the supplies hold up no longer.
func (m *Machine) confirmedOff() bool {
	void := m.void()
	gone := m.carrierGone()
	var from time.Duration
	n := 0
	for i := range m.devices {
		d := &m.devices[i]
		if !d.feedsPeer {
			continue
		}
		n++
		if !d.isOff(void) {
			return false
		}
		at := d.offAt + m.p.Holdup
		if gone > 0 && gone <= d.offAt {
			at = d.offAt
		}
		from = max(from, at)
	}
	return n > 0 && m.reached(from)
}

// mayPromote: this node could become active; who could not, does not cut (S6).
func (m *Machine) mayPromote() bool {
	return !m.lost && !m.active() && m.role != beat.Stopped && m.adopted && m.mains.rest != restBattery && m.modeOf(beat.Maintenance, "") == nil &&
		m.modeOf(beat.ModeStandby, m.p.Self) == nil && m.clean()
}

// askedToCut: the peer cannot stop and asks to be cut, and this node is not
// giving up itself.
func (m *Machine) askedToCut() bool {
	return m.peer.b.CutMe && m.quiet.receiving && !m.cutMe && !m.cannotKeep() && (m.giving.kind == notGiving || !m.active())
}

// veto names why no order may be sent at all at present; empty: nothing forbids it.
func (m *Machine) veto() string {
	p, q := &m.peer, &m.quiet
	switch {
	case m.modeOf(beat.Maintenance, "") != nil:
		return "maintenance"
	case !m.active() && !m.mayPromote():
		return "this node could not promote"
	case m.lost: // whatever runs here was adopted on no better ground than that it runs
		return "the journal is lost"
	case m.askedToCut():
		return ""
	case !q.silent:
		return "peer is not silent"
	case q.blind:
		return "no link works"
	case m.ping.cutOff():
		return "ping group does not answer"
	case p.b.Role != beat.Active && !m.reached(p.grace):
		return "planned silence"
	case m.peerRests():
		return "the peer rests: its battery ran out"
	case !m.active() && m.serves():
		return "service answers through the virtual IP"
	case m.active() && m.modeOf(beat.ModeStandby, m.p.Peer) != nil:
		return "peer is in standby mode"
	}
	return ""
}

// orderOff sends orders to every device of the peer, if this is the time.
func (m *Machine) orderOff() {
	if m.fenceAsk != "" && m.quiet.heardBoth(&m.peer) && m.active() {
		m.sendOrders(m.now, "asked by the operator") // the peer hears us: it orders nothing
		return
	}
	if !m.quiet.silent && !m.askedToCut() || m.quiet.off || m.allOff() {
		return
	}
	if m.taking.kind != notTaking || m.word || m.modeOf(beat.ModeRemoved, m.p.Peer) != nil {
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
			m.sendOrders(m.now, "the peer asks to be cut")
		}
		return
	}
	if m.active() && m.state.Alone && m.fenceAsk == "" {
		return // it was off, and was not heard since
	}
	t := m.turnAt(m.quiet.base)
	if !t.mine || m.now > t.sendBy {
		m.why("S6", "wait", "turn "+digits[t.number], 0)
		return
	}
	if t.number == 1 {
		if missing := m.oneSided(); missing != "" {
			m.why("S6", "turn-1", missing, 0)
			return
		}
	}
	m.why("S6", "turn", digits[t.number], 0)
	m.sendOrders(t.start, "turn "+digits[t.number])
}

var digits = [...]string{"0", "1", "2", "3", "4", "5"}

// allOff: every supply of the peer was read off since the last sign of life.
func (m *Machine) allOff() bool {
	void, n := m.void(), 0
	for i := range m.devices {
		if d := &m.devices[i]; d.feedsPeer {
			n++
			if !d.isOff(void) {
				return false
			}
		}
	}
	return n > 0
}

// sendOrders orders every device off, once per turn.
func (m *Machine) sendOrders(slot time.Duration, reason string) {
	if m.given.Generation > 0 && m.quiet.heard && !m.askedToCut() {
		return
	}
	for i := range m.devices {
		d := &m.devices[i]
		if !d.ours() || d.slot == slot || d.op == FenceOff || d.op == FenceOn || d.isOff(m.void()) {
			continue
		}
		life := d.cfg.Life
		if life == 0 {
			life = unprovenLife
		}
		d.slot, d.op = slot, FenceOff
		d.opUntil = m.now + life + m.p.Interval
		d.opID = m.act(Action{
			Kind: FenceOff, Device: d.name, Expiry: m.now + life/2, Deadline: m.now + life,
			Mark: "cut by " + m.p.Self + ", generation " + itoa(max(m.state.Generation, m.peer.b.Generation)+1),
		})
		m.order.any, m.order.sent = true, m.now
		m.order.until = max(m.order.until, m.now+life)
		m.urgent = true
		m.fenceAsk = ""
		m.phaseBegin("fence")
		m.note("fence-ordered", "fence/"+d.name, "ordered "+d.name+" to switch "+m.p.Peer+" off: "+reason)
	}
	m.wakeAt(m.order.until)
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

// powerOns is how often a fenced node is switched on again; by default a node
// fenced twice within an hour stays off (S7).
func (m *Machine) powerOns() Budget {
	b := m.p.PowerOns
	if b.Max == 0 {
		b.Max = 1
	}
	if b.Within == 0 {
		b.Within = fenceAgain
	}
	return b
}

// recordCut keeps what S7 needs: when we cut the peer, and that it is owed power.
func (m *Machine) recordCut() {
	clock, budget := m.clock(), m.powerOns()
	m.state.Cuts = append(within(slices.Clone(m.state.Cuts), clock, budget.Within), clock)
	m.state.OnDue = 0
	if m.p.Cycle && len(m.state.Cuts) <= budget.Max {
		m.state.OnDue = clock + max(m.p.OffTime, 1)
	}
	m.store.changed()
}

// staysOff: fenced too often, the peer is not switched on again.
func (m *Machine) staysOff() bool {
	budget, n := m.powerOns(), len(m.state.Cuts)
	return m.p.Cycle && m.state.OnDue == 0 && n > budget.Max && m.clock()-m.state.Cuts[n-budget.Max-1] < budget.Within
}

// giveBack is S7: who cut the peer switches it on again after off_time.
func (m *Machine) giveBack() {
	if m.state.OnDue == 0 || !m.active() && m.mayPromote() || m.modeOf(beat.ModeRemoved, m.p.Peer) != nil || m.ordering() {
		return
	}
	if m.onBattery(feedsPeer) == beat.Yes {
		return // what is left in its battery is for another day
	}
	if !m.quiet.off && (m.quiet.heard || !m.quiet.silent && m.peer.receivedAt > m.order.sent) {
		m.state.OnDue = 0
		m.store.changed()
		return
	}
	if !m.reached(m.began + m.state.OnDue - m.clockBase) {
		return
	}
	waiting := false
	for i := range m.devices {
		d := &m.devices[i]
		if !d.ours() || d.power == beat.Yes {
			continue
		}
		waiting = true
		if d.op != NoAction || !m.reached(d.onNext) {
			continue
		}
		d.onTry++
		d.onNext = m.now + min(time.Duration(d.onTry)*time.Second, onRetryMost)
		d.op, d.opUntil = FenceOn, m.now+onTimeout+m.p.Interval
		d.opID = m.act(Action{Kind: FenceOn, Device: d.name, Expiry: m.now + onTimeout/2, Deadline: m.now + onTimeout})
		m.note("power-on", "fence/"+d.name, "switching "+m.p.Peer+" on again")
	}
	if !waiting {
		m.state.OnDue = 0
		m.store.changed()
	}
}
