package failover

import "github.com/storeward/storeward/core/internal/beat"

// stage is how far up a resource is on this node. A warm layer has two running
// stages: its process may run on the standby without the data (OCF: unpromoted),
// and only the active node promotes it.
type stage uint8

const (
	unread stage = iota // not known: it may be anything
	gone
	warm // of a warm layer: running and not promoted
	full // running; of a warm layer: promoted
)

// stage is what was last read of the resource.
func (r *resource) stage() stage {
	switch {
	case r.running == beat.Unknown || r.running == beat.Yes && r.cfg.Warm && r.promoted == beat.Unknown:
		return unread
	case r.running == beat.No:
		return gone
	case r.cfg.Warm && r.promoted == beat.No:
		return warm
	}
	return full
}

// holds tells whether the resource is, or may be, at a stage that only the active node may have (S1).
func (r *resource) holds() bool {
	l := r.stage()
	return !r.cfg.ActiveActive && (l == full || l == unread)
}

// wish is the stage that a resource shall have here, and whether this node may
// act on it at all.
func (m *Machine) wish(i int) (want stage, act bool) {
	r := &m.resources[i]
	switch {
	case m.role == beat.Stopped, m.giving.kind == powerDown, !m.active() && (m.mains.rest != awake || m.modeOf(beat.ModeStandby, m.p.Self) != nil):
		return gone, true
	case m.active() && (r.cfg.ActiveActive || m.serving()):
		return full, true
	case r.cfg.ActiveActive && m.role == beat.Standby:
		return full, true
	case r.cfg.ActiveActive:
		return gone, m.role != beat.Joining
	case r.cfg.Warm && m.role != beat.Standby: // what runs may go on, without the data; nothing is waited for
		return min(max(r.stage(), gone), warm), true
	case r.cfg.Warm:
		return warm, true
	}
	return gone, true
}

// wanted is the stage alone.
func (m *Machine) wanted(i int) stage {
	want, _ := m.wish(i)
	return want
}

// serving: this node is active and not on its way out.
func (m *Machine) serving() bool {
	return m.active() && (m.giving.kind == notGiving || m.giving.kind == agreement)
}

// mayRise: everything that it comes after is up, here or on the active node. A
// warm layer's process waits only for what runs on a standby too: it does not
// touch the rest before it is promoted.
func (m *Machine) mayRise(i int, to stage) bool {
	for _, k := range m.resources[i].after {
		if to == full && !m.servedBy(k) || to == warm && !m.standsBy(k) {
			return false
		}
	}
	return true
}

// servedBy: a resource is up for those that come after it.
func (m *Machine) servedBy(k int) bool {
	d := &m.resources[k]
	switch want, _ := m.wish(k); {
	case want == full || d.stage() == full:
		return d.stage() == full && d.op == NoAction
	case !d.cfg.ActiveActive && m.role == beat.Standby:
		return m.quiet.heard && m.peer.b.Role == beat.Active && m.peerRuns(d.name)
	}
	return true
}

// standsBy: a resource that runs on a standby too is up as far as it gets there.
func (m *Machine) standsBy(k int) bool {
	d := &m.resources[k]
	switch {
	case d.cfg.Warm:
		return d.stage() >= warm && d.op == NoAction
	case d.cfg.ActiveActive:
		return m.servedBy(k)
	}
	return true
}

// peerRuns: the peer's beat says that the resource is well there.
func (m *Machine) peerRuns(name string) bool {
	health := m.peerLayer(name)
	return health == beat.OK || health == beat.Degraded
}

// peerLayer is how a resource is on the peer, by its beat; unknown to one that does not have it.
func (m *Machine) peerLayer(name string) beat.Health {
	for i := range m.peer.b.Layers {
		if l := &m.peer.b.Layers[i]; l.Name == name {
			return l.Health
		}
	}
	return beat.HealthUnknown
}
