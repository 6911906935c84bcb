package sim

import (
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// lastings are faults that nobody mends at one node, whatever else is mended. Each leaves
// a node that could serve, so somebody must.
var lastings = []struct {
	what  string
	begin func(*node)
}{
	{"takes no write any more", func(n *node) { n.disk = false }},
	{"reaches its ping group no more", func(n *node) { n.ping = false }},
	{"reaches its peer's devices no more", func(n *node) {
		for _, d := range n.w.supply {
			d.path[n.id] = d.path[n.id] && d.feeds == n.id
		}
	}},
	{"has no plugin of the second link any more", func(n *node) { n.lanPlugin = false; n.seeLinks() }},
	{"cannot stop its data any more", func(n *node) { n.stuckData = true }},
	{"cannot start its database any more", func(n *node) { n.dbBroken = true }},
	{"cannot look at its database any more", func(n *node) { n.dbUnread = true }},
}

// last has one node's fault begin some time, and stay.
func (w *world) last() {
	n, fault := w.any(), lastings[w.rng.IntN(len(lastings))]
	w.after(w.between(5*time.Second, w.healAt()), func() {
		if w.nodes[1-n.id].repaired {
			return
		}
		w.logf("%s %s", n.name, fault.what)
		w.lasting, w.sick, w.sickness = func() { fault.begin(n) }, n, n.name+" "+fault.what
		w.staySick()
	})
}

// staySick puts the fault back that some mending took away.
func (w *world) staySick() {
	if w.lasting != nil {
		w.lasting()
	}
}

// healAt is long enough before the end that the world must be whole by then.
func (w *world) healAt() time.Duration { return w.o.Length * 3 / 5 }

// heal mends everything, and gives the words an operator would give then.
func (w *world) heal() {
	w.logf("the world is mended")
	for _, n := range w.nodes {
		w.returnMains(n)
	}
	for _, l := range w.links {
		l.cut, l.old = [2]bool{}, nil
	}
	for _, d := range w.supply {
		d.refuses, d.silent, d.late, d.slow, d.path = false, false, false, 0, [2]bool{true, true}
	}
	for _, n := range w.nodes {
		n.dbBroken, n.dbUnread, n.stuckData = false, false, false
		n.version = max(w.nodes[0].version, w.nodes[1].version)
		n.broken, n.halted, n.disk, n.ping, n.lanPlugin, n.stuckStop, n.failStart = false, false, true, true, true, false, 0
		n.powerOn()
		n.startDaemonSoon()
	}
	w.staySick()
	w.carriers()
	adopt := func() {
		for _, n := range w.nodes {
			if n.unsure {
				n.feed(failover.Command{ID: "adopt", Verb: failover.Adopt, Operator: "sim"})
			}
		}
	}
	w.after(7*time.Second, adopt)
	w.after(14*time.Second, adopt) // to one that came back late
	w.after(7*time.Second, func() {
		told := false
		for _, n := range w.nodes {
			if !told && n.alarmed("turns-in-doubt") && !w.nodes[1-n.id].waitsForTurn() { // said at one node: nothing else keeps two such orders apart
				told = true
				n.feed(failover.Command{ID: "doubt", Verb: failover.Fence, Name: n.policy.Peer, Operator: "sim"})
			}
		}
	})
	w.after(7500*time.Millisecond, w.endModes)
	w.after(14500*time.Millisecond, w.endModes) // of one that came back late
	if w.sick != nil {                          // whom nobody mends is to serve no more
		away := func() {
			w.sick.feed(failover.Command{ID: "mend", Verb: failover.Switchover, Operator: "sim"})
			if w.sick.dbUnread { // what may serve there is left alone unless somebody says so
				w.sick.feed(failover.Command{ID: "mend", Verb: failover.ToStandby, Name: w.sick.name, Operator: "sim"})
			}
		}
		for _, after := range []time.Duration{8500 * time.Millisecond, 15 * time.Second, 22 * time.Second} { // its peer may come back late
			w.after(after, away)
		}
	}
	for i := range resourceCount {
		w.after(8*time.Second+time.Duration(i)*10*time.Millisecond, func() {
			for _, n := range w.nodes {
				n.feed(failover.Command{ID: "mend", Verb: failover.Cleanup, Name: n.policy.Resources[i].Name, Operator: "sim"})
			}
		})
	}
}

// waitsForTurn is what an operator reads in a node's status before he fences it from the other one.
func (n *node) waitsForTurn() bool {
	return n.machine != nil && strings.Contains(n.machine.View(n.local()).Decision, "waiting for the turn")
}

// endModes ends every mode: one that would change something by its end stays until somebody does.
func (w *world) endModes() {
	for _, n := range w.nodes {
		n.feed(failover.Command{ID: "mend", Verb: failover.MaintenanceOff, Operator: "sim"})
		n.feed(failover.Command{ID: "mend", Verb: failover.Unstandby, Name: n.name, Operator: "sim"})
		n.feed(failover.Command{ID: "mend", Verb: failover.Unstandby, Name: n.policy.Peer, Operator: "sim"})
		for i := range n.policy.Resources {
			n.feed(failover.Command{ID: "mend", Verb: failover.Manage, Name: n.policy.Resources[i].Name, Operator: "sim"})
		}
	}
}

func (n *node) startDaemonSoon() {
	boot := n.boots
	n.w.after(3*time.Second, func() {
		if n.boots == boot {
			n.startDaemon()
		}
	})
}
