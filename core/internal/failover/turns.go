package failover

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// Of two nodes that hear nothing of each other, both alive, at most one may be
// cut. Nothing but time keeps them apart, so each may send orders only in its
// own turns, and a turn is so long that whatever was sent in it has acted
// before the next one begins. Both nodes compute the same calendar, from the
// end of the last beats: they went missing for both at nearly the same time.
//
//	base   +interval
//	  |------|== 1 ==|== 2 ==|== 3 ==|== 4 ==|== 5 ==|- pause -|== 1 ==| ...
//	        standby  active standby primary secondary
const (
	// turnOneLife: an order that may take longer has no turn 1.
	turnOneLife = time.Second
	// unprovenLife is assumed of a device that declares none.
	unprovenLife = 5 * time.Second
	// pauseStep is what the pause after a round of turns grows by, up to pauseMost.
	pauseStep = 500 * time.Millisecond
	pauseMost = 5 * time.Second
)

// turn is one place in the calendar.
type turn struct {
	number int
	start  time.Duration
	sendBy time.Duration // later orders lapse
	end    time.Duration
	mine   bool
}

// orderLife is the longest life of the orders against a node, the longer of
// both configurations; proven tells whether every device behind it is.
func (m *Machine) orderLife(againstPeer bool) (life time.Duration, proven bool) {
	proven = true
	for i := range m.devices {
		d := &m.devices[i]
		if againstPeer && !d.feedsPeer || !againstPeer && !d.feedsSelf {
			continue
		}
		l := d.cfg.Life
		if l == 0 {
			l = unprovenLife
		}
		life = max(life, l)
		proven = proven && d.cfg.Proven && d.cfg.Life > 0
	}
	if !againstPeer && m.peer.known { // the peer's orders are against us: it knows best
		life = max(life, min(m.peer.b.OrderLife, time.Minute))
		proven = proven && m.peer.b.OrderProven
	}
	if life == 0 {
		life = unprovenLife
	}
	return life, proven
}

// fullTurn is one turn of either node.
func (m *Machine) fullTurn() time.Duration {
	a, _ := m.orderLife(true)
	b, _ := m.orderLife(false)
	return max(a, b) + m.dead()
}

// fullRound is what a restarted daemon waits that cannot know where the turns
// count from: a peer that can cut has had its turns by then.
func (m *Machine) fullRound() time.Duration { return 5*m.fullTurn() + pauseStep }

// sawActive: this node is a standby that last heard its peer active. It is
// never true of both nodes.
func (m *Machine) sawActive() bool {
	return !m.active() && m.peer.known && m.peer.b.Role == beat.Active
}

// first tells whether this node owns turn 4 rather than 5.
func (m *Machine) first() bool {
	if m.digestsDiffer() {
		return m.p.Self < m.p.Peer
	}
	return m.p.Primary
}

// calendar holds one round of turns: lengths and owners.
type calendar struct {
	length [5]time.Duration
	mine   [5]bool
	lead   time.Duration // before turn 1
	window time.Duration // orders leave in this first part of a turn
}

func (m *Machine) calendar() calendar {
	dead, interval := m.dead(), m.interval()
	own, ownProven := m.orderLife(true)
	theirs, theirsProven := m.orderLife(false)
	activeLife, standbyLife := max(own, theirs), max(own, theirs)
	proven := ownProven && theirsProven
	switch {
	case m.active():
		activeLife, standbyLife, proven = own, theirs, theirsProven
	case m.sawActive():
		activeLife, standbyLife, proven = theirs, own, ownProven
	}
	c := calendar{lead: interval, window: max(dead-2*interval, interval)}
	if proven && standbyLife <= turnOneLife {
		c.length[0] = standbyLife + dead
	} else {
		c.lead = 0
	}
	c.length[1], c.length[2] = activeLife+dead, standbyLife+dead
	first, second := own+dead, theirs+dead
	if !m.first() {
		first, second = second, first
	}
	c.length[3], c.length[4] = first, second
	c.mine = [5]bool{m.sawActive() && c.length[0] > 0 && !m.digestsDiffer(), m.active(), m.sawActive(), m.first(), !m.first()}
	return c
}

// turnAt finds the turn that now lies in; number 0 before the first and in pauses.
func (m *Machine) turnAt(base time.Duration) (t turn) {
	c := m.calendar()
	round := c.lead
	for _, l := range c.length {
		round += l
	}
	start := base
	for k := time.Duration(1); ; k++ {
		pause := min(k*pauseStep, pauseMost)
		if m.now < start+round {
			break
		}
		if m.now < start+round+pause {
			m.wakeAt(start + round + pause)
			return turn{}
		}
		start += round + pause
		if pause == pauseMost { // from here on all rounds are alike
			start += (m.now - start) / (round + pause) * (round + pause)
		}
	}
	at := start + c.lead
	if start == base && c.length[0] > 0 && m.quiet.t0 < base {
		return m.earlyTurnOne(c, base)
	}
	for i, l := range c.length {
		if m.now < at {
			break
		}
		if m.now < at+l {
			m.wakeAt(at + l)
			return turn{i + 1, at, at + c.window, at + l, c.mine[i]}
		}
		at += l
	}
	m.wakeAt(at)
	return turn{}
}

// earlyTurnOne begins turn 1 an interval after a silence that the carrier told
// early. It ends when it would have ended anyway: nobody else's turn moves.
func (m *Machine) earlyTurnOne(c calendar, base time.Duration) turn {
	at := m.quiet.t0 + c.lead
	end := base + c.lead + c.length[0]
	if m.now < at {
		m.wakeAt(at)
		return turn{}
	}
	if m.now < end {
		m.wakeAt(end)
		return turn{1, at, base + c.lead + c.window, end, c.mine[0]}
	}
	for i := 1; i < 5; i++ {
		if m.now < end+c.length[i] {
			m.wakeAt(end + c.length[i])
			return turn{i + 1, end, end + c.window, end + c.length[i], c.mine[i]}
		}
		end += c.length[i]
	}
	return turn{}
}
