package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// sight is what a node had before its eyes, as far as that forbids an order: what the
// policy says of living machines (S5, S6, S9) holds for each order by itself, whether
// it does harm this time or not.
type sight struct {
	beat     time.Duration // it took a beat of the peer last,
	of       beat.ID       // of this start
	sequence uint64        // and with this number
	active   time.Duration // and one that told of an active peer that does not ask to be cut
	service  time.Duration // the service answered through the virtual IP; 0: its newest answer was another
	slept    time.Duration // it woke from a stall that it must have noticed
	cutOff   time.Duration // since when it does not reach its ping group, and the peer reaches its own; 0: not so
	told     time.Duration // an operator wanted the peer cut
	grant    uint64        // the newest one that it gave
	ordering int           // its orders that have not acted yet
	begun    time.Duration // its daemon started
}

const (
	// wordLasts is longer than an operator's fence waits for its turn.
	wordLasts = 40 * time.Second
	// calmFor is how long two daemons must have been able to hear each other for an order to
	// be needless: longer than a silence that began before, with the orders of its turns.
	calmFor = 3 * time.Second
	// answerLasts is how long the answer of a service counts at least: one that hangs forbids nothing for ever.
	answerLasts = failover.ServiceTime + time.Second
	// pingKnown is how long a node may take to know that its ping group is dead.
	pingKnown = time.Second
)

// checkOrder holds whenever a node orders its peer off.
func (w *world) checkOrder(n *node) {
	peer, s := w.nodes[1-n.id], &n.sight
	w.apart = w.apart || n.machine.View(n.local()).Peer.LastHeard == 0
	if peer.asks > 0 && w.now-peer.asks < wordLasts || s.told > 0 && w.now-s.told < wordLasts {
		return
	}
	standby := n.machine.View(n.local()).Role != beat.Active
	switch {
	case w.o.Bug != NoBug: // it is to be found by the harm that it does
	case w.calmSince > 0 && w.now-w.calmSince >= calmFor:
		w.fail("%s orders its peer off, and they have been able to hear each other for %v", n.name, w.now-w.calmSince)
	case standby && s.active > 0 && w.now-s.active < n.policy.Interval:
		w.fail("%s orders its peer off, whose beat said %v ago that it is active", n.name, w.now-s.active)
	case standby && s.service > s.beat && w.now-s.service < answerLasts:
		w.fail("%s orders its peer off while the service answers", n.name)
	case s.slept > s.beat && w.now-s.slept < n.policy.Deadtime-time.Millisecond: // by its own clock
		w.fail("%s orders its peer off %v after it slept", n.name, w.now-s.slept)
	case s.cutOff > 0 && w.now-max(s.cutOff, s.begun) > pingKnown:
		w.fail("%s orders its peer off, and is cut off itself since %v", n.name, s.cutOff)
	}
}

// checkGrant holds whenever a beat leaves: whoever may still be cut by its giver is granted nothing (S11).
func (w *world) checkGrant(n *node, g beat.Grant) {
	if g.Generation > n.sight.grant && n.sight.ordering > 0 && w.o.Bug == NoBug {
		w.fail("%s grants generation %d while an order of its may still act", n.name, g.Generation)
	}
	n.sight.grant = max(n.sight.grant, g.Generation)
}

// look keeps the sight of both nodes after every step.
func (w *world) look() {
	calm := true
	for _, n := range w.nodes {
		calm = calm && n.machine != nil && n.stalled < w.now
		if n.serves() {
			w.servedAt = w.now
		}
		s := &n.sight
		if n.ping || !w.nodes[1-n.id].ping { // one that is dead for both tells nothing
			s.cutOff = 0
			n.together = !n.ping
		} else if s.cutOff == 0 && !n.together {
			s.cutOff = w.now
		}
	}
	if !calm || !w.hearing() {
		w.calmSince = 0
	} else if w.calmSince == 0 {
		w.calmSince = w.now
	}
}

// hearing: a link works both ways that hardly ever loses a whole deadtime's beats. Who
// takes a lost carrier for evidence hears on the cable: without it a beat or two decide.
func (w *world) hearing() bool {
	for _, l := range w.links {
		if !l.direct && max(w.nodes[0].policy.CarrierBeats, w.nodes[1].policy.CarrierBeats) > 0 {
			continue
		}
		if l.cut == [2]bool{} && l.loss < 0.01 && w.nodes[0].carries(l) && w.nodes[1].carries(l) {
			return true
		}
	}
	return false
}

// see keeps what a beat shows. An old one that comes late says nothing.
func (n *node) see(b *beat.Beat) {
	s := &n.sight
	if b.Incarnation != n.w.nodes[1-n.id].incarnation || b.Incarnation == s.of && b.Sequence <= s.sequence {
		return
	}
	s.of, s.sequence = b.Incarnation, b.Sequence
	s.beat = n.w.now
	if b.Role == beat.Active && !b.CutMe {
		n.sight.active = n.w.now
	}
}

// obeys keeps an operator's word that counts for orders.
func (n *node) obeys(e failover.Event) {
	if c, ok := e.(failover.Command); ok && c.Verb == failover.Fence {
		n.sight.told = n.w.now
	}
}
