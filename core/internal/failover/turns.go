package failover

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// Of two nodes that hear nothing of each other, both alive, at most one may be
// cut. Nothing but time keeps them apart, so each may send orders only in its
// own turns, and a turn is so long that whatever was sent in it has acted
// before the next one begins. Both nodes compute the same calendar, from the
// end of the last beats. Those go missing for one node up to a deadtime before
// the other where one direction fails first, hence a turn's length: the part in
// which orders leave, the longest life of one, and a deadtime (tests/model).
//
//	base   +interval
//	  |------|== 1 ==|== 2 ==|== 3 ==|== 4 ==|== 5 ==|- pause -|== 1 ==| ...
//	        standby  active standby primary secondary
//	level     1        1       1     the others, one a round
//
// What a turn's length is made of is the same for both whatever each believes of
// the roles: the lives that both told each other (see topology.go). A role only
// says whose turn it is.
const (
	// turnOneLife: an order that may take longer has no turn 1.
	turnOneLife = time.Second
	// pauseStep is what the pause after a round of turns grows by, up to pauseMost.
	pauseStep = 500 * time.Millisecond
	pauseMost = 5 * time.Second
)

// turn is one place in the calendar.
type turn struct {
	number int
	start  time.Duration
	sendBy time.Duration // later orders lapse
	mine   bool
	level  int // of topology.orderable, that is ordered in it if it is ours
}

// fullTurn is the longest turn of either node in which level 1 may be ordered.
func (m *Machine) fullTurn() time.Duration {
	return m.turnFor(max(m.ours().first(), m.theirs().first()))
}

// turnFor is the length of a turn for orders that live so long.
func (m *Machine) turnFor(life time.Duration) time.Duration { return m.window() + life + m.dead() }

// window is the first part of a turn, in which its orders leave.
func (m *Machine) window() time.Duration { return max(m.dead()-2*m.interval(), m.interval()) }

// fullRound is what a restarted daemon waits that cannot know where the turns
// count from: a peer that can cut has had its turns by then.
func (m *Machine) fullRound() time.Duration {
	c := m.calendar()
	return c.round() + pauseStep
}

// sawActive: this node is a standby that last heard its peer active. It is
// never true of both nodes.
func (m *Machine) sawActive() bool {
	return !m.active() && m.peer.known && m.peer.b.Role == beat.Active
}

// first decides between two nodes that are equal otherwise: the primary is first, and
// while the nodes' configurations differ, who may both name themselves, the name
// decides. It owns turn 4, the other turn 5.
func (m *Machine) first() bool {
	if m.digestsDiffer() {
		return m.p.Self < m.p.Peer
	}
	return m.p.Primary
}

// counts is the hearing from which this node counts its turns: its own newest. Who saw the
// peer active counts as that does, if the peer counts from long before: it may have had no
// beat since, and not know that it was heard.
func (m *Machine) counts() time.Duration {
	if m.sawActive() && m.unfollowed() {
		return m.peer.counts
	}
	return m.peer.heardAt
}

// unfollowed: by its newest beat the peer counts its turns from long before this node heard it. Who
// saw it active follows it; anybody else has no turn until it is followed (tests/model).
func (m *Machine) unfollowed() bool {
	p := &m.peer
	return p.counts > 0 && p.counts+m.dead()-m.interval() < p.heardAt
}

// unknown: this node heard the peer, but its present start has not heard this node, and counts
// from that start, whenever it was. Who is active loses nothing by having no turn then.
func (m *Machine) unknown() bool {
	p := &m.peer
	return p.known && p.counts == 0 && p.heardAt > 0
}

// calendar holds one round of turns: lengths and owners. All rounds are alike.
type calendar struct {
	length [5]time.Duration
	mine   [5]bool
	lead   time.Duration // before turn 1
	window time.Duration // orders leave in this first part of a turn
}

func (c *calendar) round() time.Duration {
	sum := c.lead
	for _, l := range c.length {
		sum += l
	}
	return sum
}

func (m *Machine) calendar() calendar {
	ours, theirs := m.ours(), m.theirs()
	differ := m.digestsDiffer()
	c := calendar{window: m.window()}
	if fast := max(ours.fast(), theirs.fast()); fast > 0 {
		c.lead, c.length[0] = m.interval(), m.turnFor(fast)
	}
	early := m.fullTurn()
	c.length[1], c.length[2] = early, early
	c.length[3], c.length[4] = m.turnFor(ours.longest()), m.turnFor(theirs.longest())
	if !m.first() {
		c.length[3], c.length[4] = c.length[4], c.length[3]
	}
	if differ {
		all := m.turnFor(max(ours.longest(), theirs.longest()))
		c.length[1], c.length[2], c.length[3], c.length[4] = all, all, all, all
	}
	one := m.sawActive() && !differ && ours.fast() > 0
	c.mine = [5]bool{one, m.active(), m.sawActive(), m.first(), !m.first()}
	return c
}

// levelIn is the level that this node orders in a turn of its own. The levels after
// the first take turns in 4 and 5; who has neither turn 2 nor 3 has level 1 among them.
func (m *Machine) levelIn(number, round int) int {
	n := len(m.topology.orderable)
	switch {
	case number <= 3 || n <= 1:
		return 0
	case m.active() || m.sawActive():
		return 1 + round%(n-1)
	}
	return round % n
}

// turnAt finds the turn that now lies in; number 0 before the first and in pauses.
func (m *Machine) turnAt(base time.Duration) (t turn) {
	c := m.calendar()
	length := c.round()
	start, round := base, 0
	for k := time.Duration(1); ; k++ {
		pause := min(k*pauseStep, pauseMost)
		if m.now < start+length {
			break
		}
		if m.now < start+length+pause {
			m.wakeAt(start + length + pause)
			return turn{}
		}
		start += length + pause
		round++
		if pause == pauseMost { // from here on all pauses are alike
			skipped := (m.now - start) / (length + pause)
			start += skipped * (length + pause)
			round += int(skipped)
		}
	}
	at := start + c.lead
	opens := at // where turn 1 may begin: nobody else's turn moves for a carrier's sake
	if start == base && c.length[0] > 0 && m.quiet.t0 < base {
		opens = m.quiet.t0 + c.lead
	}
	for i, l := range c.length {
		begin := at
		if i == 0 {
			begin = opens
		}
		if m.now < begin {
			break
		}
		if m.now < at+l {
			m.wakeAt(at + l)
			return turn{i + 1, begin, at + c.window, c.mine[i], m.levelIn(i+1, round)}
		}
		at += l
	}
	m.wakeAt(opens)
	return turn{}
}
