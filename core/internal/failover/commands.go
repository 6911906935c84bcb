package failover

import (
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// leaveGrace is the planned silence a standby announces before its daemon stops.
const leaveGrace = 5 * time.Minute

// obey answers operators' commands, one at a time.
func (m *Machine) obey() {
	for i := range m.commands {
		c := &m.commands[i]
		answer := Answer{ID: c.ID, Verb: c.Verb, Err: m.refusal(c)}
		if answer.Err == "" {
			answer.Err = m.command(c)
		}
		m.plan.Answers = append(m.plan.Answers, answer)
		if answer.Err == "" {
			m.note("command", m.object.self, strings.Join(strings.Fields(c.Verb.String()+" "+c.Name+" by "+c.Operator), " "))
		}
	}
	m.commands = m.commands[:0]
}

// refusal is what speaks against any command here and now.
func (m *Machine) refusal(c *Command) string {
	local := c.Verb == Cleanup || c.Verb == Restart || c.Verb == Leave || c.Verb == Adopt
	ends := c.Verb == Unstandby || c.Verb == MaintenanceOff || c.Verb == Manage // a change may be stuck because of it
	word := c.Verb == FenceConfirm || c.Verb == Remove                          // refused by what the peer shows
	switch {
	case c.For < 0:
		return "a mode cannot last " + c.For.String()
	case c.Generation != 0 && c.Generation != m.state.Generation:
		return "the active node changed meanwhile: this was meant for generation " + itoa(c.Generation) + ", and it is " + itoa(m.state.Generation)
	case local:
		return ""
	case !word && !m.active() && m.quiet.receiving && m.peer.b.Role == beat.Active:
		return m.p.Peer + " is active: the active node decides"
	case !ends && (m.giving.kind != notGiving || m.taking.kind != notTaking || m.given.Generation > 0 && m.quiet.heard || m.drill.stage != notDrilling):
		return "another change is under way"
	case !word && c.Verb != Fence && (m.ordering() || m.ask.id != ""):
		return "an order to cut " + m.p.Peer + " may still act"
	}
	return ""
}

// command begins what was asked, or says why not.
func (m *Machine) command(c *Command) string {
	switch c.Verb {
	case Switchover:
		if name := m.bringsBack(); name != "" {
			return name + " does not run on " + m.p.Peer
		}
		return m.commandSwitchover("asked by the operator")
	case ToStandby:
		return m.commandStandby(c)
	case Unstandby:
		if c.Name != m.p.Self && c.Name != m.p.Peer {
			return "no node " + c.Name
		}
		return m.must(m.endMode(beat.ModeStandby, c.Name), c.Name+" is not in standby mode")
	case MaintenanceOn:
		m.setMode(beat.Maintenance, "", c.For, false)
	case MaintenanceOff:
		return m.must(m.endMode(beat.Maintenance, ""), "maintenance is not on")
	case Unmanage:
		if m.find(c.Name) < 0 {
			return "no resource " + c.Name
		}
		m.setMode(beat.Unmanaged, c.Name, c.For, false)
	case Manage:
		if m.find(c.Name) < 0 {
			return "no resource " + c.Name
		}
		return m.must(m.endMode(beat.Unmanaged, c.Name), c.Name+" is managed already")
	case Cleanup, Restart:
		return m.commandResource(c)
	case Fence, FenceConfirm, Remove:
		return m.commandPeer(c)
	case Readmit:
		return m.must(m.endMode(beat.ModeRemoved, c.Name), c.Name+" is not removed")
	case Adopt:
		return m.commandAdopt()
	case Leave:
		return m.commandLeave()
	case Drill:
		return m.commandDrill(c)
	case NoVerb:
		return "no such command"
	}
	return ""
}

func (m *Machine) must(ok bool, otherwise string) string {
	if ok {
		return ""
	}
	return otherwise
}

// bringsBack names a layer of both nodes that does not run on the peer and would send the
// service back at once (on_failure: failover); empty: none.
func (m *Machine) bringsBack() string {
	if m.peerRests() { // there they start with the takeover
		return ""
	}
	return m.layerDown(func(r *resource) beat.Health {
		if !r.cfg.Failover || r.stage() != full {
			return beat.HealthUnknown
		}
		return m.peerLayer(r.name)
	})
}

func (m *Machine) commandSwitchover(why string) string {
	switch {
	case !m.active():
		return "no node is active"
	case m.mayGrant() != "":
		return m.mayGrant()
	case m.peerUnwell() != "":
		return m.peerUnwell()
	}
	m.beginGiving(switchover, why)
	return ""
}

// commandStandby refuses what would leave no eligible node (S10).
func (m *Machine) commandStandby(c *Command) string {
	self, other := c.Name == m.p.Self, c.Name == m.p.Peer
	switch {
	case !self && !other:
		return "no node " + c.Name
	case !m.active() && m.quiet.silent:
		return "no node is known to be active, and " + m.p.Peer + " is silent"
	case self && m.active() && m.mayGrant() != "":
		return m.mayGrant()
	case self && m.peerUnwell() != "":
		return "this would leave no eligible node: " + m.peerUnwell()
	case other && m.modeOf(beat.ModeStandby, m.p.Self) != nil:
		return "this would leave no eligible node: " + m.p.Self + " is in standby mode"
	case other && !m.active() && !m.ready():
		return "this would leave no eligible node: " + m.p.Self + " is not ready to take over"
	}
	m.setMode(beat.ModeStandby, c.Name, c.For, false)
	if self && m.active() {
		m.beginGiving(switchover, "standby mode")
	}
	return ""
}

func (m *Machine) commandResource(c *Command) string {
	if c.Verb == Cleanup && m.forgetLeft(c.Name) {
		return ""
	}
	i := m.find(c.Name)
	if i < 0 {
		return "no resource " + c.Name
	}
	r := &m.resources[i]
	if c.Verb == Cleanup {
		r.forget()
		r.failovers = nil
		r.read = 0
		if r.op == NoAction {
			m.look(r) // what is known of it stays until there is an answer
		}
		return ""
	}
	want, act := m.wish(i)
	switch {
	case r.running != beat.Yes:
		return c.Name + " does not run on " + m.p.Self
	case m.modeOf(beat.Maintenance, "") != nil:
		return "maintenance is on"
	case !m.managed(i):
		return c.Name + " is unmanaged: manage it first"
	case m.giving.kind != notGiving:
		return "another change is under way"
	case act && r.stage() > want:
		return c.Name + " is coming down on " + m.p.Self
	case !m.mayRestart(r) && m.state.Lost:
		return "the journal is lost"
	case !m.mayRestart(r):
		return "the right to run it is not saved yet"
	}
	r.asked = true
	return ""
}

// commandPeer holds the words that count as knowledge about the peer's power.
func (m *Machine) commandPeer(c *Command) string {
	switch c.Name {
	case m.p.Peer:
	case m.p.Self:
		return c.Name + " is this node itself: say it at " + m.p.Peer
	default:
		return "no node " + c.Name
	}
	if c.Verb == Fence {
		return m.commandFence(c)
	}
	if sign := m.showsLife(); sign != "" && !m.quiet.off { // any life would have voided that reading
		return c.Name + " " + sign
	}
	if m.removed(m.p.Self) {
		return "this would leave no eligible node: " + m.p.Self + " is removed, too: readmit it first"
	}
	if lacks := m.lacks(); lacks != "" && !m.active() {
		return "this would leave no eligible node: " + lacks
	}
	if c.Verb == Remove {
		m.setMode(beat.ModeRemoved, c.Name, 0, true)
		return ""
	}
	m.word = true
	return ""
}

// commandFence takes an order that is carried out at once or in this node's turn, or not at all.
func (m *Machine) commandFence(c *Command) string {
	veto := m.veto()
	switch {
	case len(m.topology.orderable) == 0:
		return "no fence device feeds " + c.Name
	case m.quiet.off:
		return c.Name + " is off already"
	case m.ask.id != "" && !m.held():
		return c.Name + " is being cut already"
	case m.quiet.heard && !m.active():
		return c.Name + " is heard, and this node is not active"
	case !m.quiet.heard && m.removed(c.Name):
		return c.Name + " is removed and counts as off"
	case m.modeOf(beat.Maintenance, "") != nil:
		return "maintenance is on"
	case m.store.failed:
		return "the state cannot be saved"
	case m.quiet.silent && veto != "":
		return "nothing is cut now: " + veto
	}
	m.ask = ask{id: c.ID, until: max(m.now, m.quiet.t0) + 2*m.fullRound(), doubted: m.inDoubt() && !m.quiet.receiving && !m.quiet.strange}
	return ""
}

// showsLife says what speaks for a living peer, or that it is too early to tell; empty:
// it was asked and shows no life.
func (m *Machine) showsLife() string {
	if why := m.works(); why != "" || !m.evidence.answers() {
		return why
	}
	return "shows life: it answers"
}

// works says what speaks for a peer that does its work, or that it is too early to tell. A
// machine that only answers may be one under repair.
func (m *Machine) works() string {
	e, p, q := &m.evidence, &m.peer, &m.quiet
	last := max(p.receivedAt, p.signAt)
	switch {
	case q.receiving:
		return "shows life: its beats come in"
	case q.strange || last > 0 && m.now-last < m.dead():
		return "shows life: traffic of its was seen"
	case !q.silent && m.now < q.t0:
		return "was not waited for long enough yet: again in " + spoken.Duration(q.t0-m.now)
	case !q.silent:
		return "may be alive: no link can tell its silence"
	case e.final == 0:
		return "is still being asked: again in a moment"
	case m.serves() && !m.active(): // else it is our own
		return "shows life: the service answers through the virtual IP"
	}
	return ""
}

// adoptStep is more changes of the active role than any store sees.
const adoptStep = 1_000_000

// commandAdopt lets a node without a journal go on with what it knows.
func (m *Machine) commandAdopt() string {
	if !m.state.Lost {
		return "the journal is not lost"
	}
	m.state.Lost = false
	m.state.Generation = max(m.state.Generation, m.peer.b.Generation) + 1
	if m.peer.heardAt == 0 { // whoever serves last starts first (S4), whatever the peer remembers
		m.state.Generation += adoptStep
	}
	if m.active() {
		m.state.LastActive = m.state.Generation
	}
	m.rights = m.store.changed()
	return ""
}

// commandLeave announces planned silence; an active node hands over first.
func (m *Machine) commandLeave() string {
	if m.active() {
		if err := m.commandSwitchover("the daemon stops"); err != "" {
			return err
		}
	}
	m.leaving = m.now + leaveGrace
	m.urgent = true
	return ""
}
