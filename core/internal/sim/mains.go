package sim

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// battery is what a supply has when the store's mains are lost.
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
	for i, d := range w.supply {
		d.battery.left = d.battery.full
		outage := w.now
		w.after(d.battery.left, func() {
			if w.mainsLost == outage {
				w.runOut(i)
			}
		})
	}
	w.after(length, w.returnMains)
}

func (w *world) runOut(i int) {
	d, n := w.supply[i], w.nodes[i]
	w.logf("%s's battery is empty", n.name)
	d.battery.empty, n.halted = true, false
	n.powerOff()
}

// returnMains brings it back; supplies come on one after the other, and a machine
// whose supply was off boots. One whose host was shut down gives its output a new
// start: a store that lets hosts shut down must have such supplies.
func (w *world) returnMains() {
	if w.mainsLost == 0 {
		return
	}
	w.logf("the store's mains are back")
	w.mainsLost = 0
	for i, d := range w.supply {
		n := w.nodes[i]
		if d.battery.empty || n.halted {
			w.after(w.between(0, 3*time.Second), func() {
				d.off = d.off && !d.battery.empty
				d.battery.empty, n.halted = false, false
				n.powerOn()
			})
		}
	}
}

// told adds what a device tells of its battery to a reading.
func (w *world) told(d *device, e *failover.FenceAnswer) {
	e.OnBattery = beat.No
	if w.mainsLost == 0 {
		return
	}
	e.OnBattery = beat.Yes
	e.Runtime = max(1, d.battery.left-(w.now-w.mainsLost))
	e.Charge = max(1, int(100*e.Runtime/d.battery.full))
}

// shutDown ends a machine in order; it comes back when its supply does.
func (n *node) shutDown() {
	n.later(n.w.between(10*time.Millisecond, 500*time.Millisecond), func() {
		n.w.logf("%s shuts down", n.name)
		n.halted = true
		n.powerOff()
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
