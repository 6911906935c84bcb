package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// healAt is long enough before the end that the world must be whole by then.
func (w *world) healAt() time.Duration { return w.o.Length * 3 / 5 }

// heal mends everything, and gives the words an operator would give then.
func (w *world) heal() {
	w.logf("the world is mended")
	w.returnMains()
	for _, l := range w.links {
		l.cut, l.old = [2]bool{}, nil
	}
	for _, d := range w.supply {
		d.refuses, d.silent, d.slow, d.path = false, false, 0, [2]bool{true, true}
	}
	for _, n := range w.nodes {
		n.version = max(w.nodes[0].version, w.nodes[1].version)
		n.broken, n.halted, n.disk, n.ping, n.lanPlugin, n.stuckStop, n.failStart = false, false, true, true, true, false, 0
		n.powerOn()
		n.startDaemonSoon()
	}
	w.carriers()
	w.after(7*time.Second, func() {
		told := false
		for _, n := range w.nodes {
			if n.unsure {
				n.feed(failover.Command{ID: "adopt", Verb: failover.Adopt, Operator: "sim"})
			}
			if !told && n.alarmed("turns-in-doubt") { // said at one node: nothing else keeps two such orders apart
				told = true
				n.feed(failover.Command{ID: "doubt", Verb: failover.Fence, Name: n.policy.Peer, Operator: "sim"})
			}
		}
	})
	w.after(7500*time.Millisecond, func() { // a mode that would change something by its end stays until somebody ends it
		for _, n := range w.nodes {
			n.feed(failover.Command{ID: "mend", Verb: failover.MaintenanceOff, Operator: "sim"})
			n.feed(failover.Command{ID: "mend", Verb: failover.Unstandby, Name: n.name, Operator: "sim"})
			n.feed(failover.Command{ID: "mend", Verb: failover.Unstandby, Name: n.policy.Peer, Operator: "sim"})
		}
	})
	for i := range resourceCount {
		w.after(8*time.Second+time.Duration(i)*10*time.Millisecond, func() {
			for _, n := range w.nodes {
				n.feed(failover.Command{ID: "mend", Verb: failover.Cleanup, Name: n.policy.Resources[i].Name, Operator: "sim"})
				n.feed(failover.Command{ID: "mend", Verb: failover.Manage, Name: n.policy.Resources[i].Name, Operator: "sim"})
			}
		})
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
