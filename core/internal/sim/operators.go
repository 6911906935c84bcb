package sim

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// operators is what people say and do. They tell the truth.
var operators = []func(*world){
	func(w *world) { w.command(failover.Command{ID: "op", Verb: failover.Switchover, Operator: "sim"}) },
	func(w *world) { w.command(failover.Command{ID: "op", Verb: failover.Switchover, Operator: "sim"}) },
	func(w *world) { w.command(failover.Command{ID: "op", Verb: failover.Drill, Operator: "sim"}) },
	func(w *world) { // by an operator who sits at one node, about the other
		w.fence(w.any())
	},
	func(w *world) {
		w.command(failover.Command{ID: "op", Verb: failover.ToStandby, Name: w.any().name, For: w.someTime(), Operator: "sim"})
	},
	func(w *world) {
		w.command(failover.Command{ID: "op", Verb: failover.MaintenanceOn, For: w.someTime(), Operator: "sim"})
	},
	func(w *world) {
		n := w.any()
		name := n.policy.Resources[w.rng.IntN(resourceCount)].Name
		w.command(failover.Command{ID: "op", Verb: failover.Unmanage, Name: name, For: w.someTime(), Operator: "sim"})
	},
	func(w *world) {
		w.command(failover.Command{ID: "op", Verb: failover.Unstandby, Name: w.any().name, Operator: "sim"})
	},
	func(w *world) {
		n := w.any()
		w.command(failover.Command{ID: "op", Verb: failover.Restart, Name: n.policy.Resources[w.rng.IntN(resourceCount)].Name, Operator: "sim"})
	},
	func(w *world) { w.repair(w.any()) },
	func(w *world) { w.repair(w.active()) },
	func(w *world) { w.leave(w.any()) },
	func(w *world) { w.leave(w.active()) },
}

// fence is an operator's order. Where turns are in doubt he looks at the peer first, and it
// may be about to cut this one: then he does not give it.
func (w *world) fence(n *node) {
	if n.alarmed("turns-in-doubt") {
		return
	}
	w.logf("%s is told to fence its peer", n.name)
	n.feed(failover.Command{ID: "op", Verb: failover.Fence, Name: n.policy.Peer, Operator: "sim"})
}

// someTime is how long a mode shall last: seconds, or (0) the default of hours.
func (w *world) someTime() time.Duration {
	if w.chance(0.2) {
		return 0
	}
	return w.between(time.Second, 6*time.Second)
}

func (w *world) command(c failover.Command) {
	n := w.any()
	w.logf("%s is told: %v", n.name, c)
	n.feed(c)
}

// repair takes a machine away and says so, again until it is believed. Nobody
// brings it back before it is readmitted.
func (w *world) repair(n *node) {
	if peer := w.nodes[1-n.id]; n.repaired || peer.repaired || w.sick != nil { // nobody takes the other one of a sick node away
		return
	}
	w.logf("%s is taken away for repair", n.name)
	n.repaired = true
	n.powerOff()
	w.remove(n, w.now+w.between(time.Second, 12*time.Second))
}

func (w *world) remove(n *node, until time.Duration) {
	switch peer := w.nodes[1-n.id]; {
	case w.now >= until || w.now >= w.healAt():
		w.readmit(n)
		return
	case !peer.removed(n):
		peer.feed(failover.Command{ID: "remove", Verb: failover.Remove, Name: n.name, Operator: "sim"})
	}
	w.after(400*time.Millisecond, func() { w.remove(n, until) })
}

// readmit says so until the peer took it, and brings the machine back. A peer that is
// off and would take it for removed when it boots gets its power back first.
func (w *world) readmit(n *node) {
	peer := w.nodes[1-n.id]
	if peer.stalled <= w.now && !peer.removed(n) {
		w.logf("%s is repaired", n.name)
		n.repaired = false
		n.powerOn()
		return
	}
	for _, d := range w.supply {
		if d.feeds == peer.id && peer.cut && !peer.powered {
			w.restorePower(d)
		}
	}
	peer.feed(failover.Command{ID: "readmit", Verb: failover.Readmit, Name: n.name, Operator: "sim"})
	w.after(400*time.Millisecond, func() { w.readmit(n) })
}

// removed tells whether a node takes its peer for removed, or would after a new start.
func (n *node) removed(peer *node) bool {
	if n.machine != nil && slices.ContainsFunc(n.machine.View(n.local()).Modes, func(m failover.ModeView) bool {
		return m.Kind == beat.ModeRemoved && m.Name == peer.name
	}) {
		return true
	}
	return slices.ContainsFunc(n.saved.Modes.Set, func(m beat.Mode) bool {
		return m.Kind == beat.ModeRemoved && m.Name == peer.name
	})
}

// leavePatience is how long a daemon that is told to stop waits for its hand-over.
const leavePatience = 5 * time.Second

// leave ends a daemon as an upgrade or a shutdown does: it says so first, and an
// active node hands over. Where nobody takes over, what runs goes on without it.
func (w *world) leave(n *node) {
	if n.machine == nil {
		return
	}
	w.logf("%s is told to leave", n.name)
	down, away := w.chance(0.5), w.between(500*time.Millisecond, 6*time.Second)
	n.refused = false
	n.feed(failover.Command{ID: leaveID, Verb: failover.Leave, Name: n.name, Operator: "sim"})
	n.left(w.now+leavePatience, func() {
		w.logf("%s leaves", n.name)
		if !down || n.refused {
			n.stopDaemon()
			w.after(away, n.startDaemon)
			return
		}
		n.halted = true
		n.powerOff()
		w.after(away, func() {
			n.halted = false
			n.powerOn()
		})
	})
}

const leaveID = "leave"

// left waits until a node that was told to leave may: it serves no more and its peer has what
// it was granted, or it cannot hand over.
func (n *node) left(until time.Duration, then func()) {
	n.later(100*time.Millisecond, func() {
		serves := n.machine.View(n.local()).Role == beat.Active
		if n.refused || n.w.now >= until || n.stalled <= n.w.now && !serves && !n.grants {
			then()
			return
		}
		n.left(until, then)
	})
}
