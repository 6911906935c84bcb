package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// battery is what feeds a node when the store's mains are lost.
type battery struct {
	full  time.Duration // how long it lasts from full
	left  time.Duration // when mains were lost
	empty bool          // it gave out: no output, and the card answers nothing
}

// loseMains takes the utility power of the whole store away for a while.
func (w *world) loseMains(length time.Duration) {
	if w.mainsLost > 0 {
		return
	}
	w.logf("the store loses its mains for %v", length)
	w.mainsLost = w.now
	for _, n := range w.nodes {
		n.battery.left = n.battery.full
		outage := w.now
		w.after(n.battery.left, func() {
			if w.mainsLost == outage {
				w.runOut(n)
			}
		})
	}
	w.after(length, w.returnMains)
}

func (w *world) runOut(n *node) {
	w.logf("%s's battery is empty", n.name)
	n.battery.empty, n.halted = true, false
	n.powerOff()
}

// returnMains brings it back; supplies come on one after the other, and a machine
// whose supply was off boots.
func (w *world) returnMains() {
	if w.mainsLost == 0 {
		return
	}
	w.logf("the store's mains are back")
	w.mainsLost = 0
	for _, n := range w.nodes {
		if n.battery.empty || n.halted {
			w.startAnew(n)
		}
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
	e.OnBattery = beat.No
	if w.mainsLost == 0 {
		return
	}
	e.OnBattery = beat.Yes
	b := &w.nodes[d.feeds].battery
	e.Runtime = max(1, b.left-(w.now-w.mainsLost))
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
		if n.w.mainsLost == 0 {
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
