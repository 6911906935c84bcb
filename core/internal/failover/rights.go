package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

const (
	// adoptPatience bounds how long a start waits for monitors that do not answer;
	// resumePatience where this node was active and may have to go on.
	adoptPatience  = 10 * time.Second
	resumePatience = time.Minute
)

// settleRights decides what this node is by right: after a start, on meeting
// the peer, and on meeting a second active node.
func (m *Machine) settleRights() {
	m.stepAside()
	if !m.adopted {
		m.adopt()
	}
	m.join()
	m.yield()
}

// stepAside: a removed node takes no part until it is readmitted. One that serves is
// not off, whatever was said: it serves on, unless S3 stops it, and is removed no
// longer once the peer hears it.
func (m *Machine) stepAside() {
	removed := m.removed(m.p.Self)
	switch {
	case m.active():
		if removed && m.quiet.heardBoth(&m.peer) && m.peer.b.Role != beat.Active && m.giving.kind != standDown {
			m.readmit(m.p.Self, m.p.Self+" serves")
		}
	case removed || m.quiet.receiving && m.peer.b.Removed && m.peer.knowsUs:
		m.setRole(beat.Stopped)
	case m.role == beat.Stopped:
		m.setRole(beat.Joining)
	}
}

// adopt settles the start. A restarted daemon goes on with what runs (S7); a
// booted node starts nothing by right (S4); without a journal the node keeps
// what the system shows running.
func (m *Machine) adopt() {
	running, known := false, true
	for i := range m.resources {
		if r := &m.resources[i]; !r.cfg.ActiveActive {
			running = running || r.stage() == full
			known = known && r.stage() != unread
		}
	}
	may := m.served
	patience := adoptPatience
	if may {
		patience = resumePatience
	}
	resume := running && may
	if !resume && !known && !m.reached(m.began+patience) {
		return
	}
	m.adopted = true
	m.state.KernelBoot = m.boot.KernelBoot
	m.state.Active = resume
	m.store.changed()
	if resume {
		m.setRole(beat.Active)
		for i := range m.resources {
			m.resources[i].well = true // the service did not come with this start
		}
		m.note("adopted", m.object.self, "the daemon started anew and goes on with what runs")
		return
	}
}

// learn keeps in which generation the peer served last, by however old a beat: none is used
// twice (S3), whatever the peer may forget.
func (m *Machine) learn() {
	idle := !m.active() && m.adopted && m.taking.kind == notTaking && m.giving.kind == notGiving
	if last := m.peer.b.LastActive; idle && last > m.state.Generation {
		m.state.Generation = last
		m.store.changed()
	}
}

// join makes a node that met an active peer its standby, and learns its generation.
func (m *Machine) join() {
	p, q := &m.peer, &m.quiet
	m.learn()
	if !q.heardBoth(p) || !m.adopted {
		return
	}
	if m.state.Alone {
		m.state.Alone = false
		m.store.changed()
	}
	switch {
	case m.active():
		if p.b.Role != beat.Active {
			m.countOn()
		}
		return
	case p.b.Role != beat.Active:
		return
	case p.b.Generation > m.state.Generation || m.state.Lost:
		m.state.Lost = false
		m.state.Generation = max(m.state.Generation, p.b.Generation)
		m.store.changed()
	}
	if m.role == beat.Joining {
		m.setRole(beat.Standby)
	}
}

// countOn has an active node outrank a peer that is not: whoever serves last must have the
// highest last-active generation when both start again (S4), and two that each served alone,
// or one without its journal, know nothing of the other's number. It serves on meanwhile, in the right that it has.
func (m *Machine) countOn() {
	p, s := &m.peer.b, &m.state
	lost := s.Lost
	if !lost && !outranks(p.LastActive, p.Generation, s.LastActive, s.Generation) || m.giving.version > 0 {
		return
	}
	if m.giving.kind == standDown || p.Role == beat.Joining && !lost { // the peer may be about to go on with what runs there
		return
	}
	s.Lost = false
	s.Generation = max(s.Generation, p.Generation, p.LastActive) + 1
	s.LastActive = s.Generation
	version := m.store.changed()
	if lost { // agreed: the peer knows of nobody else
		m.rights = version
		return
	}
	m.note("generation-raised", m.object.self, "active with generation "+itoa(s.Generation)+" from now on: "+m.p.Peer+" knew of "+itoa(max(p.Generation, p.LastActive)))
}

// outranks: what a standby knows does not leave the active node's generation the highest.
func outranks(lastActive, generation, activeLast, active uint64) bool {
	return lastActive >= activeLast || generation > active
}

// nextGeneration is newer than any that the peer may serve in. It may have counted on for
// what it heard of this node, and its word of that was lost.
func (m *Machine) nextGeneration() uint64 {
	p, s := &m.peer.b, &m.state
	next := max(s.Generation, p.Generation, p.LastActive, m.given.Generation) + 1
	if p.Role == beat.Active && outranks(s.LastActive, s.Generation, p.LastActive, p.Generation) {
		next++
	}
	return next
}

// yield is S3: of two active nodes the one with the lower generation stops at
// once; of equal ones the first stays.
func (m *Machine) yield() {
	p := &m.peer
	if !m.active() || !m.peerServes() {
		return
	}
	own := m.store.generation
	if p.b.Generation > own || p.b.Generation == own && !m.first() {
		m.beginGiving(standDown, "the peer is active with generation "+itoa(p.b.Generation))
	}
}

// clean: nothing runs here that only the active node may run, and that was read.
func (m *Machine) clean() bool {
	if len(m.state.Left) > 0 {
		return false
	}
	for i := range m.resources {
		if r := &m.resources[i]; r.holds() || !r.cfg.ActiveActive && m.mayHold(r.op) {
			return false
		}
	}
	return true
}

// mayHold: an action under way may leave a resource at a level that only the
// active node may have. A standby starts only warm layers, and those without the data.
func (m *Machine) mayHold(op ActionKind) bool {
	raising := op == StartResource || op == RestartResource
	return op != NoAction && op != MonitorResource && (!raising || m.role != beat.Standby)
}

// noteLeft keeps the names of resources that this node cannot look at any more.
func (m *Machine) noteLeft(names []string) {
	for _, name := range names {
		if !slices.Contains(m.state.Left, name) {
			m.state.Left = append(slices.Clone(m.state.Left), name)
			m.store.changed()
		}
	}
}

// leaveBehind notes what a new configuration lacks and may run here, and takes back what
// it has again: that is looked at.
func (m *Machine) leaveBehind(before []resource) {
	for i := range before {
		if r := &before[i]; m.find(r.name) < 0 && (r.holds() || !r.cfg.ActiveActive && m.mayHold(r.op)) {
			m.noteLeft([]string{r.name})
		}
	}
	for i := range m.resources {
		m.forgetLeft(m.resources[i].name)
	}
}

// forgetLeft drops a resource from those that left the configuration; it tells whether it was one.
func (m *Machine) forgetLeft(name string) bool {
	i := slices.Index(m.state.Left, name)
	if i < 0 {
		return false
	}
	m.state.Left = slices.Delete(slices.Clone(m.state.Left), i, i+1)
	m.store.changed()
	return true
}
