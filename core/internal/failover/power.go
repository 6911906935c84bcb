package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// S7: what this node switched off it switches on again.

const (
	// fenceAgain is the default time of Policy.PowerOns.
	fenceAgain = time.Hour
	// onTimeout bounds switching on, onRetryMost the pause before the next try.
	onTimeout   = 10 * time.Second
	onRetryMost = 5 * time.Second
)

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
	m.order.open = false
	m.peer.grace = 0 // whatever silence it announced, it was cut
	clock, budget := m.clock(), m.powerOns()
	m.state.Cuts = append(within(slices.Clone(m.state.Cuts), clock, budget.Within), clock)
	m.state.OnDue = 0
	if m.p.Cycle && (len(m.state.Cuts) <= budget.Max || m.idles()) {
		m.state.OnDue = clock + max(m.p.OffTime, 1)
	}
	m.store.changed()
}

// unrecorded: the peer is off by an order of this node, and nothing says yet when it gets
// its power back, as where the daemon that ordered it died before it knew.
func (m *Machine) unrecorded() bool {
	off := m.quiet.off || m.quiet.blind && m.confirmedOff() // to give power back, silence need not be told
	return m.p.Cycle && off && m.state.OnDue == 0 && m.owes() && !m.staysOff()
}

// takesNothingOver: nothing would come of leaving the peer without power.
func (m *Machine) takesNothingOver() bool {
	return m.active() || !m.mayPromote() || m.store.failed || m.quiet.blind
}

// idles: this node neither serves nor could. Then the peer gets its power back however often it was cut.
func (m *Machine) idles() bool { return !m.active() && m.takesNothingOver() }

// staysOff: fenced too often, the peer is not switched on again.
func (m *Machine) staysOff() bool {
	budget, n := m.powerOns(), len(m.state.Cuts)
	return m.p.Cycle && !m.idles() && m.state.OnDue == 0 && m.owes() && n > budget.Max && m.state.Cuts[n-1]-m.state.Cuts[n-budget.Max-1] < budget.Within
}

// giveBack switches on what this node switched off: off_time after a confirmed
// cut, or once it is read off while the peer turns out to live all the same, on
// another supply. What was ordered off is owed until it was read on.
func (m *Machine) giveBack() {
	m.presume()
	if m.state.OnDue == 0 && len(m.state.Owed) == 0 || m.ordering() || m.ask.id != "" || m.askedToCut() || m.removed(m.p.Peer) {
		return
	}
	if m.unrecorded() && (m.quiet.blind || m.idles()) {
		m.recordCut() // who takes nothing over gives the peer its power back, so that it can serve
	}
	if m.onBattery(feedsPeer) == beat.Yes {
		return // what is left in its battery is for another day
	}
	lives := m.quiet.heard && m.peer.heardAt > m.order.until // old bytes on a line do not echo
	if lives && m.state.OnDue > 0 {
		m.state.OnDue = 0
		m.store.changed()
	}
	cut := m.state.OnDue > 0 && m.takesNothingOver() && (m.mains.rest == restBattery || m.reached(m.began+m.state.OnDue-m.clockBase)) // who goes down cannot wait
	owed := slices.DeleteFunc(slices.Clone(m.state.Owed), m.isOn)
	if len(owed) < len(m.state.Owed) {
		m.tellForgotten()
		m.state.Owed = owed
		m.forgetOrdersOn()
	}
	if cut && len(owed) == 0 {
		m.state.OnDue = 0
		m.store.changed()
	}
	for _, name := range owed {
		if d := m.orderable(name); d != nil && (cut || lives && d.power == beat.No && d.readAt > m.quiet.steady) {
			m.switchOn(d, !cut)
		}
	}
}

// presume finds out what an order whose memory is lost came to. What is off since before this
// start may be off for a reason of somebody's, who may be at work on the peer: nobody but an
// operator switches it on. What was on since, and goes off yet, is owed.
func (m *Machine) presume() {
	if len(m.state.Presumed) == 0 {
		return
	}
	var left, owed []string
	feeders := 0
	for i := range m.devices {
		if m.devices[i].feedsPeer {
			feeders++
		}
	}
	fed := m.quiet.heard && feeders == 1 // who is heard has power, and from nowhere else
	for _, name := range m.state.Presumed {
		d := m.orderable(name)
		switch {
		case m.isOn(name) || slices.Contains(m.state.Owed, name):
		case d != nil && (d.power == beat.Yes || d.power == beat.Unknown && fed):
			owed = append(owed, name)
		default:
			left = append(left, name)
		}
	}
	if len(left) == len(m.state.Presumed) {
		return
	}
	m.state.Presumed, m.state.Owed = left, slices.Concat(m.state.Owed, owed)
	m.forgetOrdersOn()
}

// forgetOrdersOn: an order on is remembered as long as its device may be off.
func (m *Machine) forgetOrdersOn() {
	m.state.SwitchedOn = slices.DeleteFunc(slices.Clone(m.state.SwitchedOn), func(name string) bool {
		return !slices.Contains(m.state.Owed, name) && !slices.Contains(m.state.Presumed, name)
	})
	m.store.changed()
}

// isOn tells that nothing is owed to a device any more: it was read on since its last
// order, or it left the configuration and the peer runs without it.
func (m *Machine) isOn(name string) bool {
	d := m.orderable(name)
	if d == nil {
		return m.peerFed()
	}
	on := d.power == beat.Yes && d.readAt > d.until
	if on {
		d.onTry = 0
	}
	return on
}

// tellForgotten tells of what is owed to no device any more: it may still be off.
func (m *Machine) tellForgotten() {
	for _, name := range m.state.Owed {
		if m.orderable(name) == nil && m.peerFed() {
			m.note("owed-no-more", "fence/"+name, name+" was ordered off and left the configuration; "+m.p.Peer+" runs without it, and nobody switches it on")
		}
	}
}

// peerFed: the peer is heard since the last order's end, and every device that feeds it was read on since.
func (m *Machine) peerFed() bool {
	fed := m.quiet.heard && m.peer.heardAt > m.order.until && len(m.topology.orderable) > 0 // who was just cut is heard for a deadtime
	for i := range m.devices {
		d := &m.devices[i]
		fed = fed && (!d.feedsPeer || d.power == beat.Yes && d.readAt > max(d.until, m.quiet.steady))
	}
	return fed
}

// owes: a device that this node may order was ordered off, and was not read on since.
func (m *Machine) owes() bool {
	return slices.ContainsFunc(m.state.Owed, func(name string) bool { return m.orderable(name) != nil })
}

// orderable is the device of a name if this node may give it orders; nil: it may not, or the
// configuration has no such device. What is owed to one that left the configuration while
// the peer was off stays owed: it may come back to it.
func (m *Machine) orderable(name string) *device {
	i := m.deviceOf(name)
	if i < 0 || !m.devices[i].ours() {
		return nil
	}
	return &m.devices[i]
}

func (m *Machine) deviceOf(name string) int {
	return slices.IndexFunc(m.devices, func(d device) bool { return d.name == name })
}

// switchOn orders a device on. While that may act, a peer that lives is not off.
func (m *Machine) switchOn(d *device, lives bool) {
	if d.op != NoAction || !m.reached(d.onNext) {
		return
	}
	d.onTry++
	d.onNext = m.now + min(time.Duration(d.onTry)*time.Second, onRetryMost)
	life := onTimeout
	if lives { // as a drill's: a cut must not wait for it longer than an order may take
		life = d.life
		d.onUntil = m.now + life
	}
	if !slices.Contains(m.state.SwitchedOn, d.name) { // a start after this one must know it
		m.state.SwitchedOn = append(slices.Clone(m.state.SwitchedOn), d.name)
		m.store.changed()
	}
	d.op, d.opUntil = FenceOn, m.now+life+m.p.Interval
	d.opID = m.act(Action{Kind: FenceOn, Device: d.name, Expiry: m.now + life/2, Deadline: m.now + life})
	m.note("power-on", "fence/"+d.name, "switching "+m.p.Peer+" on again")
}
