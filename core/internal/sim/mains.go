package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// battery is what feeds a node without mains.
type battery struct {
	full  time.Duration // how long it lasts from full
	lost  time.Duration // since when the node is without mains; 0: it is not
	empty bool          // it gave out: no output, and the card answers nothing
}

// loseMains takes the utility power away from some nodes for a while: the whole store, or
// one whose fuse has blown.
func (w *world) loseMains(length time.Duration, nodes ...*node) {
	for _, n := range nodes {
		if n.battery.lost > 0 {
			continue
		}
		w.logf("%s loses its mains for %v", n.name, length)
		lost := w.now
		n.battery.lost = lost
		w.after(n.battery.full, func() {
			if n.battery.lost == lost {
				w.runOut(n)
			}
		})
		w.after(length, func() { w.returnMains(n) })
	}
}

func (w *world) runOut(n *node) {
	w.logf("%s's battery is empty", n.name)
	n.battery.empty, n.halted = true, false
	n.powerOff()
}

// returnMains brings it back. A supply comes on some time later, and a machine whose
// supply was off boots.
func (w *world) returnMains(n *node) {
	if n.battery.lost == 0 {
		return
	}
	w.logf("%s's mains are back", n.name)
	n.battery.lost = 0
	if n.battery.empty || n.halted {
		w.startAnew(n)
	}
}

// startAnew gives the output of a node's supply a new start, so that its machine boots.
func (w *world) startAnew(n *node) {
	w.after(w.between(0, 3*time.Second), func() {
		for _, d := range w.supply {
			if d.feeds == n.id {
				d.off = d.off && !n.battery.empty
			}
		}
		n.cut = w.dark(n.id)
		n.battery.empty, n.halted = false, false
		n.powerOn()
	})
}

// told adds what a device tells of its battery to a reading.
func (w *world) told(d *device, e *failover.FenceAnswer) {
	b := &w.nodes[d.feeds].battery
	if e.OnBattery = tri(b.lost > 0); b.lost == 0 {
		return
	}
	e.Runtime = max(1, b.full-(w.now-b.lost))
	e.Charge = max(1, int(100*e.Runtime/b.full))
}

// shutDown ends a machine in order. It comes back when its supply does: a store that
// lets hosts shut down has supplies that give their output a new start when mains
// return, and those that returned before the host was down count too.
func (n *node) shutDown() {
	n.later(n.w.between(10*time.Millisecond, 500*time.Millisecond), func() {
		n.w.logf("%s shuts down", n.name)
		n.halted = true
		n.powerOff()
		if n.battery.lost == 0 {
			n.w.startAnew(n)
		}
	})
}

// reset is what a watchdog does.
func (n *node) reset() {
	n.later(n.w.between(5*time.Millisecond, 200*time.Millisecond), func() {
		n.w.logf("%s is reset by its watchdog", n.name)
		n.powerOff()
		n.powerOn()
	})
}
