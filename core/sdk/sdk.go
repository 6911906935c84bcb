// Package sdk is what the author of a Storeward plugin imports: the roles a
// plugin may offer, the values they exchange with the core, and Main, which
// serves them. It never imports the core or another plugin.
//
// A plugin is one process. It holds any number of configured instances; each
// instance offers one or more roles by implementing their interfaces. The core
// finds the roles by type assertion on the instance, so an instance that offers
// Prober and Evidence is simply a type with both methods.
package sdk

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
)

// Plugin describes one concern: its name, its configuration and how an
// instance of it is made. It is what Main serves and sdktest.Run examines.
type Plugin struct {
	// Name is the plugin's name in a store's configuration: lower case, no spaces.
	Name string
	// Version is the plugin's own version, shown in inventories.
	Version string
	// Summary is one sentence for people.
	Summary string
	// DefaultConfig returns a pointer to a new configuration struct that holds
	// the defaults. Its exported fields carry `yaml` tags; unknown keys are refused.
	// A configuration may implement Validator.
	DefaultConfig func() any
	// New makes an instance from a configuration that DefaultConfig made and the
	// strict decoder filled. It may open sockets and files; it must return before
	// ctx ends. ctx ends when Open is over: it is not the instance's life.
	New func(ctx context.Context, env Env, config any) (Instance, error)
}

// Env is what the core lends an instance.
type Env struct {
	// Instance is the instance's name, unique on the node, e.g. "ups-alpha".
	Instance string
	// Node and Peer are this node's name and its peer's.
	Node, Peer string
	// StateDir is a directory below /run that belongs to this instance alone. It
	// outlives the plugin process and the daemon, not the machine's boot.
	StateDir string
	// Log is the only way to log. Levels and fields survive the way to the core.
	Log logrus.FieldLogger
}

// Validator is implemented by configurations that check themselves.
type Validator interface {
	// Validate returns every fault joined, each "path: what is wrong: what would be right".
	Validate() error
}

// Instance is one configured use of a plugin. Close is called once, after the
// last call of any role has returned; an instance must survive Close twice.
type Instance interface {
	Close() error
}

// Status is the health of something. The zero value is Unknown: not being able
// to find out is never taken for Down.
type Status int

// The four states of health.
const (
	Unknown  Status = iota // could not find out
	OK                     // as it should be
	Degraded               // works, but not as it should
	Down                   // does not work
)

// Result is the outcome of one probe.
type Result struct {
	Status Status
	// Message is one clear sentence for an operator.
	Message string
	// Values are measurements by name in base units, e.g. "response_seconds".
	Values map[string]float64
}

// Prober checks something on a schedule. An error means "could not find out"
// and becomes Unknown; what was found to be dead is a Result with Down.
type Prober interface {
	Probe(ctx context.Context) (Result, error)
}

// State is what a resource's monitor found, after OCF Resource Agent API 1.1,
// section 4 (monitor).
type State struct {
	// Running tells whether anything of the resource runs on this node, or is held by
	// it: a child whose main process died counts as well. Only what does not run at all
	// may be handed over. Status refines it: a running resource may be Degraded or
	// Down (it runs and does not answer, or only a part of it is left).
	Running bool
	// Promoted tells whether a promotable resource is in the promoted role.
	Promoted bool
	Status   Status
	Message  string
	// PID is the main process, 0 where there is none.
	PID    int
	Values map[string]float64
}

// Resource is something the cluster starts, stops and monitors, with the
// semantics of an OCF resource agent: Start of a running resource and Stop of a
// stopped one succeed; each returns only when the state is reached. Stop ends
// all of it and makes sure of that, whatever its main process did; Start never runs
// a second one beside what is left of the first. What is started outlives the
// plugin and the daemon.
type Resource interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Monitor(ctx context.Context) (State, error)
}

// Promoter is a Resource with two running roles.
type Promoter interface {
	Resource
	Promote(ctx context.Context) error
	Demote(ctx context.Context) error
}

// Promotable is implemented by configurations of plugins with the Promoter role: it
// tells whether an instance of this configuration offers it, before one is opened.
type Promotable interface {
	Promotable() bool
}

// Targeted is implemented by configurations that know what an instance acts on in the
// world: each outlet that it switches ("outlet 3 of 192.0.2.11:161"), or the address
// that it moves ("192.0.2.101"), in words that are the same wherever it is the same thing.
// The core refuses a store whose nodes' supplies are one target, as a copied address makes
// them, and a moved address that is a node's own.
type Targeted interface {
	Targets() []string
}

// Power is a three-valued reading of a supply's output.
type Power int

// PowerUnknown is the zero value: unconfirmed is never off.
const (
	PowerUnknown Power = iota
	PowerOn
	PowerOff
)

// Order is one command to a fence device.
type Order struct {
	// ID names the order in logs and reports.
	ID string
	// Expiry: before every packet the plugin compares CLOCK_MONOTONIC with this
	// and stops sending once it has passed.
	Expiry time.Duration
	// Mark is written on the device where it can hold a text, e.g. "cut by beta, generation 7".
	Mark string
	// After is how long a sleep's output stays on; no other order has it.
	After time.Duration
}

// Reading is what a fence device said about its output.
type Reading struct {
	Power Power
	// Taken is the CLOCK_MONOTONIC time at which the answer arrived.
	Taken   time.Duration
	Message string
	// Values are further measurements, e.g. "battery_charge_ratio".
	Values map[string]float64
	// Conditions are what is not as it should be with a device that answers. The
	// output's being off is none: that is Power.
	Conditions []Condition
}

// Condition is one thing that is not as it should be with a device. The core raises
// an alarm for it and clears it once the readings no longer have it.
type Condition struct {
	// Key names the condition in alarms: lower case words with hyphens, the same for
	// ever. The core knows "on-battery" and "battery-low"; others are as good.
	Key string
	// Message is one clear sentence for an operator, without the device's name.
	Message string
}

// Device tells what a fence device is.
type Device struct {
	Kind string // what was detected, e.g. "RFC 1628 UPS"
	// OrderLife is the longest time from an order to its effect. 0: not proven; more than an hour is refused.
	OrderLife time.Duration
	// TimedOff tells whether the device can switch on again by itself.
	TimedOff bool
}

// Fencer switches a node's power. Off succeeds only when the output was READ
// off after the order; an order that was acknowledged and not confirmed is an
// error. Fencing an output that is off succeeds.
type Fencer interface {
	Describe(ctx context.Context) (Device, error)
	Off(ctx context.Context, order Order) (Reading, error)
	On(ctx context.Context, order Order) (Reading, error)
	Status(ctx context.Context) (Reading, error)
}

// Sleeper is a Fencer whose device can let a node down gently when mains are lost:
// its output goes off After the order, and comes on again once mains are back, also
// if they come back before it went off. Sleep succeeds only when the device was read
// to be about to do so; On ends it. What could stay off for good, or cannot do this at
// all, is an error.
type Sleeper interface {
	Fencer
	Sleep(ctx context.Context, order Order) (Reading, error)
}

// Packet is one beat as it arrived. The plugin never looks into Data.
type Packet struct {
	Data []byte
	// From is the sender's address, for people.
	From string
	// Taken is the CLOCK_MONOTONIC time of arrival.
	Taken time.Duration
}

// LinkState is a link plugin's own health. Status Unknown means that the link
// neither proves nor prevents silence.
type LinkState struct {
	Status  Status
	Carrier Power // PowerOff: carrier lost; PowerUnknown: the medium has none
	Message string
	Taken   time.Duration
	// Foreign counts packets dropped because they were not for this link.
	Foreign uint64
}

// Link carries beats to the peer and back. It must not interpret, repeat,
// delay or queue them: what cannot be sent at once is dropped.
type Link interface {
	// Send carries one beat.
	Send(beat []byte) error
	// Run delivers packets and changes of state until ctx ends, the present state
	// first. The callbacks return quickly, may be called from several goroutines and
	// keep no reference to a packet's Data. Send is called while Run is active.
	Run(ctx context.Context, packet func(Packet), state func(LinkState)) error
}

// Parameter is one adjustable setting of a product.
type Parameter struct {
	Name, Description, Unit string
	Value                   string
	Min, Max                string // empty: no bound
	Restart                 bool   // takes effect only after a restart
}

// Tuner reads and changes a product's settings.
type Tuner interface {
	Parameters(ctx context.Context) ([]Parameter, error)
	SetParameter(ctx context.Context, name, value string) (Parameter, error)
}

// Item is one piece of evidence for a snapshot.
type Item struct {
	// Name is a path such as "postgres/activity"; Text is for people; Values for charts.
	Name   string
	Text   string
	Values map[string]float64
}

// Evidence contributes to a snapshot: fast, bounded, partial rather than late.
type Evidence interface {
	Evidence(ctx context.Context) ([]Item, error)
}
