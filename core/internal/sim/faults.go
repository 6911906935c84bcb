package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// planFaults lays three faults or more over the run, and heals the world long
// enough before its end that it must be whole by then.
func (w *world) planFaults() {
	heal := w.healAt()
	w.faults = w.o.Faults + w.rng.IntN(4)
	for range w.faults {
		fault := faults[w.rng.IntN(len(faults))]
		w.after(w.between(5*time.Second, heal-time.Second), func() { fault(w) })
		if w.chance(0.3) { // troubles come in company
			second := faults[w.rng.IntN(len(faults))]
			w.after(w.between(5*time.Second, heal-time.Second), func() { second(w) })
			w.faults++
		}
	}
	if w.chance(0.3) {
		w.last()
	}
	w.after(heal, w.heal)
}

// any is one of the nodes.
func (w *world) any() *node { return w.nodes[w.rng.IntN(2)] }

// most often is for faults of the node that serves.
func (w *world) active() *node {
	for _, n := range w.nodes {
		if n.running[resourceData] && w.chance(0.8) {
			return n
		}
	}
	return w.any()
}

var faults = append(operators, []func(*world){
	func(w *world) { w.breakMachine(w.active()) },
	func(w *world) { w.breakMachine(w.active()) },
	func(w *world) { w.breakMachine(w.any()) },
	func(w *world) { // both lose their power at once
		w.breakMachine(w.nodes[0])
		w.breakMachine(w.nodes[1])
	},
	func(w *world) { w.loseMains(w.between(200*time.Millisecond, 20*time.Second), w.nodes[:]...) },
	func(w *world) { w.loseMains(w.between(200*time.Millisecond, 20*time.Second), w.nodes[:]...) },
	func(w *world) { w.loseMains(w.between(200*time.Millisecond, 20*time.Second), w.any()) },
	func(w *world) {
		w.loseMains(w.between(200*time.Millisecond, 20*time.Second), w.active())
		w.after(w.between(0, 4*time.Second), func() { w.cutAll(2) })
	},
	func(w *world) { w.crashDaemon(w.active()) },
	func(w *world) { w.crashDaemon(w.any()) },
	func(w *world) { w.any().stall(w.between(50*time.Millisecond, 3*time.Second)) },
	func(w *world) { w.active().stall(w.between(200*time.Millisecond, 5*time.Second)) },
	func(w *world) { w.cutLink(w.links[w.rng.IntN(2)], w.rng.IntN(3)) },
	func(w *world) { w.cutAll(2) },
	func(w *world) { w.cutAll(w.rng.IntN(2)) },
	func(w *world) { w.cutAll(w.rng.IntN(3)); w.breakMachine(w.active()) },
	func(w *world) { w.isolate(w.any()) },
	func(w *world) { w.isolate(w.nodes[0]); w.isolate(w.nodes[1]) },
	func(w *world) { w.flapping(w.any()) },
	func(w *world) { w.device(func(d *device) *bool { return &d.refuses }, "refuses") },
	func(w *world) { w.device(func(d *device) *bool { return &d.silent }, "is silent") },
	func(w *world) {
		w.device(func(d *device) *bool { return &d.silent }, "is silent")
		w.breakMachine(w.active())
	},
	func(w *world) { w.fencePath(w.any()) },
	func(w *world) { w.firstLevelDead() },
	func(w *world) {
		d := w.anyDevice()
		d.slow = w.between(0, d.life)
		w.logf("%s is slow by %v", d.name, d.slow)
	},
	func(w *world) {
		w.cutAll(2)
		w.after(w.between(0, time.Second), w.any().measure)
	},
	func(w *world) { w.race(w.oneByOne) },
	func(w *world) { w.race(w.flap) },
	func(w *world) { w.flap() },
	func(w *world) { w.race(w.touch) },
	func(w *world) { w.race(w.touch) },
	func(w *world) { w.race(w.toldInVain) },
	func(w *world) { w.race(func() { w.cutAll(2) }) },
	func(w *world) { // an order that an operator asked for is on its way when the links fail
		n := w.active()
		w.fence(n)
		w.race(func() { w.cutAll(2) })
	},
	func(w *world) { // the same, and who gave the order must give up and cannot stop before it acts
		n := w.active()
		w.fence(n)
		w.race(func() {
			w.setStuck(n)
			w.breakDB(n)
		})
	},
	func(w *world) { w.toldInVain() },
	func(w *world) { w.toldInVain(); w.fencePath(w.any()) },
	func(w *world) { n := w.any(); w.flip(&n.disk, n.name+"'s disk", 8*time.Second) },
	func(w *world) {
		n := w.any()
		w.flip(&n.lanPlugin, n.name+"'s plugin of the second link", 5*time.Second)
		n.seeLinks()
	},
	func(w *world) { w.any().failStart = w.rng.IntN(4) },
	func(w *world) { w.killResource(w.any()) },
	func(w *world) { w.killResource(w.active()) },
	func(w *world) { n := w.any(); w.setStuck(n) },
	func(w *world) { w.breakDB(w.active()) },
	func(w *world) { w.hideDB(w.active()) },
	func(w *world) { w.hideDB(w.any()) },
	func(w *world) { n := w.active(); w.setStuck(n); w.breakDB(n) },
	func(w *world) { w.ghosts() },
	func(w *world) { w.reconfigure(w.any()) },
	func(w *world) { // while no link works, and first orders fail
		w.cutAll(2)
		w.fencePath(w.nodes[0])
		w.fencePath(w.nodes[1])
		w.after(w.between(0, 3*time.Second), func() { w.reconfigure(w.any()) })
	},
	func(w *world) { w.upgrade(w.any()) },
	func(w *world) { w.upgrade(w.any()); w.breakMachine(w.active()) },
	func(w *world) {
		n := w.any()
		n.lost = true
		w.logf("%s's journal is damaged", n.name)
		w.crashDaemon(n)
	},
}...)

// breakMachine: a machine fails by itself and comes back after a while.
func (w *world) breakMachine(n *node) {
	if n.broken {
		return
	}
	w.logf("%s fails by itself", n.name)
	n.broken = true
	n.powerOff()
	w.after(w.between(200*time.Millisecond, 15*time.Second), func() {
		n.broken = false
		n.powerOn()
	})
}

func (w *world) crashDaemon(n *node) {
	if n.machine == nil {
		return
	}
	w.logf("%s: the daemon is killed", n.name)
	n.stopDaemon()
	w.after(w.between(50*time.Millisecond, 800*time.Millisecond), n.startDaemon)
}

// upgrade gives a node a daemon whose beats the other one cannot read, nor it the
// other's, and the other one the same some time later.
func (w *world) upgrade(n *node) {
	peer, version := w.nodes[1-n.id], n.version+1
	w.logf("%s is upgraded", n.name)
	n.version = version
	w.crashDaemon(n)
	w.after(w.between(time.Second, 15*time.Second), func() {
		if peer.version < version {
			w.logf("%s is upgraded, too", peer.name)
			peer.version = version
			w.crashDaemon(peer)
		}
	})
}

// reconfigure applies another configuration to a node, and mostly the same to the other some time later.
func (w *world) reconfigure(n *node) {
	p := w.policy()
	w.logf("%s is configured anew: deadtime %v, %d devices", n.name, p.Deadtime, len(p.Devices))
	n.configure(p)
	if w.chance(0.7) {
		peer := w.nodes[1-n.id]
		w.after(w.between(0, 5*time.Second), func() {
			w.logf("%s is configured like its peer", peer.name)
			peer.configure(p)
		})
	}
}

// cutLink cuts a link from node 0, from node 1, or (2) both ways.
func (w *world) cutLink(l *link, way int) {
	cut := [2]bool{way == 0 || way == 2, way == 1 || way == 2}
	w.logf("link %s is cut (from alpha: %v, from beta: %v)", l.name, cut[0], cut[1])
	for i := range cut {
		l.cut[i] = l.cut[i] || cut[i]
	}
	w.carriers()
	w.after(w.between(100*time.Millisecond, 10*time.Second), func() {
		w.logf("link %s is mended", l.name)
		l.cut = [2]bool{}
		w.carriers()
	})
}

// cutAll cuts every link, not quite at the same time, one way or both.
func (w *world) cutAll(way int) {
	for _, l := range w.links {
		w.after(w.between(0, 100*time.Millisecond), func() { w.cutLink(l, way) })
	}
}

// isolate takes the ping group away from a node.
func (w *world) isolate(n *node) { w.flip(&n.ping, n.name+"'s ping group", 10*time.Second) }

// measure has a node find that orders to its devices may take longer than configured,
// as slow readings tell it when a network fails.
func (n *node) measure() {
	devices := append([]failover.Device(nil), n.policy.Devices...)
	for i := range devices {
		devices[i].Measured = devices[i].Life + n.w.between(0, time.Second)
	}
	n.policy.Devices = devices
	n.w.logf("%s measures slower devices", n.name)
	n.feed(failover.PolicyChanged{Policy: n.policy})
}

// race has something fail while orders act as late as they may.
func (w *world) race(fail func()) {
	w.logf("orders act at the end of their lives")
	for _, d := range w.supply {
		d.late = true
		w.after(20*time.Second, func() { d.late = false })
	}
	fail()
}

// oneByOne cuts every link one way, and the other way up to a deadtime later.
func (w *world) oneByOne() {
	way := w.rng.IntN(2)
	w.cutAll(way)
	w.after(w.between(0, w.nodes[0].policy.Deadtime), func() { w.cutAll(1 - way) })
}

// flap has the links come and go for a while, each direction by itself or all as one, about
// as long each time as a silence takes.
func (w *world) flap() {
	w.logf("the links flap")
	together, dead := w.chance(0.5), w.nodes[0].policy.Deadtime
	var flip func(left int)
	flip = func(left int) {
		cut := left > 0 && w.chance(0.7)
		way := w.rng.IntN(2)
		for _, l := range w.links {
			for i := range l.cut {
				if together || i == way || left == 0 {
					l.cut[i] = cut
				}
			}
		}
		w.carriers()
		if left > 0 {
			w.after(w.between(0, 2*dead), func() { flip(left - 1) })
		}
	}
	flip(3 + w.rng.IntN(8))
}

// touch has the links fail, return for about one beat, in one direction or both, and fail for
// longer. No fence device answers before they touch, so that many turns have passed.
func (w *world) touch() {
	n := w.any()
	dead, interval := n.policy.Deadtime, n.policy.Interval
	set := func(cut [2]bool) func() {
		return func() {
			for _, l := range w.links {
				l.cut = cut
			}
			w.carriers()
		}
	}
	w.logf("the links touch")
	set([2]bool{true, true})()
	contact := dead + w.between(0, 5*time.Second)
	for _, d := range w.supply {
		d.silent = true
		w.after(contact, func() { d.silent = false })
	}
	w.after(contact, set([2]bool{w.chance(0.3), w.chance(0.3)}))
	w.after(contact+w.between(0, 2*interval), set([2]bool{true, true}))
	w.after(contact+w.between(5*time.Second, 12*time.Second), set([2]bool{}))
}

// toldInVain has all links fail about when one node tells what it measured, or both do:
// five deadtimes later.
func (w *world) toldInVain() {
	one := w.any()
	one.measure()
	if w.chance(0.5) {
		w.nodes[1-one.id].measure()
	}
	told := 5 * one.policy.Deadtime
	w.after(told+w.between(0, 4*one.policy.Interval)-w.between(0, one.policy.Interval), func() { w.cutAll(2) })
}

// flapping has a node's ping group come and go.
func (w *world) flapping(n *node) {
	w.logf("%s's ping group flaps", n.name)
	for k := range 6 + w.rng.IntN(10) {
		w.after(time.Duration(k)*w.between(100*time.Millisecond, 600*time.Millisecond), func() { n.ping = k%2 == 1; w.staySick() })
	}
	w.after(10*time.Second, func() { n.ping = true; w.staySick() })
}

func (w *world) device(which func(*device) *bool, what string) {
	d := w.anyDevice()
	flag := which(d)
	w.logf("%s %s", d.name, what)
	*flag = true
	w.after(w.between(time.Second, 15*time.Second), func() { *flag = false })
}

// firstLevelDead has a race decided by the slow devices of the second level.
func (w *world) firstLevelDead() {
	w.logf("the first level is silent, the second slow")
	for _, d := range w.supply {
		if d.level > 1 {
			d.slow = d.life
			continue
		}
		d.silent = true
		w.after(w.between(6*time.Second, 15*time.Second), func() { d.silent = false })
	}
	w.cutAll(2)
}

// fencePath takes a node's way to one of its peer's fence devices, or to all of them.
func (w *world) fencePath(n *node) {
	only, all := w.anyDevice(), w.chance(0.5)
	for _, d := range w.supply {
		if d.feeds == n.id || !all && d != only {
			continue
		}
		w.logf("%s reaches %s no more", n.name, d.name)
		d.path[n.id] = false
		w.after(w.between(time.Second, 15*time.Second), func() { d.path[n.id] = true; w.staySick() })
	}
}

func (w *world) anyDevice() *device { return w.supply[w.rng.IntN(len(w.supply))] }

func (w *world) flip(works *bool, what string, longest time.Duration) {
	w.logf("%s fails", what)
	*works = false
	w.after(w.between(100*time.Millisecond, longest), func() {
		*works = true
		w.logf("%s works again", what)
		w.staySick()
		for _, n := range w.nodes {
			n.seeLinks()
		}
	})
}

func (w *world) killResource(n *node) { w.kill(n, w.rng.IntN(resourceCount)) }

func (w *world) kill(n *node, i int) {
	if n.running[i] {
		w.logf("%s: %s dies", n.name, n.policy.Resources[i].Name)
		n.running[i] = false
		n.promoted = n.promoted && i != resourceWarm
	}
}

// breakDB has the database die and not start again for a while.
func (w *world) breakDB(n *node) {
	n.dbBroken = true
	w.kill(n, resourceDB)
	w.after(w.between(time.Second, 10*time.Second), func() { n.dbBroken = false; w.staySick() })
}

// hideDB has nothing be found out of the database for a while, in which its daemon may start anew.
func (w *world) hideDB(n *node) {
	n.dbUnread = true
	w.logf("%s cannot look at its database", n.name)
	if w.chance(0.5) {
		w.after(w.between(0, time.Second), func() { w.crashDaemon(n) })
	}
	w.after(w.between(time.Second, 15*time.Second), func() { n.dbUnread = false; w.staySick() })
}

func (w *world) setStuck(n *node) {
	n.stuckStop = true
	w.logf("%s cannot stop anything", n.name)
	w.after(w.between(time.Second, 10*time.Second), func() { n.stuckStop = false; w.staySick() })
}

// ghosts lets old bytes come out of the links' buffers.
func (w *world) ghosts() {
	for _, l := range w.links {
		for _, o := range l.old {
			w.after(w.between(0, 50*time.Millisecond), func() { w.nodes[o.to].hear(l, o.b) })
		}
		w.logf("%d old beats come out of link %s", len(l.old), l.name)
		l.old = nil
	}
}

// lie is for Options.Lies: a split, in which somebody says what is not so.
func (w *world) lie() {
	length := w.between(3*time.Second, 10*time.Second)
	w.logf("all links fail for %v", length)
	for _, l := range w.links {
		l.cut = [2]bool{true, true}
		w.after(length+w.between(0, time.Second), func() { l.cut = [2]bool{}; w.carriers() })
	}
	w.carriers()
	if w.chance(0.3) { // who must stop cannot save that, or cannot stop, and the links fail again
		if n := w.any(); w.chance(0.5) {
			w.after(length-time.Second, func() { w.flip(&n.disk, n.name+"'s disk", 8*time.Second) })
		} else {
			w.after(length-time.Second, func() { w.setStuck(n) })
		}
		w.after(length+w.between(0, 3*time.Second), func() { w.cutAll(2) })
	}
	liar := w.any()
	if w.chance(0.5) {
		w.logf("every supply of %s's peer reads off there", liar.name)
		for _, d := range w.supply {
			d.lies = d.feeds != liar.id
		}
		w.after(length, func() {
			for _, d := range w.supply {
				d.lies = false
			}
		})
		return
	}
	for _, d := range w.supply {
		d.silent = true
	}
	w.after(w.between(2*time.Second, length), func() {
		w.logf("%s is told that its peer is off", liar.name)
		liar.feed(failover.Command{ID: "op", Verb: failover.FenceConfirm, Name: liar.policy.Peer, Operator: "sim"})
	})
	w.after(length, func() {
		for _, d := range w.supply {
			d.silent = false
		}
	})
}
