package failover

import (
	"slices"
	"time"
)

const (
	// unprovenLife is assumed of orders of which nobody declares anything.
	unprovenLife = 5 * time.Second
	// longestLife bounds what a configuration or a peer may claim.
	longestLife = 5 * time.Minute
)

// topology is how the peer can be cut, and how long that may take. A node is off
// when every device of ONE level that feeds it was read off: a level holds all of
// a node's supplies, and the levels are tried in order.
type topology struct {
	levels    []level // that feed the peer, first one first
	orderable []level // those without a device that feeds this node, too
	// against and from are the lives of this node's orders and of the peer's, by
	// this node's own configuration and what its devices declare.
	against, from lives
	// tellAgainst and tellFrom are the same as the peer is told: with what does not
	// count here yet (news). claimed and claimedFrom are the same by the configuration alone.
	tellAgainst, tellFrom, claimed, claimedFrom lives
	// proven: every device of the first level has a measured life.
	proven bool
}

// level is the devices that together take all power from the peer.
type level struct {
	number  int   // as configured
	devices []int // indices of Machine.devices
}

// lives has the longest life of an order by level, the first level first. It is never empty.
type lives []time.Duration

func (l lives) first() time.Duration   { return l[0] }
func (l lives) longest() time.Duration { return slices.Max(l) }

// fast is the life of an order of turn 1; 0: it takes too long for one.
func (l lives) fast() time.Duration {
	if l[0] <= turnOneLife {
		return l[0]
	}
	return 0
}

// longer is the longer of two beliefs about the same orders.
func longer(a, b lives) lives {
	if len(b) > len(a) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i := range out {
		if i < len(b) {
			out[i] = max(out[i], b[i])
		}
		out[i] = min(max(out[i], 0), longestLife)
	}
	return out
}

// ours is the lives of this node's orders against the peer, theirs of the peer's
// against this node: each the longer of what both believe, so that both compute
// the same calendar from it.
func (m *Machine) ours() lives {
	return longer(m.recalled(m.topology.against, m.state.OrderLives), m.peer.b.PeerLives)
}

func (m *Machine) theirs() lives {
	return longer(m.recalled(m.topology.from, m.state.PeerLives), m.peer.b.OrderLives)
}

// recalled: a start that has not heard the peer counts with what both counted with before.
func (m *Machine) recalled(now, before lives) lives {
	if m.peer.heardAt > 0 || len(before) == 0 {
		return now
	}
	return longer(now, before)
}

// keepLives has a later start recall what both nodes count with, where that is not what
// the configuration says.
func (m *Machine) keepLives() {
	if !m.quiet.heardBoth(&m.peer) || m.news.toldBy > 0 {
		return
	}
	ours, theirs := m.ours(), m.theirs()
	if slices.Equal(ours, m.topology.claimed) && slices.Equal(theirs, m.topology.claimedFrom) {
		ours, theirs = nil, nil
	}
	if !slices.Equal(ours, m.state.OrderLives) || !slices.Equal(theirs, m.state.PeerLives) {
		m.state.OrderLives, m.state.PeerLives = ours, theirs
		m.store.changed()
	}
}

// news is what both nodes must know to count the same turns, on its way to the peer: a
// measured life, another configuration, this node's start.
type news struct {
	since  time.Duration // since when a measured life waits while all is well; 0: none does
	toldBy uint64        // the beat that first told it; 0: the peer acknowledged all that it was told
}

// wellBefore is how many deadtimes both nodes hear each other well before one is told
// what the other measured: readings are slow just when a network fails.
const wellBefore = 5

// arrange draws the topology from the configured devices. Who ordered a level with
// a device that feeds this node, too, would cut itself.
func (m *Machine) arrange() {
	t := topology{levels: m.levelsOf(true)}
	t.orderable = slices.DeleteFunc(slices.Clone(t.levels), func(l level) bool {
		return slices.ContainsFunc(l.devices, func(k int) bool { return m.devices[k].feedsSelf })
	})
	counts := func(d *device) time.Duration { return d.life }
	t.against, t.proven = m.livesOf(t.orderable, counts)
	t.from, _ = m.livesOf(m.levelsOf(false), counts)
	told := func(d *device) time.Duration { return d.told }
	t.tellAgainst, _ = m.livesOf(t.orderable, told)
	t.tellFrom, _ = m.livesOf(m.levelsOf(false), told)
	claimed := func(d *device) time.Duration { return d.cfg.claimed() }
	t.claimed, _ = m.livesOf(t.orderable, claimed)
	t.claimedFrom, _ = m.livesOf(m.levelsOf(false), claimed)
	m.topology = t
}

// levelsOf groups the devices that feed the peer, or this node, by their level.
func (m *Machine) levelsOf(peer bool) (levels []level) {
	for i := range m.devices {
		d := &m.devices[i]
		if peer && !d.feedsPeer || !peer && !d.feedsSelf {
			continue
		}
		number := max(d.cfg.Level, 1)
		k := slices.IndexFunc(levels, func(l level) bool { return l.number == number })
		if k < 0 {
			k = len(levels)
			levels = append(levels, level{number: number})
		}
		levels[k].devices = append(levels[k].devices, i)
	}
	slices.SortFunc(levels, func(a, b level) int { return a.number - b.number })
	return levels
}

// livesOf has the longest life in each level; proven is the first level's.
func (m *Machine) livesOf(levels []level, life func(*device) time.Duration) (out lives, proven bool) {
	for i := range levels {
		var longest time.Duration
		all := true
		for _, k := range levels[i].devices {
			d := &m.devices[k]
			longest = max(longest, life(d))
			all = all && d.cfg.Proven && d.cfg.Life > 0
		}
		if i == 0 {
			proven = all
		}
		out = append(out, longest)
	}
	if len(out) == 0 {
		out = lives{unprovenLife}
	}
	return out, proven
}

// life is the longest time from an order to the device to its effect.
func (d *Device) life() time.Duration { return min(max(d.claimed(), d.Measured), longestLife) }

// claimed is what the configuration says of it.
func (d *Device) claimed() time.Duration {
	if d.Life == 0 {
		return unprovenLife
	}
	return d.Life
}

// adoptLives has what was measured of the devices count, for both nodes. The peer counts
// with it as soon as it is told; this node does once the peer says that it was. If the
// peer falls silent in between, this node is in doubt.
func (m *Machine) adoptLives() {
	n := &m.news
	switch {
	case m.peer.heardAt == 0: // whom this start never heard is heard in doubt at first
		if m.measuredNews() {
			m.tellLives()
			m.countLives()
		}
	case n.toldBy > 0:
		if m.peer.echoed >= n.toldBy {
			m.countLives()
		}
	case !m.measuredNews() || !m.quiet.heardBoth(&m.peer):
		n.since = 0
	case n.since == 0:
		n.since = m.now
		m.wakeAt(m.now + wellBefore*m.dead())
	case m.reached(n.since + wellBefore*m.dead()):
		m.tellLives()
	}
}

// measuredNews: something was measured that the peer was not told.
func (m *Machine) measuredNews() bool {
	return slices.ContainsFunc(m.devices, func(d device) bool { return d.told != d.cfg.life() })
}

func (m *Machine) tellLives() {
	for i := range m.devices {
		m.devices[i].told = m.devices[i].cfg.life()
	}
	m.arrange()
	m.news = news{}
	if t := &m.topology; !slices.Equal(t.against, t.tellAgainst) || !slices.Equal(t.from, t.tellFrom) {
		m.news.toldBy, m.urgent = m.seq+1, true
		return
	}
	m.countLives()
}

func (m *Machine) countLives() {
	for i := range m.devices {
		m.devices[i].life = m.devices[i].told
	}
	m.news.toldBy = 0
	m.arrange()
}

// inDoubt: the peer fell silent before it acknowledged lives, another configuration, or
// this node's start, and may count its turns with it or without; so may both nodes. Who
// does not know the other's turns has none, until they hear each other again. A daemon
// that started anew in a silence does not know when the peer's turns began: who serves
// can wait for an operator. Who heard the peer again, and was not heard itself yet, is
// followed by nobody; a standby follows the active node, so it is never in doubt for that.
func (m *Machine) inDoubt() bool {
	return m.news.toldBy > 0 || m.active() && m.resumed && m.peer.heardAt == 0 || !m.sawActive() && m.unfollowed() || m.active() && m.unknown()
}

// offBy finds the level whose devices were all read off after the last sign of
// life, and since when all of them have been; nil: none.
func (m *Machine) offBy() (by *level, since time.Duration) {
	void := m.void()
	for i := range m.topology.levels {
		l := &m.topology.levels[i]
		var last time.Duration
		off := true
		for _, k := range l.devices {
			d := &m.devices[k]
			off = off && d.isOff(void)
			last = max(last, d.offAt)
		}
		if off && (by == nil || last < since) {
			by, since = l, last
		}
	}
	return by, since
}
