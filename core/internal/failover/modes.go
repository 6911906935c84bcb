package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

const (
	// modeDefault is how long a mode lasts when the operator named no time (S10).
	modeDefault = 4 * time.Hour
	// modeWarning: this long before the end an alarm begins.
	modeWarning = 15 * time.Minute
)

// mode is what an operator asked for, with its end in running time.
type mode struct {
	kind beat.ModeKind
	name string
	end  time.Duration // on clock; 0: without end
}

// modeOf finds a mode; nil: it does not hold.
func (m *Machine) modeOf(kind beat.ModeKind, name string) *mode {
	for i := range m.modes {
		if o := &m.modes[i]; o.kind == kind && o.name == name {
			return o
		}
	}
	return nil
}

// setMode begins a mode or moves its end. without: it has none.
func (m *Machine) setMode(kind beat.ModeKind, name string, length time.Duration, without bool) {
	end := m.clock() + length
	if length == 0 {
		end = m.clock() + modeDefault
	}
	if without {
		end = 0
	}
	if o := m.modeOf(kind, name); o != nil {
		o.end = end
	} else {
		m.modes = append(m.modes, mode{kind, name, end})
	}
	m.modesChanged()
	m.note("mode", m.modeObject(kind, name), modeWord(kind)+" begins")
}

// endMode ends a mode; it tells whether it held.
func (m *Machine) endMode(kind beat.ModeKind, name string) bool {
	n := len(m.modes)
	m.modes = slices.DeleteFunc(m.modes, func(o mode) bool { return o.kind == kind && o.name == name })
	if len(m.modes) == n {
		return false
	}
	m.modesChanged()
	m.note("mode", m.modeObject(kind, name), modeWord(kind)+" ends")
	return true
}

func (m *Machine) modesChanged() {
	m.state.Modes.Epoch++
	m.store.changed()
	m.urgent = true
}

func (m *Machine) modeObject(kind beat.ModeKind, name string) string {
	switch kind {
	case beat.Unmanaged:
		return "resource/" + name
	case beat.ModeStandby, beat.ModeRemoved:
		return "node/" + name
	case beat.NoMode, beat.Maintenance:
	}
	return m.object.store
}

// modeEffect is what a mode does, in a sentence.
func modeEffect(k beat.ModeKind, name string) string {
	switch k {
	case beat.ModeStandby:
		return name + " is in standby mode: it does not become active"
	case beat.Maintenance:
		return "maintenance is on: nothing is started, stopped or fenced"
	case beat.Unmanaged:
		return name + " is unmanaged: it is neither started nor stopped"
	case beat.ModeRemoved:
		return name + " is removed: it counts as off until it is readmitted"
	case beat.NoMode:
	}
	return ""
}

func modeWord(k beat.ModeKind) string {
	switch k {
	case beat.ModeStandby:
		return "standby mode"
	case beat.Maintenance:
		return "maintenance"
	case beat.Unmanaged:
		return "unmanaged mode"
	case beat.ModeRemoved:
		return "removal"
	case beat.NoMode:
	}
	return "no mode"
}

// recallModes takes the modes from the state.
func (m *Machine) recallModes() { m.takeModes(m.state.Modes.Set) }

func (m *Machine) takeModes(set []beat.Mode) {
	m.modes = m.modes[:0]
	for _, o := range set {
		end := time.Duration(0)
		if o.Left != 0 {
			end = m.clock() + o.Left
		}
		m.modes = append(m.modes, mode{o.Kind, o.Name, end})
	}
}

// modesNow is the text of the state and of beats: what is left of each mode.
func (m *Machine) modesNow() beat.Modes {
	out := beat.Modes{Epoch: m.state.Modes.Epoch}
	for _, o := range m.modes {
		left := time.Duration(0)
		if o.end != 0 {
			if left = o.end - m.clock(); left == 0 {
				left = -1
			}
		}
		out.Set = append(out.Set, beat.Mode{Kind: o.kind, Name: o.name, Left: left})
	}
	return out
}

// adoptModes takes the peer's set if it is newer. Of two that are equally new and
// differ, two operators spoke at the same time, each to one node: both words hold.
func (m *Machine) adoptModes(b *beat.Beat) {
	said, knew := m.removed(m.p.Peer), m.removed(m.p.Self)
	switch theirs := &b.Modes; {
	case theirs.Epoch > m.state.Modes.Epoch:
		m.takeModes(theirs.Set)
		m.state.Modes.Epoch = theirs.Epoch
		m.store.changed()
	case theirs.Epoch == m.state.Modes.Epoch && !m.sameModes(theirs.Set):
		m.mergeModes(theirs.Set)
	}
	m.weighRemovals(b, said, !knew)
}

// weighRemovals ends removals that were overtaken: a removal says that a node does not
// run, and one that was active in a generation that the other node did not know has run
// since. told: the removal of this node came with the beat. Both nodes removed would
// leave nobody to serve: the active one stays, without one the one that S4 prefers.
func (m *Machine) weighRemovals(b *beat.Beat, said, told bool) {
	const since = " was active since in a later generation"
	if said && b.LastActive > m.state.Generation {
		m.readmit(m.p.Peer, m.p.Peer+since)
	}
	if told && m.lastActive() > b.Generation {
		m.readmit(m.p.Self, m.p.Self+since)
	}
	if !m.removed(m.p.Self) || !m.removed(m.p.Peer) {
		return
	}
	stays := m.p.Self
	switch theirs := b.Role == beat.Active; {
	case theirs != m.active() && theirs, theirs == m.active() && m.peerPrecedes():
		stays = m.p.Peer
	}
	m.readmit(stays, "both nodes were removed")
}

// readmit ends a removal that an operator did not end.
func (m *Machine) readmit(node, why string) {
	if m.endMode(beat.ModeRemoved, node) {
		m.note("removal-overtaken", m.modeObject(beat.ModeRemoved, node), node+" is removed no longer: "+why)
	}
}

// removed tells that a node is under repair: by an operator's word it counts as off,
// and takes no part if it runs all the same.
func (m *Machine) removed(node string) bool { return m.modeOf(beat.ModeRemoved, node) != nil }

func (m *Machine) sameModes(set []beat.Mode) bool {
	if len(set) != len(m.modes) {
		return false
	}
	for _, o := range set {
		if m.modeOf(o.Kind, o.Name) == nil {
			return false
		}
	}
	return true
}

// mergeModes adds the peer's modes; of one that both hold the later end counts.
// Both nodes in standby mode would leave no eligible one: the active node stays
// eligible, without one the first (S10).
func (m *Machine) mergeModes(set []beat.Mode) {
	own := slices.Clone(m.modes)
	m.takeModes(set)
	for _, o := range own {
		if theirs := m.modeOf(o.kind, o.name); theirs == nil {
			m.modes = append(m.modes, o)
		} else if o.end == 0 || theirs.end != 0 && o.end > theirs.end {
			theirs.end = o.end
		}
	}
	outcome := "both words hold"
	if m.modeOf(beat.ModeStandby, m.p.Self) != nil && m.modeOf(beat.ModeStandby, m.p.Peer) != nil {
		stays := m.p.Peer
		if m.active() || m.peer.b.Role != beat.Active && m.first() {
			stays = m.p.Self
		}
		m.modes = slices.DeleteFunc(m.modes, func(o mode) bool { return o.kind == beat.ModeStandby && o.name == stays })
		outcome = stays + " stays eligible"
	}
	m.modesChanged()
	m.note("modes-merged", m.object.self, "two operators changed modes at the same time: "+outcome)
}

// keepModes is S10: a mode whose time is over ends, unless that would start,
// stop or fence anything at once: then it stays, with an alarm.
func (m *Machine) keepModes() {
	clock := m.clock()
	for i := 0; i < len(m.modes); i++ {
		o := m.modes[i]
		if o.end == 0 {
			continue
		}
		if clock < o.end {
			m.wakeAt(m.now + o.end - clock)
			m.wakeAt(m.now + o.end - modeWarning - clock)
			continue
		}
		if m.decides() && !m.leavingActs(o) {
			m.endMode(o.kind, o.name)
			i--
		}
	}
}

// decides: this node ends modes and changes; a standby that hears the active node does not.
func (m *Machine) decides() bool {
	return m.active() || !m.quiet.heard || m.peer.b.Role != beat.Active
}

// leavingActs tells whether ending a mode would start, stop or fence anything at once.
func (m *Machine) leavingActs(o mode) bool {
	switch o.kind {
	case beat.Unmanaged:
		for i := range m.resources {
			if r := &m.resources[i]; r.name == o.name {
				return m.differs(i)
			}
		}
	case beat.ModeStandby:
		if o.name == m.p.Self && m.active() {
			return false // it never came to it
		}
		onStandby := slices.ContainsFunc(m.resources, func(r resource) bool { return r.cfg.ActiveActive || r.cfg.Warm })
		someone := m.active() || m.quiet.heard && m.peer.b.Role == beat.Active
		return onStandby || !someone
	case beat.Maintenance:
		served := m.active() || m.quiet.heard && m.peer.b.Role == beat.Active
		if m.quiet.silent || !served {
			return true
		}
		for i := range m.resources {
			if m.differs(i) {
				return true
			}
		}
	case beat.NoMode, beat.ModeRemoved:
	}
	return false
}

// differs: the resource is not as it is to be, here or as a layer of the standby.
func (m *Machine) differs(i int) bool {
	r := &m.resources[i]
	want, act := m.wish(i)
	here := act && (want != r.stage() || want > gone && r.slow >= max(r.cfg.FailuresToDown, 1))
	standby := m.quiet.heard && m.peer.b.Role == beat.Standby && m.modeOf(beat.ModeStandby, m.p.Peer) == nil
	return here || standby && r.cfg.ActiveActive && m.peerLayer(r.name) == beat.Down
}
