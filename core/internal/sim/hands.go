package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// begin carries out one action: its effect on the world, and its answer.
func (n *node) begin(a failover.Action) {
	switch a.Kind {
	case failover.Persist:
		n.persist(a)
	case failover.Analyse:
		n.analyse(a)
	case failover.FenceOff:
		n.fenceOff(a)
	case failover.FenceRead:
		n.later(n.w.between(2*time.Millisecond, 20*time.Millisecond)+n.device(a).slow, func() { n.read(a) })
	case failover.FenceOn:
		n.fenceOn(a)
	case failover.FenceTest:
		n.fenceTest(a)
	case failover.StartResource, failover.RestartResource:
		n.startResource(a)
	case failover.StopResource:
		n.stopResource(a)
	case failover.PromoteResource, failover.DemoteResource:
		n.turnResource(a)
	case failover.ResetSelf:
		n.reset()
	case failover.Shutdown:
		n.shutDown()
	case failover.MonitorResource:
		n.later(n.w.between(time.Millisecond, 5*time.Millisecond), func() { n.feed(n.state(a.ID, n.resource(a))) })
	case failover.Verify:
		asked := n.local()
		n.later(n.w.between(time.Millisecond, 10*time.Millisecond), func() {
			n.feed(failover.ServiceProbe{ID: a.ID, Health: n.service(), Asked: asked})
		})
	default:
		n.w.fail("%s wants action %d, which nobody can do", n.name, a.Kind)
	}
}

func (n *node) persist(a failover.Action) {
	n.later(n.w.between(500*time.Microsecond, 8*time.Millisecond), func() {
		if n.unkept = !n.disk; n.unkept {
			n.feed(failover.Persisted{ID: a.ID, Err: "no space left on device"})
			return
		}
		if n.saved.Active && !a.State.Active {
			n.before = n.saved
		}
		if n.w.o.Bug != ForgottenGeneration {
			n.saved, n.lost = a.State, false
			if n.saved.Active {
				n.right, n.rightIn = n.saved.Generation, n.boots
			}
			n.saved.Modes.Set = append([]beat.Mode(nil), a.State.Modes.Set...)
			n.saved.Cuts = append([]time.Duration(nil), a.State.Cuts...)
		}
		n.feed(failover.Persisted{ID: a.ID})
	})
}

// unanswered is how long a question goes out that nobody answers.
const unanswered = 40 * time.Millisecond

// analyse answers with the truth as it can be seen from here, as the engine does: each
// answer by itself as it comes, all of them in the end.
func (n *node) analyse(a failover.Action) {
	peer := n.w.nodes[1-n.id]
	asked := n.local()
	found := failover.Analysis{ID: a.ID, Asked: asked}
	open := 5
	last := n.sight.beat
	told := func(field func(*failover.Analysis) *beat.Tri, answer beat.Tri) {
		*field(&found) = answer
		n.feed(found)
		if open--; open == 0 {
			found.Final = true
			n.feed(found)
		}
	}
	ask := func(field func(*failover.Analysis) *beat.Tri, truth func() bool) {
		n.later(n.w.between(500*time.Microsecond, 6*time.Millisecond), func() {
			if truth() {
				told(field, beat.Yes)
				return
			}
			n.later(unanswered-6*time.Millisecond, func() { told(field, beat.No) })
		})
	}
	runs := func() bool { return n.w.lan(0) && n.w.lan(1) && peer.powered }
	ask(func(e *failover.Analysis) *beat.Tri { return &e.PingGroup }, func() bool { return n.ping })
	ask(func(e *failover.Analysis) *beat.Tri { return &e.ICMP }, runs)
	ask(func(e *failover.Analysis) *beat.Tri { return &e.ARP }, runs)
	ask(func(e *failover.Analysis) *beat.Tri { return &e.Services }, func() bool { return runs() && peer.running[resourceWeb] })
	serves := func() bool {
		ok := n.service() == beat.OK
		if n.sight.service = 0; ok && last == n.sight.beat {
			n.sight.service = n.w.now
		}
		return ok
	}
	switch {
	case n.asking > n.w.now: // the service was asked before, and owes an answer
	case n.w.chance(0.1): // its probe takes longer than there is time: its answer comes alone
		late := n.w.between(a.Deadline-asked, failover.ServiceTime)
		n.asking = n.w.now + late
		n.later(late, func() { n.feed(failover.Analysis{ID: a.ID, Asked: asked, Service: tri(serves())}) })
	default:
		ask(func(e *failover.Analysis) *beat.Tri { return &e.Service }, serves)
	}
	n.later(max(0, n.span(a.Deadline-asked)), func() {
		if open > 0 {
			open, found.Final = -1, true
			n.feed(found)
		}
	})
}

func (n *node) device(a failover.Action) *device {
	for _, d := range n.w.supply {
		if d.name == a.Device {
			return d
		}
	}
	n.w.fail("%s: action %s names device %q", n.name, a.ID, a.Device)
	return n.w.supply[0]
}

// reaches tells whether a node's question is answered.
func (d *device) reaches(n *node) bool {
	return d.path[n.id] && !d.silent && !n.w.nodes[d.feeds].battery.empty
}

// fenceOff sends the order. It may take effect after its sender is gone, but
// never later than the device's declared life after it was given.
func (n *node) fenceOff(a failover.Action) {
	n.w.checkOrder(n)
	d := n.device(a)
	given := n.w.now
	n.ordering = max(n.ordering, given+d.life+n.policy.Interval)
	travel := n.w.between(time.Millisecond, 20*time.Millisecond)
	n.later(travel, func() {
		switch {
		case n.local() > a.Expiry:
			n.answer(a, beat.Unknown, "the order expired before it was sent")
			return
		case !d.reaches(n):
			n.deadline(a)
			if n.w.o.Bug == UnconfirmedFence {
				n.answer(a, beat.No, "")
			}
			return
		case d.refuses:
			if n.w.o.Bug == UnconfirmedFence {
				n.answer(a, beat.No, "")
				return
			}
			n.answer(a, beat.Unknown, "noAccess")
			return
		}
		effect := n.effect(d, given, d.life)
		if n.w.o.Bug == OverlappingTurns {
			effect = n.w.between(0, 4*d.life)
		}
		s := &n.sight
		s.ordering++
		n.w.after(effect, func() {
			s.ordering--
			if !d.lies {
				n.w.cutPower(d, n.name)
			}
		})
		n.confirm(a, effect)
	})
}

// effect draws how long an order that has just left takes: mostly no time, sometimes
// all that its life leaves.
func (n *node) effect(d *device, given, life time.Duration) time.Duration {
	longest := max(2*time.Millisecond, life-(n.w.now-given)-10*time.Millisecond)
	switch {
	case d.late:
		return longest
	case n.w.chance(0.2):
		return n.w.between(time.Millisecond, longest)
	}
	return n.w.between(time.Millisecond, min(longest, 30*time.Millisecond+d.slow))
}

// confirm answers an order with a reading after its effect. Sometimes no answer comes back.
func (n *node) confirm(a failover.Action, effect time.Duration) {
	if n.w.chance(0.1) {
		n.deadline(a)
		return
	}
	n.later(effect+n.w.between(time.Millisecond, 10*time.Millisecond), func() { n.read(a) })
}

func (n *node) fenceOn(a failover.Action) {
	d := n.device(a)
	given, life := n.w.now, n.span(a.Deadline-n.local())
	n.later(n.w.between(time.Millisecond, 20*time.Millisecond), func() {
		if n.local() > a.Expiry || !d.reaches(n) || d.refuses {
			n.deadline(a)
			return
		}
		effect := n.effect(d, given, life)
		d.onBy = max(d.onBy, n.w.now+effect)
		n.w.after(effect, func() { n.w.restorePower(d) })
		n.confirm(a, effect)
	})
}

// fenceTest reads the output, and orders it on only while it is on.
func (n *node) fenceTest(a failover.Action) {
	if n.device(a).off {
		n.later(n.w.between(2*time.Millisecond, 20*time.Millisecond), func() { n.read(a) })
		return
	}
	n.fenceOn(a)
}

// read answers with a reading of the device's output.
func (n *node) read(a failover.Action) {
	d := n.device(a)
	if !d.reaches(n) {
		n.deadline(a)
		return
	}
	if d.off {
		d.wasOff = true
	}
	if d.lies || n.w.o.Bug == StaleConfirmation && d.wasOff {
		n.answer(a, beat.No, "")
		return
	}
	n.answer(a, tri(!d.off), "")
}

// deadline answers an action that got no answer, at its deadline.
func (n *node) deadline(a failover.Action) {
	n.later(max(0, n.span(a.Deadline-n.local())), func() { n.answer(a, beat.Unknown, "no answer") })
}

func (n *node) answer(a failover.Action, power beat.Tri, reason string) {
	n.feed(failover.FenceAnswer{ID: a.ID, Device: a.Device, Power: power, Taken: n.local(), Err: reason})
}

// readDevices is the regular reading of every device.
func (n *node) readDevices() {
	for _, d := range n.w.supply {
		n.later(n.w.between(2*time.Millisecond, 10*time.Millisecond), func() {
			e := failover.FenceAnswer{Device: d.name, Power: tri(!d.off && !d.lies), Taken: n.local()}
			if n.w.told(d, &e); !d.reaches(n) {
				e = failover.FenceAnswer{Device: d.name, Taken: n.local(), Err: "no answer"}
			}
			n.feed(e)
		})
	}
}

func (n *node) resource(a failover.Action) int {
	for i := range n.policy.Resources {
		if n.policy.Resources[i].Name == a.Resource {
			return i
		}
	}
	n.w.fail("%s: action %s names resource %q", n.name, a.ID, a.Resource)
	return 0
}

// startResource starts something. A start that is under way when the daemon
// dies takes effect all the same, half the time.
func (n *node) startResource(a failover.Action) {
	i := n.resource(a)
	fails := n.failStart > 0 || n.dbBroken && i == resourceDB
	n.failStart = max(0, n.failStart-1)
	boot, anyway := n.boots, n.w.chance(0.5)
	life := n.life
	n.w.after(n.w.between(2*time.Millisecond, 60*time.Millisecond), func() {
		if n.boots != boot || !n.powered || n.life != life && !anyway {
			return
		}
		if fails {
			if n.life == life {
				n.feed(failover.ActionDone{ID: a.ID, Err: "does not start"})
			}
			return
		}
		if i == resourceWarm && a.Kind == failover.RestartResource {
			n.promoted = false
		}
		if !n.running[i] || a.Kind == failover.RestartResource {
			n.pids++
			n.running[i], n.pid[i] = true, n.pids
			n.w.checkStart(n, i)
		}
		if n.life == life {
			n.feed(failover.ActionDone{ID: a.ID, PID: n.pid[i]})
		}
	})
}

func (n *node) stopResource(a failover.Action) {
	i := n.resource(a)
	boot, life := n.boots, n.life
	if n.stuckStop || n.stuckData && i == resourceData {
		n.deadlineStop(a)
		return
	}
	n.w.after(n.w.between(2*time.Millisecond, 60*time.Millisecond), func() {
		if n.boots != boot || !n.powered {
			return
		}
		n.running[i] = false
		n.promoted = n.promoted && i != resourceWarm
		if n.life == life {
			n.feed(failover.ActionDone{ID: a.ID})
		}
	})
}

// turnResource promotes or demotes the warm layer. Like a start, it may act
// after its daemon died.
func (n *node) turnResource(a failover.Action) {
	boot, life, anyway := n.boots, n.life, n.w.chance(0.5)
	if a.Kind == failover.DemoteResource && n.stuckStop {
		n.deadlineStop(a)
		return
	}
	n.w.after(n.w.between(2*time.Millisecond, 60*time.Millisecond), func() {
		switch {
		case n.boots != boot || !n.powered || n.life != life && !anyway:
			return
		case n.running[resourceWarm]:
			n.promoted = a.Kind == failover.PromoteResource
		}
		if n.life != life {
			return
		}
		if !n.running[resourceWarm] {
			n.feed(failover.ActionDone{ID: a.ID, Err: "it does not run"})
			return
		}
		n.feed(failover.ActionDone{ID: a.ID})
	})
}

func (n *node) deadlineStop(a failover.Action) {
	n.later(max(0, n.span(a.Deadline-n.local())), func() { n.feed(failover.ActionDone{ID: a.ID, Err: "does not stop"}) })
}
