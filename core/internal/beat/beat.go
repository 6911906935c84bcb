// Package beat is what two nodes say to each other several times a second, and
// its wire form. Encode and Decode are pure: they look at no clock and open no
// socket. A beat is small (less than MaxSize), carries everything that the
// failover policy may know of the peer, and is worth nothing without its keyed
// MAC. The package never decides anything.
package beat

import "time"

// Role is what a node is to the cluster at present.
type Role uint8

// The roles. The zero value says that the role was never told.
const (
	RoleUnknown Role = iota
	Joining          // booted, not yet agreed with anybody
	Standby          // agreed; would take over
	Active           // holds addresses, storage and services, or is starting or stopping them
	Stopped          // takes no part: removed, or leaving
)

// Tri is an answer that may be missing. Unknown is never taken for No.
type Tri uint8

// The three answers.
const (
	Unknown Tri = iota
	No
	Yes
)

// Health is the state of a layer; the same four states as sdk.Status.
type Health uint8

// The four states of health.
const (
	HealthUnknown Health = iota
	OK
	Degraded
	Down
)

// ID is a random number that names a daemon start (incarnation). 0 is nobody.
type ID uint64

// Beat is one statement of one node. Durations that end in "For" or "Age" are
// spans at the moment of sending; Sent is a reading of the sender's own clock
// and means something to the sender only.
type Beat struct {
	Cluster     string        // cluster id, e.g. the store's code
	Node        string        // the sender's name
	Incarnation ID            // the sender's daemon start
	KernelBoot  string        // the sender's kernel boot id
	Sequence    uint64        // rises by one per beat within an incarnation, from 1
	Wall        int64         // sender's wall clock, Unix nanoseconds; for people only
	Sent        time.Duration // sender's CLOCK_MONOTONIC

	Generation uint64 // newest generation the sender persisted
	LastActive uint64 // the generation in which the sender was last active
	Role       Role
	Ready      bool // would accept a grant and could serve
	InSync     bool // replicated data complete since boot (or no replicated data)
	Alone      bool // writes without the peer
	CutMe      bool // cannot stop: asks to be fenced
	Ordering   bool // an order of the sender against the receiver may still act
	Blocked    bool // something could not be started at the sender, and nobody cleaned it up
	Removed    bool // the sender's operator removed the receiver
	Drill      bool // what the sender grants is a drill, or, without a grant, it carries one out
	PingGroup  Tri  // the sender reaches its ping group
	// SilentFor tells since when the sender hears nothing of the receiver; 0 while it hears it.
	SilentFor time.Duration
	// CountsFor is the age of the hearing from which the sender counts its turns to cut (S6); 0: it never heard the receiver.
	CountsFor time.Duration
	// Grace announces planned silence: the receiver is patient that long from now. 0: none planned.
	Grace time.Duration

	// GivingFor tells since when the sender has been giving up what it grants, its
	// stops included; 0: it grants nothing that it held.
	GivingFor time.Duration

	Interval time.Duration // between the sender's beats
	Deadtime time.Duration // the sender's configured deadtime
	Digest   uint64        // of the configuration's safety part
	// OrderLives has the longest life of the sender's orders against the receiver by
	// level, PeerLives what the sender believes of the receiver's orders against it.
	OrderLives, PeerLives []time.Duration

	Grant   Grant // what the sender grants the receiver; zero: nothing
	Refused Grant // the receiver's grant that the sender refused; zero: none

	Echoes []Echo  // per link, what the sender heard of the receiver
	Layers []Layer // the sender's resources
	Modes  Modes   // what operators asked for, with ends
}

// Grant lets one incarnation of the receiver become active with a generation.
type Grant struct {
	Generation uint64
	To         ID
}

// Echo is the newest beat of the receiver that the sender heard on one link.
type Echo struct {
	Link        string
	Incarnation ID            // of the receiver, as heard
	Sequence    uint64        // newest heard on this link
	Sent        time.Duration // the Sent of that beat: the receiver's own clock
	Age         time.Duration // since it was taken
}

// Layer is the health of one resource on the sender.
type Layer struct {
	Name   string
	Health Health
}

// ModeKind is a state that an operator asked for.
type ModeKind uint8

// The modes.
const (
	NoMode      ModeKind = iota
	ModeStandby          // Name is a node that shall not be active
	Maintenance          // the cluster is watched, nothing is started, stopped or fenced
	Unmanaged            // Name is a resource that is only watched
	ModeRemoved          // Name is a node under repair: off by an operator's word
)

// Mode is one of them, with what is left of it in running time. 0: without end.
type Mode struct {
	Kind ModeKind
	Name string
	Left time.Duration
}

// Modes are all of them. The set with the higher epoch replaces the other; of two
// with the same epoch that differ both hold.
type Modes struct {
	Epoch uint64
	Set   []Mode
}
