package failover

import (
	"slices"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// Machine is one node's decision maker. It is not safe for concurrent use.
type Machine struct {
	p     Policy
	boot  Boot
	began time.Duration // when the daemon started
	now   time.Duration // of the present call
	wake  time.Duration // promised to be asked again by then; 0 before the first Decide

	role    beat.Role
	resumed bool   // only the daemon started anew: the kernel, and so whatever ran, stayed
	served  bool   // the daemon before this one served, or may have: its journal is lost
	adopted bool   // rights after the start are settled
	rights  uint64 // version of the state that must be durable before any start

	links     []link
	peer      peer
	ping      ping
	evidence  evidence
	quiet     silence
	devices   []device
	topology  topology
	news      news
	order     order
	word      bool // an operator said that the peer is off, in this silence
	ask       ask  // an operator's fence
	drill     drill
	voided    time.Duration // readings up to here are void: a stall
	anew      time.Duration // the wait for silence starts anew from here: a stall, or the ping group's return
	resources []resource

	taking  taking
	giving  giving
	given   beat.Grant    // outstanding
	gaveAt  time.Duration // when the giving of it began
	refused beat.Grant    // the peer's grant that we refused
	cutMe   bool
	asking  time.Duration // since when this node asks to be cut; 0: it does not
	askedAt time.Duration // when a beat last asked the peer for it; 0: none did
	mains   mains
	settled time.Duration // since when the cluster is whole, for failback
	back    failbacks
	apart   isolation
	going   retry         // of the hand-over of a node in standby mode
	idle    time.Duration // since when nobody is active although both are heard
	calm    time.Duration // when the active role was last about to change
	unready time.Duration // since when a heard standby could not take over
	leaving time.Duration // planned silence until then
	// roleSaid is the first beat that tells the present role.
	roleSaid uint64
	// resetting: the watchdog is no longer fed. resetKept is the state's version that says so.
	resetting bool
	resetKept uint64

	state     State
	store     store
	clockBase time.Duration // running time at began
	modes     []mode
	commands  []Command

	failover Failover
	verify   verify

	seq      uint64
	actions  int // numbers IDs
	nextBeat time.Duration
	urgent   bool // say something at once

	plan     Plan
	deciding bool   // inside Decide; else
	notes    []Note // for the next plan
	changed  bool   // for the next plan
	standing []Alarm
	touched  []bool // which standing alarms still hold
	object   objects
	last     outline
}

// objects are the names of alarms' objects, made once.
type objects struct {
	self, peer, store string
	links             []string
	devices           []string
	resources         []string
}

// outline is what Plan.Changed compares.
type outline struct {
	role     beat.Role
	peerRole beat.Role
	silent   bool
	heard    bool
	off      bool
	phase    int
	giving   givingKind
	gen      uint64
}

// New makes a machine from what survived (State; zero on a first start) and
// what the daemon knows of its start.
func New(p Policy, s State, b Boot, now time.Duration) *Machine {
	m := &Machine{boot: b, began: now, now: now, nextBeat: now, idle: now, unready: now, role: beat.Joining}
	m.state = s
	m.state.Lost = s.Lost || b.JournalLost
	m.clockBase = s.Clock
	m.resumed = s.KernelBoot != "" && s.KernelBoot == b.KernelBoot
	m.served = b.JournalLost && !b.Fresh || m.resumed && s.Active
	m.store.generation = s.Generation
	if !m.resumed { // whatever ran ended with the kernel
		m.state.Left = nil
	}
	if m.resumed && s.Active || b.JournalLost {
		m.noteLeft(b.Left)
	}
	m.recallModes()
	m.configure(p)
	m.recallOrders()
	return m
}

// recallOrders: what the daemon before this one ordered may still be on its way. Without
// its journal that may be anything, and the starts after this one must know it, too.
func (m *Machine) recallOrders() {
	if m.boot.JournalLost {
		m.state.Owed, m.state.Presumed, m.state.SwitchedOn = nil, nil, nil
		for i := range m.devices {
			if d := &m.devices[i]; d.ours() {
				m.state.Presumed = append(m.state.Presumed, d.name)
				m.state.SwitchedOn = append(m.state.SwitchedOn, d.name)
			}
		}
	}
	for _, name := range slices.Concat(m.state.Owed, m.state.Presumed) {
		if d := m.orderable(name); d != nil {
			m.mayActUntil(d, m.now+d.life)
		} else { // it has another name now, or is gone from the configuration
			m.order.until = max(m.order.until, m.now+max(m.topology.against.longest(), unprovenLife)+m.p.Holdup)
		}
	}
	for _, name := range m.state.SwitchedOn {
		if d := m.orderable(name); d != nil {
			d.onUntil = m.now + max(onTimeout, d.life)
		}
	}
}

// configure takes a policy; facts about things of the same name stay.
func (m *Machine) configure(p Policy) {
	p.Interval = max(p.Interval, time.Millisecond)
	p.Deadtime = max(p.Deadtime, 3*p.Interval)
	another := p.Digest != m.p.Digest
	links, devices, resources := m.links, m.devices, m.resources
	m.p, m.links, m.devices, m.resources = p, nil, nil, nil
	m.object = objects{self: "node/" + p.Self, peer: "node/" + p.Peer, store: "store/" + p.Cluster}
	for i := range p.Links {
		l := link{name: p.Links[i].Name, direct: p.Links[i].Direct}
		if k := slices.IndexFunc(links, func(o link) bool { return o.name == l.name }); k >= 0 {
			direct := l.direct
			l = links[k]
			l.direct = direct
		}
		m.links = append(m.links, l)
		m.object.links = append(m.object.links, "link/"+l.name)
	}
	for i := range p.Devices {
		d := device{name: p.Devices[i].Name}
		if k := slices.IndexFunc(devices, func(o device) bool { return o.name == d.name }); k >= 0 {
			d = devices[k]
		}
		if d.life == 0 || d.cfg.Life != p.Devices[i].Life { // new, or the operator's word: it holds at once
			d.life, d.told = p.Devices[i].life(), p.Devices[i].life()
		}
		d.cfg = p.Devices[i]
		d.feedsPeer = slices.Contains(d.cfg.Feeds, p.Peer)
		d.feedsSelf = slices.Contains(d.cfg.Feeds, p.Self)
		m.devices = append(m.devices, d)
		m.object.devices = append(m.object.devices, "fence/"+d.name)
	}
	m.arrange()
	if m.news.toldBy > 0 || another && m.peer.heardAt > 0 { // a configuration shapes the turns, too
		m.news.toldBy = m.seq + 1
	}
	for i := range p.Resources {
		r := resource{name: p.Resources[i].Name}
		if k := slices.IndexFunc(resources, func(o resource) bool { return o.name == r.name }); k >= 0 {
			r = resources[k]
		}
		r.cfg = p.Resources[i]
		m.resources = append(m.resources, r)
		m.object.resources = append(m.object.resources, "resource/"+r.name)
	}
	m.orderResources()
	m.leaveBehind(resources)
}

// Apply folds one fact. It never acts.
func (m *Machine) Apply(now time.Duration, e Event) {
	m.now = max(m.now, now)
	switch e := e.(type) {
	case BeatHeard:
		m.hear(e)
	case SignOfLife:
		m.sign(e)
	case LinkState:
		m.linkState(e)
	case PingGroup:
		m.pingAnswer(e.Reachable, e.Asked)
	case Analysis:
		m.analysed(e)
	case FenceAnswer:
		m.fenceAnswer(e)
	case ActionDone:
		m.actionDone(e)
	case ResourceState:
		m.resourceState(e)
	case ServiceProbe:
		m.serviceProbe(e)
	case Command:
		m.commands = append(m.commands, e)
	case Persisted:
		m.persisted(e)
	case PolicyChanged:
		m.configure(e.Policy)
		m.urgent = true
	case Late:
		m.stalled(e.By)
	case Tick:
	}
}

// Decide says what to do now.
func (m *Machine) Decide(now time.Duration) Plan {
	m.open(now)        // S9: a late call is a stall
	m.weighMains()     // rest on battery
	m.weighSilence()   // S5: who is heard, who is silent
	m.adoptLives()     // of fence orders, for both nodes' turns
	m.keepLives()      // for a later start
	m.settleRights()   // what a start may adopt; S3: of two actives one stops
	m.obey()           // operators' commands
	m.keepModes()      // S10
	m.analyse()        // ask for evidence while beats are missing
	m.rehearse()       // drills
	m.fence()          // S6: orders in turn; S2: readings; S7: power on again
	m.agree()          // S4 and S11: grants taken and given
	m.takeOver()       // S2 and S3
	m.handOver()       // S11: switchover, isolation, failback
	m.resetSelf()      // S3: what must stop and cannot
	m.runResources()   // order, monitors, restarts
	m.verifyService()  // probe through the virtual IP
	m.save()           // what must be durable
	m.shutHostDown()   // at the end of a rest
	m.weighCondition() // alarms
	m.say()            // beat
	return m.close()
}

// open begins a new plan.
func (m *Machine) open(now time.Duration) {
	m.now = max(m.now, now)
	p := &m.plan
	*p = Plan{
		Actions: p.Actions[:0], Why: p.Why[:0], Raised: p.Raised[:0], Cleared: p.Cleared[:0],
		Answers: p.Answers[:0], Notes: append(p.Notes[:0], m.notes...), Changed: m.changed,
	}
	m.notes, m.changed, m.deciding = m.notes[:0], false, true
	if m.wake > 0 && m.now-m.wake > m.p.Interval {
		m.stalled(m.now - m.wake)
	}
	m.wake = 0
}

// stalled is S9: what was known before the stall says nothing any more.
func (m *Machine) stalled(by time.Duration) {
	m.anew, m.voided = m.now, m.now
	m.evidence.forget()
	m.ping.reach, m.ping.asked = beat.Unknown, 0
	m.word = false
	m.note("stalled", m.object.self, "this node slept through "+spoken.Duration(by)+" of its time; its wait starts anew")
}

// close ends the plan with the time of the next call.
func (m *Machine) close() Plan {
	m.wakeAt(m.nextBeat)
	m.plan.Wake = m.wake
	o := outline{
		m.role, m.peer.b.Role, m.quiet.silent, m.quiet.heard, m.quiet.off,
		len(m.failover.Phases), m.giving.kind, m.state.Generation,
	}
	m.plan.Changed = m.plan.Changed || m.changed || o != m.last || len(m.plan.Notes)+len(m.plan.Raised)+len(m.plan.Cleared) > 0
	m.last, m.deciding, m.changed = o, false, false
	return m.plan
}

// wakeAt asks to be called at t, if t lies ahead.
func (m *Machine) wakeAt(t time.Duration) {
	if t > m.now && (m.wake == 0 || t < m.wake) {
		m.wake = t
	}
}

// reached tells whether t has come; if not, the machine will be asked again then.
func (m *Machine) reached(t time.Duration) bool {
	m.wakeAt(t)
	return m.now >= t
}

// act adds an action to the plan and returns its ID.
func (m *Machine) act(a Action) string {
	m.actions++
	a.ID = a.Kind.String() + "-" + strconv.Itoa(m.actions)
	m.plan.Actions = append(m.plan.Actions, a)
	m.plan.Changed = true
	return a.ID
}

func (m *Machine) note(kind, object, text string) {
	if m.deciding {
		m.plan.Notes = append(m.plan.Notes, Note{kind, object, text})
	} else {
		m.notes = append(m.notes, Note{kind, object, text})
	}
}

func (m *Machine) why(rule, code, subject string, span time.Duration) {
	m.plan.Why = append(m.plan.Why, Reason{rule, code, subject, span})
}

// clock is the node's running time.
func (m *Machine) clock() time.Duration { return m.clockBase + m.now - m.began }

// active tells whether this node is the active one, starting and stopping included.
func (m *Machine) active() bool { return m.role == beat.Active }

// setRole changes the role and tells the peer at once.
func (m *Machine) setRole(r beat.Role) {
	if m.role == r {
		return
	}
	m.role = r
	m.roleSaid = m.seq + 1
	m.urgent = true
	m.note("role", m.object.self, "this node is "+r.String())
}
