// Package failover decides: who is active, when a silent peer is cut, what is
// started, stopped, restarted and in which order. It is a pure machine: facts
// and times go in (Apply), a plan comes out (Decide). It opens nothing, reads
// no clock, starts no goroutine and walks no map, so that the same facts give
// the same plan on a node, in a simulation and in a replay of last week.
//
// All times are CLOCK_MONOTONIC as a time.Duration since the machine's boot.
package failover

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// The machine's entry points, used alike by the engine (real hands), the
// simulation (dry hands) and the scenario runner:
//
//	m := New(policy, state, boot, now)
//	m.Apply(now, event)   // fold one fact; never acts
//	plan := m.Decide(now) // after every batch of facts, and at plan.Wake
//	view := m.View(now)   // for status pages; costs more than Decide
//
// Decide is level-triggered and may be called at any time. An action appears in
// one plan only; the executor answers every action exactly once, at the latest
// at its Deadline, with the event that ActionKind names. Decide must be called
// at plan.Wake: a call that comes an interval late is taken for a stall (S9).

// Plan is what Decide wants now. Its slices belong to the machine and are valid
// until the next Decide.
type Plan struct {
	Actions []Action // to begin now, in this order
	Why     []Reason // what the decision rests on; changes are what to log
	// Beat is to be sent now on every link, or nil. The sender fills Wall.
	Beat *beat.Beat
	// Wake is when to call Decide again at the latest. Never 0.
	Wake    time.Duration
	Raised  []Alarm  // conditions that began with this plan
	Cleared []Alarm  // conditions that ended with this plan
	Answers []Answer // results of operators' commands
	Notes   []Note   // things that happened, for events and the timeline
	// Changed tells that View would show something new besides times.
	Changed bool
}

// ActionKind says what is to be done, and which event answers it.
type ActionKind uint8

// The actions.
const (
	NoAction        ActionKind = iota
	Persist                    // save State durably; answer Persisted
	Analyse                    // ask ping group, peer's ICMP, ARP, services and the service through the VIP; answer Analysis within Deadline
	FenceOff                   // switch Device off, read it back; answer FenceAnswer
	FenceRead                  // read Device's output; answer FenceAnswer
	FenceOn                    // switch Device on, read it back; answer FenceAnswer
	FenceTest                  // while Device reads on, order it on and read it back; answer FenceAnswer
	StartResource              // answer ActionDone
	StopResource               // answer ActionDone
	RestartResource            // stop and start in place, as a new process; answer ActionDone with PID
	MonitorResource            // answer ResourceState
	Verify                     // probe the service through the virtual IP; answer ServiceProbe
	PromoteResource            // let a warm layer have the data; answer ActionDone
	DemoteResource             // take the data from it, its process stays; answer ActionDone
	ResetSelf                  // let the watchdog reset this machine; there is no answer
	Shutdown                   // shut this host down in order, to start again with mains; answer ActionDone where it cannot be
)

// Action is one thing to do. Fields that a kind does not use are zero.
type Action struct {
	ID       string // unique within the incarnation, e.g. "fence-off-3"
	Kind     ActionKind
	Resource string
	Device   string
	// Expiry of FenceOff, FenceOn and FenceTest: no packet may leave after it.
	Expiry time.Duration
	// Deadline: the executor answers by then, if need be with an error, and gives up.
	Deadline time.Duration
	// Mark is for the device's own memory: "cut by beta, generation 7".
	Mark  string
	State State // of Persist
}

// Event is one fact. Every event has a one-line text form: String, ParseEvent.
type Event interface {
	String() string
	isEvent()
}

// The events.
type (
	// BeatHeard is a beat with a good MAC of our cluster, as it arrived.
	BeatHeard struct {
		Link  string
		Beat  beat.Beat
		Taken time.Duration
	}
	// SignOfLife is traffic that only a living peer makes but proves nothing
	// else: a beat that fails authentication, a frame from its address. Version is
	// not 0 for an authentic beat that this node cannot read: the peer's core lives.
	SignOfLife struct {
		Link    string
		Taken   time.Duration
		Version uint64 // of the wire form
	}
	// LinkState is a link plugin's own health. Health unknown: the link neither
	// proves nor prevents silence. Carrier is Yes, No, or Unknown where the medium has none.
	LinkState struct {
		Link    string
		Health  beat.Health
		Carrier beat.Tri
		Taken   time.Duration
	}
	// PingGroup is one answer of the regular question to the ping group.
	PingGroup struct {
		Reachable beat.Tri
		Asked     time.Duration // when the question went out
	}
	// Analysis answers Analyse. Every field may be Unknown. It may be given more
	// than once with the same ID as answers come in; the last one within the deadline has Final
	// set. What the service answers later than that, within ServiceTime, is told alone.
	Analysis struct {
		ID        string
		Asked     time.Duration
		PingGroup beat.Tri
		ICMP      beat.Tri // the peer answers an echo request
		ARP       beat.Tri // the peer answers who-has
		Services  beat.Tri // one of the peer's own services answers
		Service   beat.Tri // the active's service passes its probe through the virtual IP
		Final     bool
	}
	// FenceAnswer answers every order and reading of a device; with an empty ID it
	// is a regular reading. Only Power that was READ counts.
	FenceAnswer struct {
		ID     string
		Device string
		Power  beat.Tri      // Yes: output on, No: output off
		Taken  time.Duration // when the reading arrived
		Err    string
		// OnBattery: the output comes from the battery, whose word on itself follows.
		OnBattery, BatteryLow beat.Tri
		Charge                int           // percent; 0: not told
		Runtime               time.Duration // left on battery; 0: not told
	}
	// ActionDone answers every action on a resource but MonitorResource.
	ActionDone struct {
		ID  string
		PID int
		Err string
	}
	// ResourceState is a monitor's finding, asked for (ID) or regular (empty ID).
	ResourceState struct {
		ID       string
		Resource string
		Running  beat.Tri
		Promoted beat.Tri // of a warm layer: it has the data
		Health   beat.Health
		PID      int
		Message  string
	}
	// ServiceProbe is the verify probe through the virtual IP, asked for (ID) or regular.
	ServiceProbe struct {
		ID     string
		Health beat.Health
		Asked  time.Duration
	}
	// Command is an operator's word.
	Command struct {
		ID   string
		Verb Verb
		// Name is the node or resource; Generation the one the command was given for (0: not named).
		Name       string
		Generation uint64
		For        time.Duration // of modes; 0: the default of 4 h
		Operator   string        // who, for the journal
		// Open tells that the store is open, Anyway that a drill shall begin all the same.
		Open, Anyway bool
	}
	// Persisted answers Persist.
	Persisted struct {
		ID  string
		Err string
	}
	// PolicyChanged brings a new configuration.
	PolicyChanged struct{ Policy Policy }
	// Late tells that the node slept through By of its time (S9). Decide notices
	// a late Wake itself; this is for stalls seen elsewhere (suspend, a late beat timer).
	Late struct{ By time.Duration }
	// Tick brings nothing but the time.
	Tick struct{}
)

// Verb is what an operator may ask for.
type Verb uint8

// The verbs.
const (
	NoVerb         Verb = iota
	Switchover          // hand over to the peer
	ToStandby           // Name shall not be active
	Unstandby           // ends ToStandby
	MaintenanceOn       // watch only
	MaintenanceOff      //
	Manage              // ends Unmanage of resource Name
	Unmanage            // only watch resource Name
	Cleanup             // forget failures of resource Name
	Restart             // restart resource Name in place
	Fence               // cut node Name in our turn
	FenceConfirm        // "I have seen that Name is off"
	Remove              // Name is under repair: off until readmitted
	Readmit             // ends Remove
	Adopt               // the journal is lost: go on with what this node knows
	Leave               // the daemon is about to stop for a planned reason
	Drill               // rehearse a failover: hand over, measured, with a test of the fence devices
)

// Answer is the outcome of a command. Err is one clear sentence, empty: done or begun.
type Answer struct {
	ID   string
	Verb Verb
	Err  string
}

// Severity of an alarm, worst last.
type Severity uint8

// The severities (ITU-T X.733).
const (
	Warning Severity = iota + 1
	Minor
	Major
	Critical
)

// Alarm is a condition that holds. Object and Key together are stable: the
// same condition of the same object raises and clears under the same name.
type Alarm struct {
	Object   string // e.g. "node/alpha", "link/cable", "resource/db", "fence/ups-alpha"
	Key      string // e.g. "silent", "blind", "fence-failed", "blocked"
	Severity Severity
	Text     string // one sentence for an operator
}

// Note is one thing that happened. Kind is a stable word, e.g. "peer-silent",
// "takeover-begun", "takeover-done", "fence-ordered", "fence-confirmed",
// "resource-restarted", "stalled", "grant-given", "grant-taken", "drill-done".
type Note struct {
	Kind   string
	Object string
	Text   string
}

// Reason is one ground of a decision, as data: Rule names the rule of the
// policy, Code the ground; Subject and Span fill it in.
type Reason struct {
	Rule    string
	Code    string
	Subject string
	Span    time.Duration
}

// Boot is what the daemon knows of its own start.
type Boot struct {
	Incarnation beat.ID
	KernelBoot  string // /proc/sys/kernel/random/boot_id
	// JournalLost: state could not be read. The node keeps what runs and starts
	// nothing new until it agreed with its peer, or an operator says Adopt.
	JournalLost bool
	// Fresh: the last daemon that this node knows of ran before the kernel booted, so that
	// nothing runs that it may have started. False also where that is not known.
	Fresh bool
	// Left names the resources of a former configuration of this kernel boot that this one
	// does not have. Those that run on both nodes anyway are not among them.
	Left []string
}

// State is what must survive a crash. Times are on Clock: the node's running
// time, which stands still while it is off.
type State struct {
	Generation uint64 // newest generation known
	LastActive uint64 // generation in which this node was last active
	// Active: this node has the right to serve, in the kernel boot KernelBoot.
	Active     bool
	KernelBoot string
	// Lost: a state before this one was lost, and nothing was agreed with the peer since.
	Lost  bool
	Clock time.Duration
	Modes beat.Modes // Mode.Left counts from Clock
	// Cuts are the moments on Clock at which this node read the peer off after its own order, newest last, as far as PowerOns.Within goes back.
	Cuts []time.Duration
	// Owed names the devices that were ordered off and were not read on since.
	Owed []string
	// Presumed names the devices that a daemon whose journal is lost may have ordered off.
	Presumed []string
	// SwitchedOn names those of them that were ordered on, which may act after this daemon's end.
	SwitchedOn []string
	// ResetIn is the kernel boot that this node ended by a reset for what it could not stop;
	// empty: it did not, or was rid of it since.
	ResetIn string
	// OnDue is when (on Clock) the peer's devices are to be switched on again; 0: nothing owed.
	OnDue time.Duration
	// OrderLives and PeerLives are the lives of orders, of this node's and of the peer's,
	// that both nodes counted with when they last heard each other; empty: the configuration's.
	OrderLives, PeerLives []time.Duration
	// Left names what left the configuration while it may have run here. Nobody can look at it,
	// so it counts as running until it is configured again or an operator says that it is gone.
	Left         []string
	Alone        bool // writes without the peer (replicated storage)
	PeerOutdated bool // the peer's data are known to be old
}
