package failover

import (
	"fmt"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// supplyEvery is the pace of the regular readings of fence devices in scenarios that have them.
const supplyEvery = 10 * time.Second

// supply is what the devices that feed a node tell of their battery.
type supply struct {
	battery FenceAnswer // OnBattery, BatteryLow, Charge, Runtime
	dead    bool        // the battery is empty: the device answers nothing
}

// setSupply: "supply NODE mains", "supply NODE battery [charge=N runtime=T battery-low=yes]",
// "supply NODE empty": the node loses its power and its devices answer nothing, until mains.
func (s *scenario) setSupply(n *benchNode, rest string) error {
	word, rest, _ := strings.Cut(rest, " ")
	f, err := readForm(rest)
	if err != nil {
		return err
	}
	b := s.bench
	was := b.supplies[n.name]
	now := supply{battery: FenceAnswer{OnBattery: beat.No}}
	switch word {
	case "mains":
	case "battery":
		now.battery.OnBattery = beat.Yes
		now.battery.fields(f)
	case "empty":
		now.dead = true
		b.setOutlets(n, false)
	default:
		return fmt.Errorf("want mains, battery or empty")
	}
	if err := f.done(); err != nil {
		return err
	}
	first := len(b.supplies) == 0
	b.supplies[n.name] = now
	if first {
		b.after(supplyEvery, b.pollSupplies)
	}
	if was.dead && !now.dead {
		b.setOutlets(n, true)
	}
	b.tellSupplies()
	b.after(time.Second, b.tellSupplies) // what changed is read again soon
	return nil
}

func (b *bench) pollSupplies() {
	b.tellSupplies()
	b.after(supplyEvery, b.pollSupplies)
}

// tellSupplies gives every node a regular reading of every device.
func (b *bench) tellSupplies() {
	for _, n := range b.nodes {
		for _, d := range n.policy.Devices {
			if fed := b.fedBy(n, d.Name); fed != nil && n.machine != nil {
				b.give(n, b.regular(n, d, fed))
			}
		}
	}
}

func (b *bench) regular(n *benchNode, d Device, fed *benchNode) FenceAnswer {
	s := b.supplies[fed.name]
	if s.dead || !n.fences {
		return FenceAnswer{Device: d.Name, Taken: b.now, Err: "no answer from the device"}
	}
	e := s.battery
	e.Device, e.Taken, e.Power = d.Name, b.now, beat.Yes
	if fed.dark[d.Name] {
		e.Power = beat.No
	}
	return e
}

// reset is what a watchdog does: the machine dies and boots, its supply stays on.
func (b *bench) reset(n *benchNode) {
	b.halt(n)
	n.crashed = false
	b.boot(n, n.handOf("boot", "", time.Second).took)
}

// halt ends a machine whose supply stays on.
func (b *bench) halt(n *benchNode) {
	n.crashed, n.machine, n.late = true, nil, 0
	clear(n.running)
}
