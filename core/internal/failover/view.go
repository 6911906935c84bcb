package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// View is the machine's state for people: status pages, reports, the console.
type View struct {
	Role       beat.Role
	Generation uint64
	Decision   string     // one sentence
	Modes      []ModeView // all that hold, wherever they were asked for
	Redundant  bool       // both up, one active, the other able to take over
	NotWhole   string     // of an active node that is not redundant: why; empty: as it was told
	Phase      string
	PingGroup  beat.Tri
	Peer       PeerView
	Links      []LinkView
	Resources  []ResourceView
	Devices    []DeviceView
	Alarms     []Alarm
	// Failback is when this node hands back to the primary if all stays as it is; 0: it does not.
	Failback time.Duration
	// Failover is the last or running change of the active role; Generation 0: none since start.
	Failover Failover
}

// ModeView is one mode. Left counts down to its end, below 0 where it is over its
// time; it means nothing for one without an end.
type ModeView struct {
	Kind beat.ModeKind
	Name string // of the node or the resource; empty for maintenance
	Left time.Duration
	Ends bool
}

// PeerView is what is known of the peer.
type PeerView struct {
	Name        string
	Role        beat.Role // as last told
	Heard       bool
	Silent      bool
	LastHeard   time.Duration // 0: never
	Generation  uint64
	LastActive  uint64 // generation in which it was last active
	Incarnation beat.ID
	Off         bool // every supply read off in this silence
	// What its newest beat said of itself.
	PingGroup beat.Tri
	CutMe     bool
	Layers    []beat.Layer
}

// LinkView is one link.
type LinkView struct {
	Name      string
	Health    beat.Health
	Carrier   beat.Tri
	LastHeard time.Duration // 0: never
	Heard     uint64
	Old       uint64 // beats dropped because a newer one was heard
}

// ResourceView is one resource. State is "started", "warm", "stopped", "starting",
// "stopping", "failed", "blocked" or "unknown".
type ResourceView struct {
	Name     string
	State    string
	Wanted   bool // wanted running on this node
	Health   beat.Health
	Message  string
	PID      int
	Restarts int
	Managed  bool
	Since    time.Duration
}

// DeviceView is one fence device.
type DeviceView struct {
	Name  string
	Level int
	Power beat.Tri
	Read  time.Duration
	Err   string
}

// Failover is one change of the active role towards this node, with its phases.
type Failover struct {
	Kind       string // "failover", "switchover", "drill", "start"
	Generation uint64
	Began      time.Duration // last beat heard (failover), first stop on the giver (switchover, drill), or boot agreement
	Done       time.Duration // service verified; 0: not yet
	OK         bool
	Phases     []Phase
}

// Phase is one step: detect, analyse, fence (of a failover), stop (of a planned
// change), address, storage, start, verify, announce, devices (of a drill). End 0:
// still running.
type Phase struct {
	Name       string
	Start, End time.Duration
	OK         bool
	Detail     string
}

// View shows the machine to people. What it returns is the caller's own.
func (m *Machine) View(now time.Duration) View {
	now = max(now, m.now)
	defer func(wake time.Duration) { m.wake = wake }(m.wake) // what is only looked at promises no call
	v := View{
		Role: m.role, Generation: m.state.Generation, Decision: m.decision(), PingGroup: m.ping.reach,
		Redundant: m.redundant(), Alarms: slices.Clone(m.standing), Failover: m.failover, Phase: m.openPhase(), Failback: m.failbackDue(),
		Peer: PeerView{
			Name: m.p.Peer, Role: m.peer.b.Role, Heard: m.quiet.heard, Silent: m.quiet.silent, LastHeard: m.peer.heardAt,
			Generation: m.peer.b.Generation, LastActive: m.peer.b.LastActive, Incarnation: m.peer.b.Incarnation, Off: m.quiet.off,
			PingGroup: m.peer.b.PingGroup, CutMe: m.peer.b.CutMe, Layers: slices.Clone(m.peer.b.Layers),
		},
	}
	v.Failover.Phases = slices.Clone(m.failover.Phases)
	for _, o := range m.modes {
		v.Modes = append(v.Modes, ModeView{Kind: o.kind, Name: o.name, Left: o.end - m.clock() - (now - m.now), Ends: o.end != 0})
	}
	if m.active() && !v.Redundant {
		v.NotWhole = m.partOnly()
	}
	for i := range m.links {
		l := &m.links[i]
		v.Links = append(v.Links, LinkView{l.name, l.health, l.carrier, l.takenAt, l.heard, l.old})
	}
	for i := range m.resources {
		v.Resources = append(v.Resources, m.resourceView(i))
	}
	for i := range m.devices {
		d := &m.devices[i]
		v.Devices = append(v.Devices, DeviceView{d.name, max(d.cfg.Level, 1), d.power, d.readAt, d.err})
	}
	return v
}

// redundant: both nodes up, one active and serving, the other able to take over.
func (m *Machine) redundant() bool {
	p := &m.peer
	if !m.quiet.heardBoth(p) || m.modeOf(beat.Maintenance, "") != nil {
		return false
	}
	if m.active() {
		return m.partOnly() == ""
	}
	down := m.mains.rest == awake && m.layerDown((*resource).layer) != ""
	return p.b.Role == beat.Active && m.ready() && !m.blockedHere() && !m.inDoubt() && !down
}

func (m *Machine) openPhase() string {
	for i := range m.failover.Phases {
		if p := &m.failover.Phases[i]; p.End == 0 {
			return p.Name
		}
	}
	return ""
}

func (m *Machine) resourceView(i int) ResourceView {
	r := &m.resources[i]
	want := m.wanted(i)
	v := ResourceView{
		Name: r.name, Wanted: want > gone, Health: r.health, Message: r.message, PID: r.pid, Restarts: r.restarts,
		Managed: m.managed(i), Since: r.since,
	}
	if r.running == beat.No {
		v.PID = 0 // kept for the word on a restart
	}
	switch {
	case r.op == StartResource || r.op == RestartResource || r.op == PromoteResource:
		v.State = "starting"
	case r.op == StopResource || r.op == DemoteResource:
		v.State = "stopping"
	case r.blocked:
		v.State = "blocked"
	case r.failed || r.stopFailed:
		v.State = "failed"
	case r.stage() == full:
		v.State = "started"
	case r.stage() == warm:
		v.State = "warm"
	case r.stage() == gone:
		v.State = "stopped"
	default:
		v.State = "unknown"
	}
	return v
}

// decision is the present decision in one sentence.
func (m *Machine) decision() string {
	p, q := &m.peer, &m.quiet
	peer := m.p.Peer
	s := m.role.String() + "; "
	switch {
	case !m.adopted:
		return s + "looking at what runs here"
	case m.resetting:
		return s + "resetting itself"
	case m.giving.kind != notGiving:
		return s + "giving up the active role: " + m.giving.why
	case m.taking.kind != notTaking:
		return s + "becoming active in generation " + itoa(m.state.Generation)
	case m.given.Generation > 0:
		return s + peer + " was granted generation " + itoa(m.given.Generation)
	case m.mains.rest != awake:
		return s + "resting: " + m.mains.rest.String()
	case q.blind:
		return s + "no link works: nothing can be said about " + peer
	case q.strange:
		return s + m.strangeness()
	case q.silent && m.removed(peer):
		return s + peer + " is removed"
	case q.off:
		return s + peer + " is off"
	case q.silent && m.active() && m.state.Alone:
		return s + peer + " was off and is not heard yet"
	case q.silent && m.veto() != "":
		return s + peer + " is silent; it is not cut: " + m.veto()
	case q.silent && m.ordering():
		return s + peer + " is silent; its power was ordered off"
	case q.silent && m.held():
		return s + peer + " is silent; it is not cut unless an operator says so: its turns are in doubt"
	case q.silent:
		return s + peer + " is silent; waiting for the turn to cut it"
	case q.heard && m.ordering():
		return s + "peer " + peer + " is heard; an order to cut it may still act"
	case q.heard:
		return s + "peer " + peer + " is " + p.b.Role.String() + " and heard on " + m.heardOn()
	case p.heardAt == 0:
		return s + "waiting for " + peer + ", until " + (q.base - m.began).Round(time.Second).String() + " after this start"
	}
	return s + peer + " is late"
}

func (m *Machine) heardOn() string {
	n := 0
	for i := range m.links {
		if l := &m.links[i]; l.takenAt > 0 && m.now-l.takenAt < m.dead() {
			n++
		}
	}
	if n == 1 {
		return "1 link"
	}
	return itoa(uint64(n)) + " links" //nolint:gosec // a count
}
