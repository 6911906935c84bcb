package failover

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// Without mains a store has the time that its batteries give it. The standby
// rests first: it stops its layers and says that its silence would be no death.
// The active node serves until its own battery is low; then it hands over to a
// peer whose battery is not, or stops everything in order, so that the battery's
// end ends nothing but a machine that holds nothing. When mains are back both
// boot, or wake, and S4 decides. What cannot be read is not on battery.
const (
	// batteryFresh is how old a reading may be that a node rests upon.
	batteryFresh = time.Minute
	// mainsStable is how long mains must have been back before a node wakes.
	mainsStable = 10 * time.Second
	// restBlind: a node that has read nothing of its supply for so long and still runs has power.
	restBlind = 5 * time.Minute
	// shutdownPatience bounds one attempt to shut the host down; after one that failed
	// there is another a shutdownPause later.
	shutdownPatience = time.Minute
	shutdownPause    = time.Minute
)

// rest tells why a node that is not active runs nothing.
type rest uint8

const (
	awake       rest = iota
	restStore        // the whole store is on battery: this node would still take over
	restBattery      // its own battery is low: it would not
)

// mains is what is known of the store's utility power.
type mains struct {
	lost     time.Duration // since when both nodes are on battery; 0: they are not
	rest     rest
	began    time.Duration // since when this node rests
	ground   time.Duration // when a ground to rest last held
	said     bool          // a beat announced the rest
	shutdown string        // the action that shuts the host down; empty: none is under way
	until    time.Duration // when it should have come true
	next     time.Duration // when it may be tried again
	failed   string        // why it could not be shut down; empty: it could, or was not tried
}

// batteryState is what a device last told of its battery.
type batteryState struct {
	on, low beat.Tri
	charge  int // percent; 0: not told
	runtime time.Duration
	at      time.Duration
	again   bool // it is low, and was by the reading before: a self-test is neither
}

func feedsSelf(d *device) bool { return d.feedsSelf }
func feedsPeer(d *device) bool { return d.feedsPeer }

// batteryTold folds a reading's word on the battery.
func (m *Machine) batteryTold(d *device, e *FenceAnswer) {
	if e.OnBattery == beat.Unknown && e.ID != "" {
		return // an order's answer need not tell
	}
	if d.feedsPeer && e.OnBattery == beat.No && d.battery.on == beat.Yes {
		m.powerBack()
	}
	before := d.battery
	d.battery = batteryState{on: e.OnBattery, low: e.BatteryLow, charge: e.Charge, runtime: e.Runtime, at: e.Taken}
	d.battery.again = m.isLow(&before) && m.isLow(&d.battery)
}

// powerBack: mains are back at the supply of a peer that fell silent while it did
// not serve. It boots, and gets the time that a boot takes. The turns of one that was
// heard stay where it counts them, too: it may live, and know nothing of this.
func (m *Machine) powerBack() {
	if m.peer.b.Role == beat.Active || m.quiet.receiving {
		return
	}
	until := &m.peer.patience
	if m.peer.heardAt > 0 {
		until = &m.peer.boots
	}
	*until = max(*until, m.now+m.p.Initdead)
}

// powerCame: the supply of a peer that was never heard since this start came on.
// When mains return, two nodes do not boot at the same moment.
func (m *Machine) powerCame(d *device) {
	if d.feedsPeer && m.peer.heardAt == 0 && (d.power == beat.No || d.mute > 1) {
		m.peer.patience = max(m.peer.patience, m.now+m.p.Initdead)
	}
}

// onBattery tells whether every supply of a node runs on its battery.
func (m *Machine) onBattery(fed func(*device) bool) beat.Tri {
	supplies, yes := 0, 0
	for i := range m.devices {
		d := &m.devices[i]
		if !fed(d) {
			continue
		}
		supplies++
		if m.reached(d.battery.at + batteryFresh) {
			continue
		}
		switch d.battery.on {
		case beat.No:
			return beat.No
		case beat.Yes:
			yes++
		case beat.Unknown:
		}
	}
	if supplies > 0 && yes == supplies {
		return beat.Yes
	}
	return beat.Unknown
}

// batteryLow: this node runs on batteries, and every one of them was read low twice.
func (m *Machine) batteryLow() bool {
	if m.onBattery(feedsSelf) != beat.Yes {
		return false
	}
	for i := range m.devices {
		if d := &m.devices[i]; d.feedsSelf && !d.battery.again {
			return false
		}
	}
	return true
}

// isLow judges charge and running time; the device's own word counts where it tells neither.
func (m *Machine) isLow(b *batteryState) bool {
	o := &m.p.OnBattery
	if b.on != beat.Yes {
		return false
	}
	if b.charge == 0 && b.runtime == 0 {
		return b.low == beat.Yes
	}
	return b.charge > 0 && b.charge <= o.LowCharge || b.runtime > 0 && b.runtime <= o.LowRuntime
}

// weighMains decides whether this node rests.
func (m *Machine) weighMains() {
	w := &m.mains
	if w.shutdown != "" && m.reached(w.until) {
		m.notShutDown("it still runs " + spoken.Duration(shutdownPatience) + " after the order")
	}
	own := m.onBattery(feedsSelf)
	switch both := own == beat.Yes && m.onBattery(feedsPeer) == beat.Yes; {
	case !both:
		w.lost = 0
	case w.lost == 0:
		w.lost = m.now
		m.note("on-battery", m.object.self, "both nodes run on battery")
	}
	ground := m.restGround()
	switch {
	case m.active():
		m.endRest("")
	case ground != awake:
		w.ground = m.now
		m.beginRest(ground)
	case w.rest == awake:
	case m.mainsAt(own) && m.reached(w.ground+mainsStable), m.reached(w.ground + restBlind):
		m.endRest("its ground is gone")
	}
}

// mainsAt: there are mains where this node's rest needs them: at its own supply, or,
// if it rests because the whole store has none, at either.
func (m *Machine) mainsAt(own beat.Tri) bool {
	return own == beat.No || m.mains.rest == restStore && m.onBattery(feedsPeer) == beat.No
}

// restGround is why this node should rest now.
func (m *Machine) restGround() rest {
	w := &m.mains
	switch {
	case m.active() || m.role == beat.Stopped || m.modeOf(beat.Maintenance, "") != nil:
		return awake
	case m.batteryLow():
		return restBattery
	case w.lost > 0 && m.p.OnBattery.StandbyAfter > 0 && m.reached(w.lost+m.p.OnBattery.StandbyAfter):
		return restStore
	}
	return awake
}

func (m *Machine) beginRest(ground rest) {
	w := &m.mains
	if ground <= w.rest {
		return
	}
	w.rest, w.began, m.urgent = ground, m.now, true
	m.note("rest", m.object.self, "this node rests: "+ground.String())
}

func (r rest) String() string {
	switch r {
	case restStore:
		return "both nodes run on battery"
	case restBattery:
		return "its battery is low"
	case awake:
	}
	return "it is awake"
}

// endRest wakes the node. A peer that is silent may be booting, and gets its time.
func (m *Machine) endRest(why string) {
	w := &m.mains
	if w.rest == awake || w.shutdown != "" { // its supply may already be told to switch off
		return
	}
	w.rest, w.said, w.next, w.failed, m.urgent = awake, false, 0, "", true
	if why != "" {
		m.note("wake", m.object.self, "this node rests no longer: "+why)
		m.powerBack()
	}
}

// peerRests: the peer's last word was that its silence would be planned, and its
// supply was on battery when it was last read: the battery ran out.
func (m *Machine) peerRests() bool {
	if m.peer.b.Role == beat.Active || m.peer.grace == 0 {
		return false
	}
	supplies := 0
	for i := range m.devices {
		if d := &m.devices[i]; d.feedsPeer {
			if supplies++; d.battery.on != beat.Yes {
				return false
			}
		}
	}
	return supplies > 0
}

// considerBattery: an active node whose battery is low hands over, or stops in order.
func (m *Machine) considerBattery() {
	if !m.active() || m.giving.kind != notGiving || !m.batteryLow() || m.mayGive() != "" {
		return
	}
	if m.peerReady() {
		m.beginGiving(lowBattery, "the battery is low")
		return
	}
	m.beginGiving(powerDown, "the battery is low and "+m.peerLacks())
}

// shutHostDown has the host shut down once nothing runs here, that is on disk, and
// the peer was told.
func (m *Machine) shutHostDown() {
	w := &m.mains
	waits := m.given.Generation > 0 && m.quiet.heard || !m.reached(w.began+shutdownPatience) && (m.owesPower() || m.peerStarts())
	if !m.p.OnBattery.Shutdown || w.rest == awake || w.ground < m.now || w.shutdown != "" || !w.said || waits || m.store.wanted != m.store.saved || m.runsAny() || !m.reached(w.next) {
		return
	}
	m.note("shutdown", m.object.self, "the host shuts down: "+w.rest.String())
	w.until = m.now + shutdownPatience
	w.shutdown = m.act(Action{Kind: Shutdown, Deadline: w.until})
}

// owesPower: the peer gets its power back from this node or from nobody, and could use it.
func (m *Machine) owesPower() bool {
	return m.owes() && (m.ordering() || m.state.OnDue > 0) && !m.removed(m.p.Peer) && m.onBattery(feedsPeer) != beat.Yes
}

// peerStarts: nobody serves, and the peer that could is heard again: it starts what this node agrees to.
func (m *Machine) peerStarts() bool {
	p := &m.peer
	could := !m.removed(m.p.Peer) && m.modeOf(beat.ModeStandby, m.p.Peer) == nil && m.onBattery(feedsPeer) != beat.Yes
	return could && m.quiet.receiving && p.b.Role != beat.Active && p.grace == 0
}

// shutdownDone takes the answer of a host that could not be shut down. It runs
// nothing, so nothing is lost; but its battery is better spent on starting again.
func (m *Machine) shutdownDone(e ActionDone) {
	if e.Err == "" {
		return // it is on its way down
	}
	m.notShutDown(e.Err)
}

// notShutDown: the host runs on, and another attempt is made later.
func (m *Machine) notShutDown(why string) {
	w := &m.mains
	w.shutdown, w.next, w.failed, m.changed = "", m.now+shutdownPause, why, true
}

// runsAny: something that this node may act on still runs, or may.
func (m *Machine) runsAny() bool {
	for i := range m.resources {
		if m.managed(i) && m.resources[i].stage() != gone {
			return true
		}
	}
	return false
}
