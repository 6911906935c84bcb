package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// link is one path of beats. Its directions fail apart.
type link struct {
	name   string
	direct bool    // it has a carrier that tells of the peer's machine
	cut    [2]bool // cut[i]: nothing sent by node i arrives
	loss   float64
	delay  time.Duration // everyday delay, at most
	spike  float64       // probability of a delay of up to two intervals
	old    []oldBeat     // bytes that may come out of a buffer much later
}

type oldBeat struct {
	to int
	b  beat.Beat
}

// device is the switch of one supply of a node, at one level.
type device struct {
	name    string
	feeds   int // the node
	level   int
	off     bool
	onBy    time.Duration // until then an order on may act
	wasOff  bool          // it was read off once
	lies    bool          // reads off, whatever it is, and does nothing
	refuses bool          // says no
	silent  bool          // says nothing
	slow    time.Duration // added to every answer
	late    bool          // every order acts at the end of its life
	life    time.Duration // declared longest life of an order
	path    [2]bool       // path[i]: node i reaches it
	left    [2]bool       // left[i]: while it was off it was missing in a configuration of node i
}

// The store's resources: an address and data that only the active node may
// hold, a warm layer that has its data there alone, and a service that runs on both.
const (
	resourceAddress = iota
	resourceData
	resourceDB
	resourceWarm
	resourceWeb
	resourceCount
)

// exclusive tells whether only the active node may run a resource.
func exclusive(i int) bool { return i != resourceWeb }

// timings are the settings that a seed may have.
var timings = []struct{ interval, warn, dead time.Duration }{
	{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond},
	{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond},
	{200 * time.Millisecond, 500 * time.Millisecond, time.Second},
}

func newWorld(o Options) *world {
	w := &world{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x5702e))}
	w.links = []*link{
		{name: "cable", direct: w.chance(0.6), loss: 0.001, delay: 500 * time.Microsecond, spike: 0.0005},
		{name: "lan", loss: w.rng.Float64() * 0.05, delay: 3 * time.Millisecond, spike: 0.002},
	}
	w.wire()
	w.primary = w.rng.IntN(2)
	both := w.policy()
	differ := w.chance(0.1) // a configuration that reached one node only
	weakest := 3 * time.Second
	if o.Mains { // one that gives out before its warning is a fault, and its node is cut when it boots
		weakest = 8 * time.Second
	}
	for i, name := range names {
		p := both
		if differ && i == 1 {
			p = w.policy()
		}
		n := &node{
			version: beat.Version,
			w:       w, id: i, name: name, drift: w.between(-200, 200), ping: true, disk: true, lanPlugin: true,
			battery: battery{full: w.between(weakest, 30*time.Second)},
		}
		if !w.links[0].direct { // so far a cable that fails with the other link spares the wait for the hold-up
			n.holdup = w.between(0, both.Holdup-time.Millisecond)
		}
		n.configure(p)
		n.policy.Devices = w.believed(n.policy.Devices)
		w.nodes[i] = n
	}
	return w
}

var names = [2]string{"alpha", "beta"}

// policy draws a store's configuration, another one by each call.
func (w *world) policy() failover.Policy {
	w.digest++
	timing := timings[w.rng.IntN(len(timings))]
	p := failover.Policy{
		Cluster: "sim", Digest: w.digest,
		Interval: timing.interval, Warntime: timing.warn, Deadtime: timing.dead,
		Initdead: w.between(time.Second, 4*time.Second), Holdup: 100 * time.Millisecond, Analyse: 50 * time.Millisecond,
		CarrierBeats: w.rng.IntN(3), Cycle: true, OffTime: 2 * time.Second,
		IsolationTime: time.Second, Verify: true, IsolationStop: w.chance(0.2), Watchdog: w.chance(0.5),
		OnBattery: failover.OnBattery{
			StandbyAfter: w.between(0, 4*time.Second), LowCharge: w.rng.IntN(40), LowRuntime: w.between(0, 6*time.Second), Shutdown: w.chance(0.3),
		},
		Links:     []failover.Link{{Name: "cable", Direct: w.links[0].direct}, {Name: "lan"}},
		Resources: resources(),
	}
	if w.chance(0.3) {
		p.FailbackAuto, p.FailbackAfter = true, w.between(500*time.Millisecond, 5*time.Second)
	}
	if w.o.Mains { // an operator's settings: initdead covers a boot, the warning covers a stop
		p.Initdead, p.OnBattery.LowRuntime = 4*time.Second, w.between(4*time.Second, 6*time.Second)
	}
	proven, levels, longer := w.chance(0.7), 9, time.Duration(0)
	if w.digest > 1 { // another configuration may know nothing of a second level, and may have longer lives
		if w.chance(0.5) {
			levels = 1
		}
		if w.chance(0.5) {
			longer = w.between(0, 2*time.Second)
		}
	}
	for _, d := range w.supply {
		if d.level <= levels {
			p.Devices = append(p.Devices, failover.Device{Name: d.name, Feeds: []string{names[d.feeds]}, Level: d.level, Life: d.life + longer, Proven: proven})
		}
	}
	return p
}

// wire draws the store's supplies: one or two for a node, and one or two levels.
func (w *world) wire() {
	supplies, levels := 1, 1
	if w.chance(0.3) {
		supplies = 2
	}
	if w.chance(0.4) {
		levels = 2
	}
	for node, name := range names {
		for level := 1; level <= levels; level++ {
			longest := []time.Duration{1200 * time.Millisecond, 3 * time.Second}[level-1]
			for k := 1; k <= supplies; k++ {
				w.supply = append(w.supply, &device{
					name: fmt.Sprintf("%s-%s-%d", []string{"ups", "pdu"}[level-1], name, k), feeds: node, level: level,
					life: w.between(200*time.Millisecond, longest), path: [2]bool{true, true},
				})
			}
		}
	}
}

// believed is a node's own belief about the devices: one may have told only one of
// the nodes that it takes longer than configured.
func (w *world) believed(all []failover.Device) []failover.Device {
	all = append([]failover.Device(nil), all...)
	if w.chance(0.1) {
		d := &all[w.rng.IntN(len(all))]
		d.Life += w.between(0, d.Life)
	}
	return all
}

// dark tells whether a level has switched a node's power off.
func (w *world) dark(node int) bool {
	lit := map[int]bool{}
	for _, d := range w.supply {
		if d.feeds == node {
			lit[d.level] = lit[d.level] || !d.off
		}
	}
	for _, some := range lit {
		if !some {
			return true
		}
	}
	return false
}

func resources() []failover.Resource {
	base := failover.Resource{
		StartTimeout: 2 * time.Second, StopTimeout: time.Second, MonitorTimeout: time.Second, FailuresToDown: 2,
		Restarts: failover.Budget{Max: 3, Within: 10 * time.Minute}, Failovers: failover.Budget{Max: 3, Within: time.Hour}, FenceOnStop: true,
	}
	all := make([]failover.Resource, resourceCount)
	for i := range all {
		all[i] = base
	}
	all[resourceAddress].Name, all[resourceAddress].Layer = "address", "address"
	all[resourceData].Name, all[resourceData].Layer = "data", "storage"
	all[resourceDB].Name, all[resourceDB].Layer, all[resourceDB].After = "db", "database", []string{"data", "address"}
	all[resourceDB].Failover = true
	all[resourceWarm].Name, all[resourceWarm].Layer, all[resourceWarm].Warm, all[resourceWarm].After = "cache", "cache", true, []string{"db"}
	all[resourceWeb].Name, all[resourceWeb].Layer, all[resourceWeb].ActiveActive = "web", "http", true
	all[resourceWeb].Failover = true
	return all
}

// start switches everything on; the two machines do not boot at the same time.
func (w *world) start() {
	for _, n := range w.nodes {
		w.after(w.between(0, 1500*time.Millisecond), n.powerOn)
	}
}

// send carries a beat over every link.
func (w *world) send(from int, b *beat.Beat) {
	for _, l := range w.links {
		copies := 1
		if w.chance(0.005) {
			copies = 2
		}
		for range copies {
			if l.cut[from] || w.chance(l.loss) {
				continue
			}
			kept := keep(b)
			delay := w.between(50*time.Microsecond, l.delay)
			if w.chance(l.spike) {
				delay += w.between(0, 2*w.nodes[from].policy.Interval)
			}
			w.after(delay, func() { w.nodes[1-from].hear(l, kept) })
			if w.chance(0.001) && len(l.old) < 8 {
				l.old = append(l.old, oldBeat{to: 1 - from, b: kept})
			}
		}
	}
}

// keep copies a beat whole: the machine makes its next one in the same memory.
func keep(b *beat.Beat) beat.Beat {
	c := *b
	c.Echoes = append([]beat.Echo(nil), b.Echoes...)
	c.Layers = append([]beat.Layer(nil), b.Layers...)
	c.Modes.Set = append([]beat.Mode(nil), b.Modes.Set...)
	return c
}

// carrier is what a node sees on a link's own port.
func (w *world) carrier(of int, l *link) beat.Tri {
	if !l.direct {
		return beat.Yes
	}
	if !w.nodes[1-of].powered || l.cut[0] && l.cut[1] {
		return beat.No
	}
	return beat.Yes
}

// carriers tells both nodes of the direct cable's present state.
func (w *world) carriers() {
	for _, n := range w.nodes {
		w.after(w.between(time.Millisecond, 4*time.Millisecond), n.seeLinks)
	}
}

// lan tells whether packets pass from one node to the other over the store's network.
func (w *world) lan(from int) bool { return !w.links[1].cut[from] }

// cutPower is what an order that takes effect does.
func (w *world) cutPower(d *device, by string) {
	if d.off {
		return
	}
	d.off = true
	n := w.nodes[d.feeds]
	w.logf("%s is switched off by %s", d.name, by)
	if !w.dark(d.feeds) || n.cut {
		return
	}
	n.cut, n.cutLive, n.cutAt = true, n.powered, w.now
	w.cuts++
	if n.powered {
		w.liveCuts++
	}
	w.logf("%s has no power any more", n.name)
	w.after(n.holdup, func() {
		if n.cut && n.cutAt+n.holdup == w.now {
			n.powerOff()
		}
	})
}

func (w *world) restorePower(d *device) {
	if !d.off {
		return
	}
	d.off, d.left = false, [2]bool{}
	w.logf("%s is switched on again", d.name)
	n := w.nodes[d.feeds]
	n.halted = false
	n.cut = w.dark(d.feeds)
	n.powerOn()
}

func tri(b bool) beat.Tri {
	if b {
		return beat.Yes
	}
	return beat.No
}

func bootName(n int) string { return fmt.Sprintf("boot-%d", n) }
