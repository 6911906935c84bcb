package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// node is one machine with its daemon.
type node struct {
	w      *world
	id     int
	name   string
	policy failover.Policy
	drift  time.Duration // parts per million by which its clock is fast

	powered  bool
	broken   bool // does not boot, whatever its supply says
	repaired bool // it was taken away
	halted   bool // shut down in order: it boots when its supply was off in between
	battery  battery
	cut      bool // a level of its supplies is off
	cutLive  bool // the last cut hit a machine that ran
	cutAt    time.Duration
	holdup   time.Duration // its power supply lets it run on so long
	bootedAt time.Duration
	boots    int

	machine     *failover.Machine // nil: the daemon does not run
	incarnation beat.ID           // of its newest start
	version     uint64            // of its beats' wire form
	starts      uint64
	life        int // counts the daemon's lives; answers to an earlier one are lost
	wakes       int // counts wake-ups; only the newest one counts

	saved     failover.State // what is on disk
	lost      bool           // the journal cannot be read at the next start
	running   [resourceCount]bool
	promoted  bool // the warm layer has its data
	pid       [resourceCount]int
	pids      int
	failStart int // this many starts fail
	stuckStop bool
	stuckData bool // nothing stops the data
	dbBroken  bool // the database does not start
	dbUnread  bool // nothing can be found out of the database

	ping      bool // it reaches the ping group
	disk      bool // it takes writes
	lanPlugin bool // the plugin of the second link works
	stalled   time.Duration
	inbox     []failover.Event
	sight     sight
	asking    time.Duration // the service owes an answer until then
	asks      time.Duration // when a beat last asked for it to be cut
	together  bool          // the ping group has been dead for both since it is for this node
	refused   bool          // it was told to leave, and cannot hand over
	grants    bool          // its newest beat carries a grant
	told      uint64        // the newest generation in a beat of the peer since the boot
	served    uint64        // the generation in which it started the data last, and its boot then
	servedIn  int
	right     uint64 // the generation that its disk last knew it active in, in the boot rightIn
	rightIn   int
	ranIn     int            // the boot in which a daemon last began
	lapsed    uint64         // of LapsingGrant: the newest grant that may lapse,
	before    failover.State // and the state on disk before it
	unsure    bool           // it began without its journal
	forgot    bool           // it ended while it could not keep what it had just ordered
	unkept    bool           // its newest state could not be kept
	ordering  time.Duration  // when it last gave an order, and for how long that may act
}

// configure gives the node a configuration; what it measured of its devices stays.
func (n *node) configure(p failover.Policy) {
	p.Self, p.Peer, p.Primary = n.name, names[1-n.id], n.id == n.w.primary
	p.Devices = slices.Clone(p.Devices)
	for i := range p.Devices {
		for _, old := range n.policy.Devices {
			if old.Name == p.Devices[i].Name {
				p.Devices[i].Measured = old.Measured
			}
		}
	}
	for _, d := range n.w.supply {
		owed := d.off || n.w.now < n.ordering // or may be soon
		d.left[n.id] = d.left[n.id] || owed && !slices.ContainsFunc(p.Devices, func(c failover.Device) bool { return c.Name == d.name })
	}
	n.policy = p
	n.feed(failover.PolicyChanged{Policy: p})
}

// local is the machine's own clock: time since its boot, a little fast or slow.
func (n *node) local() time.Duration {
	since := n.w.now - n.bootedAt
	return time.Second + since + since*n.drift/1_000_000
}

// world turns a span of the machine's clock into one of the world's.
func (n *node) span(d time.Duration) time.Duration { return d - d*n.drift/1_000_000 }

func (n *node) powerOn() {
	if n.powered || n.broken || n.repaired || n.halted || n.cut || n.battery.empty {
		return
	}
	n.powered, n.told = true, 0
	n.bootedAt = n.w.now
	n.boots++
	n.w.logf("%s boots", n.name)
	n.w.carriers()
	if n.w.o.Bug == NoBootRule && n.saved.Active {
		for i := range n.running {
			n.running[i] = true
		}
	}
	boot := n.boots
	n.w.after(n.w.between(500*time.Millisecond, 2500*time.Millisecond), func() {
		if n.powered && n.boots == boot {
			n.startDaemon()
		}
	})
}

func (n *node) powerOff() {
	if !n.powered {
		return
	}
	n.powered = false
	n.stopDaemon()
	n.running, n.promoted = [resourceCount]bool{}, false
	n.w.carriers()
}

// startDaemon makes a new machine from what is on disk.
func (n *node) startDaemon() {
	if !n.powered || n.machine != nil {
		return
	}
	n.starts++
	n.life++
	n.incarnation = beat.ID(n.w.rng.Uint64() | 1)
	b := failover.Boot{
		Incarnation: n.incarnation, KernelBoot: n.name + bootName(n.boots), JournalLost: n.lost, Fresh: n.ranIn != n.boots,
	}
	n.ranIn = n.boots
	if n.lost {
		n.saved, n.unsure, n.told = failover.State{}, true, 0
		if peer := n.w.nodes[1-n.id]; peer.unsure { // nobody is left who could know
			peer.told = 0
		}
	}
	n.w.logf("%s: the daemon starts, generation %d on disk, journal lost: %v", n.name, n.saved.Generation, b.JournalLost)
	n.machine = failover.New(n.policy, n.saved, b, n.local())
	n.stalled, n.asking, n.inbox = 0, 0, nil
	n.sight = sight{begun: n.w.now, told: n.sight.told, cutOff: n.sight.cutOff, ordering: n.sight.ordering}
	n.seeLinks()
	n.everyDay()
	n.decide()
}

func (n *node) stopDaemon() {
	if n.machine == nil {
		return
	}
	n.machine = nil
	n.forgot = n.forgot || n.w.now < n.ordering || !n.disk || n.unkept
	n.life++
	n.inbox = nil
}

// hear takes a beat from a link.
func (n *node) hear(l *link, b beat.Beat) {
	if n.machine == nil || !n.carries(l) {
		return
	}
	if version := n.w.nodes[1-n.id].version; version != n.version {
		n.feed(failover.SignOfLife{Link: l.name, Taken: n.local(), Version: version})
		return
	}
	n.told = max(n.told, b.Generation)
	if n.stalled <= n.w.now && n.w.nodes[1-n.id].machine != nil { // else it is an old one
		n.see(&b)
	}
	n.feed(failover.BeatHeard{Link: l.name, Beat: b, Taken: n.local()})
}

// carries tells whether a link's plugin works.
func (n *node) carries(l *link) bool { return l != n.w.links[1] || n.lanPlugin }

// seeLinks tells the machine of its links' own state.
func (n *node) seeLinks() {
	if n.machine == nil {
		return
	}
	for _, l := range n.w.links {
		health := beat.OK
		if !n.carries(l) {
			health = beat.HealthUnknown
		}
		n.feed(failover.LinkState{Link: l.name, Health: health, Carrier: n.w.carrier(n.id, l), Taken: n.local()})
	}
}

// feed gives the machine one fact and does what it then wants. A stalled
// daemon finds its facts later, all at once.
func (n *node) feed(e failover.Event) {
	if n.machine == nil {
		return
	}
	n.obeys(e)
	if n.stalled > n.w.now {
		n.inbox = append(n.inbox, e)
		return
	}
	n.machine.Apply(n.local(), e)
	n.decide()
}

// lapse takes a grant back that nobody seems to have taken: the giver goes on as before it.
func (n *node) lapse(given uint64) {
	n.lapsed = given
	n.later(time.Second, func() {
		if n.before.Generation == 0 || n.saved.Active || n.machine.View(n.local()).Peer.Role == beat.Active {
			return
		}
		n.w.logf("%s takes its grant back", n.name)
		n.stopDaemon()
		n.saved, n.running, n.promoted = n.before, [resourceCount]bool{true, true, true, true, true}, true
		n.startDaemon()
	})
}

// stall stops the daemon for a while, as a swapped-out process is.
func (n *node) stall(d time.Duration) {
	if n.machine == nil {
		return
	}
	n.stalled = max(n.stalled, n.w.now+d)
	n.w.logf("%s stalls for %v", n.name, d)
	life := n.life
	n.w.after(d, func() {
		if n.life != life || n.stalled > n.w.now {
			return
		}
		missed := n.inbox
		n.inbox = nil
		deaf := n.w.chance(0.3) // a machine that stood still took no beats either
		for _, e := range missed {
			if _, beat := e.(failover.BeatHeard); !beat || !deaf {
				n.machine.Apply(n.local(), e)
			}
		}
		if d > 3*n.policy.Interval {
			n.sight.slept, n.sight.service = n.w.now, 0
		}
		n.decide()
	})
}

// decide asks the machine for its plan and begins to carry it out.
func (n *node) decide() {
	if n.stalled > n.w.now {
		return
	}
	now := n.local()
	plan := n.machine.Decide(now)
	for _, note := range plan.Notes {
		if note.Kind == "handover-begun" && strings.HasSuffix(note.Text, "the primary has been well for a while") {
			n.w.failbacks++
		}
		n.w.logf("%s: %s %s: %s", n.name, note.Kind, note.Object, note.Text)
	}
	for _, answer := range plan.Answers {
		n.refused = n.refused || answer.ID == leaveID && answer.Err != ""
	}
	if plan.Beat != nil {
		if plan.Beat.CutMe {
			n.asks = n.w.now
		}
		n.grants = plan.Beat.Grant.Generation > 0
		n.w.checkGrant(n, plan.Beat.Grant)
		n.w.send(n.id, plan.Beat)
		if n.w.o.Bug == LapsingGrant && plan.Beat.Grant.Generation > n.lapsed {
			n.lapse(plan.Beat.Grant.Generation)
		}
	}
	for _, a := range plan.Actions {
		n.w.logf("%s does %s %s%s", n.name, a.ID, a.Resource, a.Device)
		n.begin(a)
	}
	if plan.Wake == 0 {
		n.w.fail("%s: a plan without a time to wake", n.name)
		return
	}
	n.wakes++
	wake, life := n.wakes, n.life
	late := n.w.between(0, 300*time.Microsecond)
	if n.w.chance(0.0005) {
		late = n.w.between(0, n.policy.Interval/2)
	}
	n.w.after(max(0, n.span(plan.Wake-now))+late, func() {
		if n.wakes == wake && n.life == life && n.machine != nil {
			n.decide()
		}
	})
}

// everyDay asks what a daemon asks regularly: the ping group at every interval,
// monitors and the service's probe every second, fence devices every two.
func (n *node) everyDay() {
	life := n.life
	var repeat func(every time.Duration, ask func())
	repeat = func(every time.Duration, ask func()) {
		n.w.after(every, func() {
			if n.life != life {
				return
			}
			ask()
			repeat(every, ask)
		})
	}
	n.askPing()
	n.monitor()
	repeat(max(n.policy.Interval, 100*time.Millisecond), n.askPing)
	repeat(time.Second, n.monitor)
	repeat(2*time.Second, n.readDevices)
}

func (n *node) askPing() {
	asked := n.local()
	if n.ping {
		n.later(n.w.between(200*time.Microsecond, 5*time.Millisecond), func() {
			n.feed(failover.PingGroup{Reachable: beat.Yes, Asked: asked})
		})
		return
	}
	n.later(40*time.Millisecond, func() { n.feed(failover.PingGroup{Reachable: beat.No, Asked: asked}) })
}

func (n *node) monitor() {
	for i := range n.policy.Resources {
		n.later(n.w.between(time.Millisecond, 5*time.Millisecond), func() { n.feed(n.state("", i)) })
	}
	asked := n.local()
	n.later(n.w.between(time.Millisecond, 10*time.Millisecond), func() {
		n.feed(failover.ServiceProbe{Health: n.service(), Asked: asked})
	})
}

func (n *node) state(id string, i int) failover.ResourceState {
	e := failover.ResourceState{ID: id, Resource: n.policy.Resources[i].Name, Running: tri(n.running[i]), Health: beat.Down}
	if i == resourceDB && n.dbUnread {
		e.Running = beat.Unknown
		return e
	}
	if n.running[i] {
		e.Health, e.PID = beat.OK, n.pid[i]
		if i == resourceWarm {
			e.Promoted = tri(n.promoted)
		}
	}
	return e
}

// service is what a probe through the virtual IP finds from this node.
func (n *node) service() beat.Health {
	peer := n.w.nodes[1-n.id]
	if n.running[resourceAddress] {
		if n.running[resourceDB] {
			return beat.OK
		}
		return beat.Down
	}
	if peer.powered && peer.running[resourceAddress] && peer.running[resourceDB] && n.w.lan(0) && n.w.lan(1) {
		return beat.OK
	}
	return beat.Down
}

// later lets something happen unless the daemon ends before.
func (n *node) later(d time.Duration, do func()) {
	life := n.life
	n.w.after(d, func() {
		if n.life == life && n.machine != nil {
			do()
		}
	})
}
