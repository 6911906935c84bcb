package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// stopsWithin is more than all stops of a node take in this world, one after the other.
const stopsWithin = time.Second

// check holds after every step of the world.
func (w *world) check() {
	a, b := w.nodes[0], w.nodes[1]
	switch both := a.holds() && b.holds(); { // S1
	case both && w.o.Lies:
		w.checkMeeting()
	case both:
		w.fail("both nodes are active: alpha runs %s, beta runs %s", a.holding(), b.holding())
	default:
		w.metAt = 0
	}
	// S6. A machine that failed by itself does not count: an order in flight may still reach the other.
	if a.cut && b.cut && a.cutLive && b.cutLive {
		if w.open = w.apart; !w.open {
			w.fail("both machines were switched off by orders")
		}
	}
}

// checkMeeting is S1 and S3 where somebody lied: once a link works again, two active
// nodes notice it within a deadtime, and one of them stops.
func (w *world) checkMeeting() {
	w.dual = true
	a, b := w.nodes[0], w.nodes[1]
	switch {
	case !slices.ContainsFunc(w.links, func(l *link) bool { return l.cut == [2]bool{} }):
		w.metAt = 0
	case a.stuckStop || b.stuckStop: // it is tried again a second after it failed
		w.metAt = w.now + time.Second
	case w.metAt == 0:
		w.metAt = w.now
	case w.now-w.metAt > w.nodes[0].policy.Deadtime+stopsWithin:
		w.fail("both nodes are active %v after a link came back", w.now-w.metAt)
	}
}

// holds tells whether a machine runs anything that only the active node may run.
func (n *node) holds() bool {
	for i, on := range n.running {
		if on && exclusive(i) && n.powered && (i != resourceWarm || n.promoted) {
			return true
		}
	}
	return false
}

func (n *node) holding() string {
	text := ""
	for i, on := range n.running {
		if on && exclusive(i) && (i != resourceWarm || n.promoted) {
			text += " " + n.policy.Resources[i].Name
		}
	}
	return text
}

// checkStart holds whenever the data start: the generation is on disk before, unless
// they start again in one that is, while the node counts on; and it is newer than every one this node was told of (S3). Two nodes that
// never met may both count up from the same number: only replicated data can
// tell which of them is newer, and that rule is not part of this world.
func (w *world) checkStart(n *node, i int) {
	w.logf("%s runs %s, generation %d on disk", n.name, n.policy.Resources[i].Name, n.saved.Generation)
	if i != resourceData || n.machine == nil {
		return
	}
	g := n.machine.View(n.local()).Generation
	again := n.servedIn == n.boots && n.served == n.saved.Generation && n.saved.Active
	takenBack := n.rightIn == n.boots && n.right == g // a grant that was not sent leaves a newer one on the disk
	if g != n.saved.Generation && !again && !takenBack {
		w.fail("%s starts the data in generation %d, and its disk says %d", n.name, g, n.saved.Generation)
	}
	if g < n.told {
		w.fail("%s starts the data in generation %d after it was told of %d", n.name, g, n.told)
	}
	if n.served != g || n.servedIn != n.boots {
		w.takeovers++
	}
	n.served, n.servedIn = g, n.boots
}

// powerPatience is how long a machine may wait for its power, or for that of its other supply:
// the time that it is left off, and orders on that act at the end of their lives.
const powerPatience = 15 * time.Second

// checkSupplies is S7: a machine that has run for a while beside its peer has all its supplies
// again, unless whoever cut one of them could not remember it, or had a configuration without that device.
func (w *world) checkSupplies() {
	if w.o.Bug != NoBug { // it is to be found by the harm that it does
		return
	}
	a, b := w.nodes[0], w.nodes[1]
	w.checkDark(a, b)
	w.checkDark(b, a)
	if a.machine == nil || b.machine == nil || a.cut || b.cut || a.forgot || b.forgot {
		return
	}
	for _, d := range w.supply {
		n, peer := w.nodes[d.feeds], w.nodes[1-d.feeds]
		known := peer.unsure && peer.alarmed("supply-off") // who does not know why it is off leaves it so
		if d.off && d.path[peer.id] && !d.left[peer.id] && !known && w.now >= max(d.onBy, n.bootedAt+powerPatience) {
			w.fail("%s runs, and nobody switches %s on again", n.name, d.name)
		}
	}
}

// checkDark is S7, too: who was cut is dark only where its peer says that it is meant to be,
// or can do nothing about it.
func (w *world) checkDark(n, peer *node) {
	if n.powered || !n.cut || peer.machine == nil || peer.forgot || w.owedInVain(n) || w.owedToNobody(n) || w.owedSoon(n) || w.now < n.cutAt+powerPatience {
		return
	}
	if !peer.alarmed("stays-off") && !peer.alarmed("owed") && !peer.alarmed("presumed") {
		w.fail("%s was cut, and %s gives it no power back: %s", n.name, peer.name, peer.machine.View(peer.local()).Decision)
	}
}

// owedInVain: the peer of a dark node does not reach what would give it power.
func (w *world) owedInVain(n *node) bool {
	return n.cut && slices.ContainsFunc(w.supply, func(d *device) bool { return d.feeds == n.id && !d.path[1-n.id] })
}

// owedToNobody: a device left the peer's configuration while it was off, and with its journal went
// the last that knew of it.
func (w *world) owedToNobody(n *node) bool {
	peer := w.nodes[1-n.id]
	return peer.unsure && slices.ContainsFunc(w.supply, func(d *device) bool { return d.feeds == n.id && d.off && d.left[peer.id] })
}

// owedSoon: an order that gives a dark node its power is on its way.
func (w *world) owedSoon(n *node) bool {
	return slices.ContainsFunc(w.supply, func(d *device) bool { return d.feeds == n.id && w.now < d.onBy })
}

// alarmed tells whether an alarm of the node stands.
func (n *node) alarmed(key string) bool {
	return n.machine != nil && slices.ContainsFunc(n.machine.View(n.local()).Alarms, func(a failover.Alarm) bool { return a.Key == key })
}

// changeLasts is how long a store may be without service at the end: a failback to a sick
// primary, and from it again, may be under way.
const changeLasts = 5 * time.Second

// endPatience is how much longer a run goes on where nobody serves at its end: a start that cannot
// look at what may run (a minute), or orders, boots and waits of one node, one after the other, may
// have taken nearly all of the mended time.
const endPatience = 45 * time.Second

// end is when the run ends.
func (w *world) end() time.Duration {
	if w.servedLately() {
		return w.o.Length
	}
	return w.o.Length + endPatience
}

func (w *world) servedLately() bool { return w.servedAt > 0 && w.now-w.servedAt <= changeLasts }

// serves tells whether a node runs all that only the active node may run.
func (n *node) serves() bool {
	for i, on := range n.running {
		if !on && exclusive(i) {
			return false
		}
	}
	return n.powered && n.promoted
}

// checkEnd holds at the end of a run: the world was mended long ago, so the
// store must be served, by one node.
func (w *world) checkEnd() {
	w.checkSupplies()
	if w.servedLately() {
		return
	}
	if w.sick != nil && w.nodes[1-w.sick.id].cut {
		return // the healthy node has no power, as checkDark allows
	}
	for _, n := range w.nodes {
		state := "off"
		if n.machine != nil {
			state = n.machine.View(n.local()).Decision
		}
		w.logf("%s at the end: %s", n.name, state)
	}
	w.fail("nobody serves, although nothing else has been broken for %v: %s", w.now-w.healAt(), cmp.Or(w.sickness, "all is well"))
}
