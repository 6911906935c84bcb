package failover

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// bench is a small dry world for scenarios: up to two machines, their links,
// supplies and resources, with exact times and no chance. Whatever a scenario
// does not change works, quickly.
type bench struct {
	now    time.Duration
	queue  queue
	order  int
	nodes  []*benchNode
	cuts   map[string]bool          // "LINK FROM>TO"
	delays map[string]time.Duration // of a link's beats
	policy Policy                   // of both nodes, as alpha has it
	alive  bool                     // the ping group
	// supplies are what a scenario says of the devices' batteries, by the node that they feed.
	supplies map[string]supply
	tell     func(n *benchNode, p *Plan)
	record   func(n *benchNode, e Event) // what each node is told; may be nil
}

// benchNode is one node of the bench.
type benchNode struct {
	name      string
	machine   *Machine
	policy    Policy
	state     State    // durable
	began     State    // when the daemon started
	stalls    bool     // since the daemon started
	kernel    int      // counts boots
	starts    int      // counts daemon starts
	had       []string // what only the active node may run, in the configuration of the kept state,
	hadIn     int      // and its kernel
	powered   bool
	crashed   bool              // powered, and dead
	running   map[string]string // resources: "up", "warm" (runs, not promoted), "down" (runs, does not answer), "unknown"; absent: stopped
	pids      int
	late      time.Duration // the machine is not called before (a stall)
	version   uint64        // of its beats' wire form
	hands     map[string]hand
	ping      string // override: yes, no, unknown
	truth     map[string]beat.Tri
	unplug    map[string]bool // links whose own port is dead
	fences    bool            // orders reach the device
	dark      map[string]bool // devices whose output is off
	shown     []Reason
	kept      string   // the last state shown
	reads     []string // devices whose reading was shown
	verifying bool     // a probe through the virtual IP was shown
	asked     bool     // an analysis was shown since beats went missing
}

// hand is how an action fares: after a time, with an error, or never.
type hand struct {
	word string // ok, fail, hang, lie (a device says off and does nothing), deaf (acts and does not answer)
	took time.Duration
}

type later struct {
	at    time.Duration
	order int
	do    func()
}

type queue []later

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, k int) bool {
	return q[i].at < q[k].at || q[i].at == q[k].at && q[i].order < q[k].order
}
func (q queue) Swap(i, k int) { q[i], q[k] = q[k], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(later)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (b *bench) after(d time.Duration, do func()) {
	b.order++
	heap.Push(&b.queue, later{b.now + d, b.order, do})
}

// run lets time pass.
func (b *bench) run(d time.Duration) {
	end := b.now + d
	for {
		next, node := end, (*benchNode)(nil)
		for _, n := range b.nodes {
			if n.machine == nil {
				continue
			}
			if at := max(n.machine.plan.Wake, n.late, b.now); at < next {
				next, node = at, n
			}
		}
		if len(b.queue) > 0 && b.queue[0].at <= next {
			l := heap.Pop(&b.queue).(later)
			b.now = max(b.now, l.at)
			l.do()
			continue
		}
		b.now = next
		if node == nil {
			return
		}
		b.decide(node)
	}
}

// give hands an event to a node's machine, and lets it decide.
func (b *bench) give(n *benchNode, e Event) {
	if n.machine == nil {
		return
	}
	if b.record != nil {
		b.record(n, e)
	}
	n.machine.Apply(b.now, e)
	if b.now >= n.late {
		b.decide(n)
	}
}

func (b *bench) decide(n *benchNode) {
	p := n.machine.Decide(b.now)
	b.tell(n, &p)
	if p.Beat != nil {
		b.send(n, *p.Beat)
	}
	for _, a := range p.Actions {
		b.carryOut(n, a)
	}
}

func (b *bench) node(name string) *benchNode {
	for _, n := range b.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (b *bench) other(n *benchNode) *benchNode {
	for _, o := range b.nodes {
		if o != n {
			return o
		}
	}
	return nil
}

// path tells whether a link carries from one node to the other.
func (b *bench) path(link string, from, to *benchNode) bool {
	return from.powered && to.powered && !from.crashed && !to.crashed && !b.cuts[link+" "+from.name+">"+to.name] && !from.unplug[link] && !to.unplug[link]
}

func (b *bench) send(n *benchNode, said beat.Beat) {
	peer, version := b.other(n), n.version
	for _, l := range n.policy.Links {
		link := l.Name
		if peer == nil || !b.path(link, n, peer) {
			continue
		}
		b.after(cmp.Or(b.delays[link], time.Millisecond), func() {
			switch {
			case !peer.powered:
			case version != peer.version:
				b.give(peer, SignOfLife{Link: link, Taken: b.now, Version: version})
			default:
				b.give(peer, BeatHeard{Link: link, Beat: said, Taken: b.now})
			}
		})
	}
}

// startDaemon starts a node's machine with its durable state.
func (b *bench) startDaemon(n *benchNode, lost bool) {
	n.starts++
	boot := Boot{KernelBoot: n.name[:1] + itoa(uint64(n.kernel)), JournalLost: lost, Fresh: n.hadIn > 0 && n.hadIn < n.kernel} //nolint:gosec // small counts
	boot.Incarnation, _ = parseID(n.name[:1] + itoa(uint64(n.kernel*10+n.starts)))                                             //nolint:gosec // small counts
	if n.hadIn == n.kernel {
		boot.Left = n.policy.Lacks(n.had)
	}
	n.began, n.stalls = n.state, false
	n.machine = New(n.policy, n.state, boot, b.now)
	b.linkStates(n)
	b.poll(n, n.machine)
	b.give(n, Tick{})
}

// linkStates tells a node about its links.
func (b *bench) linkStates(n *benchNode) {
	peer := b.other(n)
	for _, l := range n.policy.Links {
		e := LinkState{Link: l.Name, Health: beat.OK, Taken: b.now}
		switch {
		case n.truth["link "+l.Name] == beat.Unknown && n.hands["link "+l.Name].word == "dead":
			e.Health = beat.HealthUnknown
		case n.unplug[l.Name]:
			e.Health = beat.Down
		}
		if l.Direct {
			e.Carrier = beat.No
			if peer != nil && peer.powered && !b.cuts[l.Name+" "+n.name+">"+peer.name] && !n.unplug[l.Name] && !peer.unplug[l.Name] {
				e.Carrier = beat.Yes
			}
		}
		b.give(n, e)
	}
}

// poll is the regular question to the ping group.
func (b *bench) poll(n *benchNode, m *Machine) {
	if n.machine != m || !n.powered {
		return
	}
	b.give(n, PingGroup{Reachable: b.reach(n), Asked: b.now})
	b.after(200*time.Millisecond, func() { b.poll(n, m) })
}

func (b *bench) reach(n *benchNode) beat.Tri {
	if n.ping != "" {
		t, _ := parseWord[beat.Tri](n.ping, beat.TriNames)
		return t
	}
	if !b.alive || n.unplug["lan"] {
		return beat.No
	}
	return beat.Yes
}

// fedBy is the node that a device feeds.
func (b *bench) fedBy(n *benchNode, device string) (fed *benchNode) {
	for _, d := range n.policy.Devices {
		for _, name := range d.Feeds {
			if o := b.node(name); d.Name == device && o != nil {
				fed = o
			}
		}
	}
	return fed
}

// setOutlet switches one device. A node has power while every level has an outlet that is on.
func (b *bench) setOutlet(n *benchNode, device string, on bool) {
	n.dark[device] = !on
	lit := map[int]bool{}
	for _, d := range n.policy.Devices {
		if slices.Contains(d.Feeds, n.name) {
			lit[d.Level] = lit[d.Level] || !n.dark[d.Name]
		}
	}
	powered := true
	for _, some := range lit {
		powered = powered && some
	}
	b.setPower(n, powered)
}

// setOutlets switches all the outlets that feed a node at once.
func (b *bench) setOutlets(n *benchNode, on bool) {
	for _, d := range n.policy.Devices {
		if slices.Contains(d.Feeds, n.name) {
			n.dark[d.Name] = !on
		}
	}
	b.setPower(n, on)
}

// setPower is what its supplies do to a node.
func (b *bench) setPower(n *benchNode, on bool) {
	if n.powered == on {
		return
	}
	n.powered, n.machine, n.late, n.crashed = on, nil, 0, false
	clear(n.running)
	for _, o := range b.nodes {
		if o.machine != nil {
			b.linkStates(o)
		}
	}
	if on {
		b.boot(n, n.handOf("boot", "", 0).took)
	}
}

// boot starts a machine's kernel now, and its daemon once it has booted.
func (b *bench) boot(n *benchNode, takes time.Duration) {
	n.kernel++
	n.starts = 0
	kernel := n.kernel
	start := func() {
		if n.powered && n.kernel == kernel && n.machine == nil {
			b.startDaemon(n, false)
		}
	}
	if takes == 0 {
		start()
		return
	}
	b.after(takes, start)
}
