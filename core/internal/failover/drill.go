package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/sdk/spoken"
)

const (
	// drillRest is how long after a failover no drill begins: somebody may be at work
	// on the node that failed.
	drillRest = time.Hour
	// drillPatience is how long the service may be away before a drill counts as failed.
	drillPatience = 30 * time.Second
)

// drillStage tells where in a drill this node is.
type drillStage uint8

const (
	notDrilling drillStage = iota
	trying                 // the giver tries its fence devices
	handing                // and hands over
	serving                // the taker brings the service up
	proving                // the taker serves, and tries its own fence devices
	watching               // the giver waits for the taker's word that it is over
)

// drill is a rehearsal: a planned switchover, measured like a failover, with an
// order to every fence device of both nodes that changes nothing.
type drill struct {
	stage drillStage
	sent  bool    // the tests are on their way
	fault string  // the first thing that went wrong
	taker beat.ID // the start of the taker's daemon that was given the role
}

// commandDrill refuses a drill that could cost more than it proves.
func (m *Machine) commandDrill(c *Command) string {
	gap := m.notWhole()
	ago, lately := m.sinceFailover()
	switch {
	case !m.active():
		return "no node is active"
	case m.mayGrant() != "":
		return m.mayGrant()
	case m.onBattery(feedsSelf) == beat.Yes || m.onBattery(feedsPeer) == beat.Yes:
		return "a node runs on its battery"
	case gap != "":
		return "the pair is not whole: " + gap
	case len(m.topology.orderable) == 0:
		return "no fence device feeds " + m.p.Peer
	case c.Open && !c.Anyway:
		return "the store is open, and a drill interrupts the service"
	case lately:
		return "a drill waits an hour after a failover: " + spoken.Duration((drillRest - ago).Round(time.Minute)) + " more"
	}
	m.drill = drill{stage: trying}
	m.note("drill-begun", m.object.store, "a drill begins: "+m.p.Peer+" is to take over")
	return ""
}

// layerDown names the first layer of those that run on both nodes that is down at one; empty: none.
func (m *Machine) layerDown(at func(*resource) beat.Health) string {
	for i := range m.resources {
		if r := &m.resources[i]; r.cfg.ActiveActive && m.managed(i) && at(r) == beat.Down {
			return r.name
		}
	}
	return ""
}

// notWhole names what keeps an active node's pair from being whole, or soon will; empty: nothing.
func (m *Machine) notWhole() string {
	if m.quiet.heard && m.now < m.peer.grace {
		return m.p.Peer + " announced that it will be silent"
	}
	return m.partOnly()
}

// partOnly names what keeps it from being whole now.
func (m *Machine) partOnly() string {
	if why := m.peerUnwell(); why != "" {
		return why
	}
	theirs := func(r *resource) beat.Health { return m.peerLayer(r.name) }
	if name := m.layerDown(theirs); name != "" && !m.peerRests() {
		return name + " does not run on " + m.p.Peer
	}
	if name := m.notUp(); name != "" {
		return name + " does not run on " + m.p.Self
	}
	return ""
}

// sinceFailover is how long ago the last failover was that this node knows of, and
// whether that is too lately for a drill.
func (m *Machine) sinceFailover() (ago time.Duration, lately bool) {
	if f := &m.failover; f.Kind == KindFailover && f.Generation > 0 {
		ago, lately = m.now-f.Began, true
	}
	if n := len(m.state.Cuts); n > 0 {
		if cut := m.clock() - m.state.Cuts[n-1]; !lately || cut < ago {
			ago, lately = cut, true
		}
	}
	return ago, lately && ago < drillRest
}

// rehearse carries a drill on.
func (m *Machine) rehearse() {
	d, f := &m.drill, &m.failover
	switch {
	case d.stage == notDrilling:
	case m.quiet.silent:
		m.endDrill(m.p.Peer + " is silent")
	case d.stage == trying && m.devicesTried():
		m.handDrill()
	case d.stage == serving && f.Done > 0 && f.OK:
		d.stage = proving
		m.rehearse()
	case d.stage == serving && f.Done > 0:
		m.endDrill(m.p.Self + " gave the active role up again")
	case d.stage == serving && m.reached(f.Began+drillPatience):
		m.endDrill("no service through the virtual IP after " + spoken.Duration(drillPatience))
	case d.stage == proving && m.devicesTried():
		m.endDrill(d.fault)
	case d.stage == watching && m.peer.b.Incarnation != d.taker:
		m.endDrill("the daemon of " + m.p.Peer + " started anew in the middle of it")
	case d.stage == watching && !m.peer.b.Drill:
		m.drill = drill{} // the taker has told how it came out
	}
}

// watchDrill keeps an eye on a taker that is active: if it does not live to tell
// how the drill came out, this node does.
func (m *Machine) watchDrill() {
	if m.drill.stage == handing {
		m.drill = drill{stage: watching, taker: m.given.To}
	}
}

// handDrill gives the active role away, if the devices obeyed and the pair is still whole.
func (m *Machine) handDrill() {
	m.drillFault(m.notWhole())
	if m.drill.fault != "" {
		m.endDrill(m.drill.fault)
		return
	}
	m.drill.stage = handing
	m.beginGiving(switchover, "a drill")
}

// devicesTried has every device of the peer carry out one order that changes
// nothing, and tells whether all have answered.
func (m *Machine) devicesTried() bool {
	if !m.drill.sent {
		m.drill.sent = true
		m.tryDevices()
	}
	return !slices.ContainsFunc(m.devices, func(d device) bool { return d.op == FenceTest })
}

func (m *Machine) tryDevices() {
	for i := range m.topology.orderable {
		for _, k := range m.topology.orderable[i].devices {
			d := &m.devices[k]
			if d.op == FenceOff || d.op == FenceOn || d.power == beat.No {
				m.drillFault(d.name + " does not read on")
				continue
			}
			life := d.life
			d.op, d.opUntil, d.onUntil = FenceTest, m.now+life+m.p.Interval, m.now+life
			d.opID = m.act(Action{Kind: FenceTest, Device: d.name, Expiry: m.now + life/2, Deadline: m.now + life})
			m.wakeAt(d.opUntil)
		}
	}
}

// drillFault keeps the first thing that went wrong; empty: nothing did.
func (m *Machine) drillFault(fault string) {
	if m.drill.fault == "" {
		m.drill.fault = fault
	}
}

// endDrill tells how the drill came out; empty fault: well. Who gave the role away
// well tells nothing: the taker does.
func (m *Machine) endDrill(fault string) {
	if m.drill.stage == notDrilling {
		return
	}
	proving := m.drill.stage == proving
	m.drill = drill{}
	m.changed = true
	if proving && m.failover.Kind == KindDrill {
		m.failover.Phases = append(m.failover.Phases, Phase{Name: phaseDevices, Start: m.failover.Done, End: m.now, OK: fault == "", Detail: fault})
	}
	if fault != "" {
		m.note("drill-failed", m.object.store, "the drill failed: "+fault)
		return
	}
	m.note("drill-done", m.object.store, m.p.Self+" took over in "+spoken.Duration(m.failover.Done-m.failover.Began)+
		", and the fence devices of both nodes obey")
}

// trying: an order on may still act.
func (m *Machine) trying() bool {
	for i := range m.devices {
		if !m.reached(m.devices[i].onUntil) {
			return true
		}
	}
	return false
}
