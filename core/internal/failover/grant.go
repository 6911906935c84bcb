package failover

import (
	"slices"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

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

// keepPatience: a node that cannot save that a right goes over asks to be cut after this time.
const keepPatience = 3 * time.Second

// cannotKeep: it cannot be made durable that the right goes over, so this node asks to be
// cut. A taker: the giver has given it away for good. A giver: the service is not well here.
func (m *Machine) cannotKeep() bool {
	if m.taking.kind == byGrant {
		return m.store.failed && m.reached(m.taking.began+keepPatience)
	}
	return m.giving.kind.escapes() && m.unkept()
}

// mustYield: this node must give up what it cannot end by itself.
func (m *Machine) mustYield() bool { return m.cutMe || m.cannotKeep() }

// asksCut: this node asks its peer to cut it, as it must yield or would better.
func (m *Machine) asksCut() bool { return m.mustYield() || m.lacksRight() }

// ready: this node would accept a grant and could serve.
func (m *Machine) ready() bool {
	return m.mayPromote() && !m.ordering() && !m.store.failed && m.leaving <= m.now
}

// blockedHere: something that the active node must run could not be started here, and nobody cleaned it up.
func (m *Machine) blockedHere() bool {
	return slices.ContainsFunc(m.resources, func(r resource) bool { return r.blocked && !r.cfg.ActiveActive })
}

// peerReady: the peer is heard, would accept a grant and reaches its ping group.
func (m *Machine) peerReady() bool { return m.peerLacks() == "" }

// peerLacks names what keeps the peer from being ready to take over; empty: nothing.
func (m *Machine) peerLacks() string {
	if why := m.peerUnfit(); why != "" || m.peer.b.PingGroup != beat.No {
		return why
	}
	return m.p.Peer + " does not reach the ping group"
}

// peerUnwell is the same for a change that need not be: who could not start something is
// tried again only where the peer is left otherwise.
func (m *Machine) peerUnwell() string {
	if why := m.peerLacks(); why != "" || !m.peer.b.Blocked {
		return why
	}
	return "something is blocked on " + m.p.Peer + ": clean it up there first"
}

// peerUnfit is the same of a peer that need not reach its ping group.
func (m *Machine) peerUnfit() string {
	p := &m.peer
	switch {
	case m.quiet.strange:
		return m.strangeness()
	case !m.quiet.heardBoth(p):
		return m.p.Peer + " is not heard"
	case m.modeOf(beat.ModeStandby, m.p.Peer) != nil:
		return m.p.Peer + " is in standby mode"
	case m.removed(m.p.Peer):
		return m.p.Peer + " is removed"
	case !p.b.Ready && m.now < p.grace:
		return m.p.Peer + " announced that it will be silent"
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
	m.beginGranted()
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
	if !p.b.Ready || m.modeOf(beat.ModeStandby, m.p.Peer) != nil || !m.peerPrecedes() && m.ready() {
		return
	}
	m.why("S4", "peer-goes-first", m.p.Peer, 0)
	m.beginGiving(agreement, "nobody is active")
}

// peerPrecedes is S4: the higher last-active generation goes first, then the first.
func (m *Machine) peerPrecedes() bool {
	theirs, own := m.peer.b.LastActive, m.lastActive()
	return theirs > own || theirs == own && !m.first()
}

// lastActive is the generation in which this node was last active; one that it is
// about to take holds only once it is durable. One that it only counts on to is told at once.
func (m *Machine) lastActive() uint64 {
	if m.taking.kind != notTaking {
		return m.taking.before.LastActive
	}
	return m.state.LastActive
}

// take asks for the generation to be made durable. Nothing is started yet.
func (m *Machine) take(kind takingKind, generation uint64) {
	before := m.state
	m.state.Generation, m.state.LastActive, m.state.Active = generation, generation, true
	if kind == byFence {
		m.state.Alone = true
		if m.owes() && m.quiet.off && m.state.OnDue == 0 { // by its order, however late it acted; not recorded yet
			m.recordCut()
		}
	}
	m.taking = taking{kind: kind, before: before, began: m.now, version: m.store.changed()}
}

// removalHolds: a removed peer counts as off, unless it works all the same; a machine under
// repair may answer a ping.
func (m *Machine) removalHolds() bool {
	return m.removed(m.p.Peer) && m.works() == "" && m.evidence.services != beat.Yes
}

// takeOver is S2 (a) and (c), and S3: active as soon as the generation is durable.
func (m *Machine) takeOver() {
	ground := m.quiet.silent && !m.ordering() && (m.quiet.off || m.word || m.removalHolds())
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
		m.take(byFence, m.nextGeneration())
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
		r := &m.resources[i]
		r.forget()
		r.well = r.stage() == full && (r.health == beat.OK || r.health == beat.Degraded)
	}
	m.weighFailback()
	m.beginStarting(kind)
	m.note("takeover-begun", m.object.self, "active with generation "+itoa(m.state.Generation))
}

// serveAlone: the active's silent standby is off; it need not be cut again
// until it has been heard.
func (m *Machine) serveAlone() {
	if m.state.Alone {
		if m.order.open && m.quiet.off || m.unrecorded() { // an operator had it cut once more, if by a daemon that died behind its order
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
