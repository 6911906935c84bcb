package failover

import (
	"github.com/storeward/storeward/core/internal/beat"
)

// say sends a beat at every multiple of the interval, when the node's other regular
// work is due too, and at once when something changed that the peer must know.
func (m *Machine) say() {
	if m.now < m.nextBeat && !m.urgent {
		return
	}
	if m.now >= m.nextBeat {
		m.nextBeat = m.now - m.now%m.p.Interval + m.p.Interval
	}
	m.urgent = false
	m.plan.Beat = m.beat()
}

// beat is what this node says now.
func (m *Machine) beat() *beat.Beat {
	m.seq++
	b := &beat.Beat{
		Cluster: m.p.Cluster, Node: m.p.Self, Incarnation: m.boot.Incarnation, KernelBoot: m.boot.KernelBoot,
		Sequence: m.seq, Sent: m.now,
		Generation: m.store.generation, LastActive: m.lastActive(), Role: m.role,
		Ready: m.ready(), InSync: true, Alone: m.state.Alone, CutMe: m.asksCut(), Ordering: m.ordering() || m.ask.told > 0,
		Blocked:   m.blockedHere(),
		Removed:   m.removed(m.p.Peer),
		PingGroup: m.ping.reach,
		Interval:  m.p.Interval, Deadtime: m.p.Deadtime, Digest: m.p.Digest,
		OrderLives: m.topology.tellAgainst, PeerLives: m.topology.tellFrom,
		Grant: m.given, Refused: m.refused,
	}
	if m.quiet.silent && !m.quiet.heard { // who is silent only because it was told so would tell it back for ever
		b.SilentFor = max(m.now-m.quiet.t0+m.dead(), 1)
	}
	if at := m.counts(); at > 0 {
		b.CountsFor = max(m.now-at, 1)
	}
	if m.given.Generation > 0 && m.gaveAt > 0 {
		b.Drill, b.GivingFor = m.drill.stage == handing, max(m.now-m.gaveAt, 1)
	} else {
		b.Drill = m.drill.stage == serving || m.drill.stage == proving
	}
	mayGo := !m.active() && m.taking.kind == notTaking // who is about to serve does not leave yet
	if mayGo && m.leaving > m.now {
		b.Grace = m.leaving - m.now
	}
	if mayGo && m.mains.rest != awake {
		b.Grace, m.mains.said = leaveGrace, true
	}
	for i := range m.links {
		if l := &m.links[i]; l.takenAt > 0 {
			b.Echoes = append(b.Echoes, beat.Echo{Link: l.name, Incarnation: l.incarnation, Sequence: l.sequence, Sent: l.sent, Age: m.now - l.takenAt})
		}
	}
	b.Layers = make([]beat.Layer, 0, len(m.resources))
	for i := range m.resources {
		b.Layers = append(b.Layers, beat.Layer{Name: m.resources[i].name, Health: m.resources[i].layer()})
	}
	if len(m.modes) > 0 || m.state.Modes.Epoch > 0 {
		b.Modes = m.modesNow()
	}
	if b.CutMe {
		m.askedAt = m.now
	}
	return b
}

// strangeness says why nothing but its life is known of the peer.
func (m *Machine) strangeness() string {
	return m.p.Peer + " sends beats of version " + itoa(m.peer.version) + ", which this node (version " + itoa(beat.Version) + ") cannot read"
}

// layer is a resource's health as the peer needs it: whether it can be used.
func (r *resource) layer() beat.Health {
	switch {
	case r.stage() == gone || r.stage() == warm:
		return beat.Down
	case r.stage() == unread:
		return beat.HealthUnknown
	case r.op != NoAction && r.op != MonitorResource:
		return beat.Down
	}
	return r.health
}
