// Package config declares a store's one configuration file: structs with
// comments, defaults, strict decoding, validation, and from the same structs the
// JSON Schema, the reference page and the sample. It decides nothing and never
// looks at the network; a plugin's own section is kept as text for the plugin.
package config

import "github.com/goccy/go-yaml/ast"

// Config is /etc/storeward/storeward.yaml, the same on both nodes.
type Config struct {
	// Store is the store's code in the enterprise, e.g. "s0001".
	Store string `yaml:"store"`
	// Nodes lists the two nodes of the store's cluster.
	Nodes []Node `yaml:"nodes"`
	// Key names the file with the cluster's key: at least 32 random bytes, readable by root alone.
	// It authenticates beats.
	Key Secret `yaml:"key"`
	// Timing sets how fast a dead peer is noticed.
	Timing Timing `yaml:"timing"`
	// Links are the paths of the beats.
	Links []Link `yaml:"links"`
	// Fencing lists the devices that switch a node's power.
	Fencing []FenceDevice `yaml:"fencing"`
	// PingGroup holds addresses that answer when this node is connected: the gateway, the switch, registers.
	PingGroup []string `yaml:"ping_group"`
	// Policy holds the choices the failover policy leaves to the store.
	Policy Policy `yaml:"policy"`
	// Resources are what the cluster starts, stops and monitors, in no particular order (see after).
	Resources []Resource `yaml:"resources"`
	// Probes are further scheduled checks.
	Probes []Probe `yaml:"probes"`
	// Peer is the nodes' second channel.
	Peer PeerChannel `yaml:"peer"`
	// Report says where events, points and traps go.
	Report Report `yaml:"report"`
	// StateDir holds what must survive a reboot.
	StateDir string `yaml:"state_dir"`
	// RunDir holds sockets and what must not survive a reboot.
	RunDir string `yaml:"run_dir"`
}

// Node is one of the two servers.
type Node struct {
	// Name is the node's host name, or what /etc/storeward/node says on it.
	Name string `yaml:"name"`
	// Role is the configured preference: primary or secondary.
	Role string `yaml:"role"`
	// Address is the node's own address on the store's network, without a prefix length.
	Address string `yaml:"address"`
	// Interface carries Address; it is where a peer that answers is looked for by ARP.
	Interface string `yaml:"interface"`
	// Services are host:port pairs that answer on this node whenever its machine works,
	// asked by TCP before the node is declared dead.
	Services []string `yaml:"services"`
}

// Timing: see the failover policy. Validation refuses deadtime < 3 intervals and warntime >= deadtime.
type Timing struct {
	Interval Duration `yaml:"interval"` // time between beats
	Warntime Duration `yaml:"warntime"` // a beat later than this raises a warning
	Deadtime Duration `yaml:"deadtime"` // silence on every link for this long is death
	Initdead Duration `yaml:"initdead"` // patience after the machine booted
	Holdup   Duration `yaml:"holdup"`   // how long a power supply may run on after its outlet was read off
	Analyse  Duration `yaml:"analyse"`  // the bound on looking for signs of life
}

// Link is one path for beats, carried by a plugin with the Link role.
type Link struct {
	Name   string `yaml:"name"`
	Plugin string `yaml:"plugin"`
	// Direct says that this is a cable from node to node: its carrier tells about the peer.
	Direct bool `yaml:"direct"`
	// With is the plugin's section. Keys below a node's name hold that node's own values.
	With Section `yaml:"with"`
}

// FenceDevice is one device that switches a node's power, driven by a plugin with the Fencer role.
type FenceDevice struct {
	Name   string `yaml:"name"`
	Plugin string `yaml:"plugin"`
	// Feeds names the node that this device powers.
	Feeds []string `yaml:"feeds"`
	// OrderLife is the longest time from an order to its effect; it sets the turns of the fence race.
	OrderLife Duration `yaml:"order_life"`
	// Monitor says how often the device's health is read.
	Monitor Duration `yaml:"monitor"`
	With    Section  `yaml:"with"`
}

// Policy holds the choices of the failover policy.
type Policy struct {
	// AfterFence is cycle (switch a fenced node on again) or off (leave it off).
	AfterFence string `yaml:"after_fence"`
	// OffTime is how long a fenced node stays off.
	OffTime Duration `yaml:"off_time"`
	// Isolation is serve (an active node without its ping group serves on) or stop.
	Isolation string `yaml:"isolation"`
	// IsolationTime is how long an active node may miss a ping group that its peer reaches.
	IsolationTime Duration `yaml:"isolation_time"`
	// Failback is manual or auto.
	Failback string `yaml:"failback"`
	// CarrierBeats is how many beats must be missed on every other link when the
	// direct cable's carrier is gone; 0 switches this evidence off.
	CarrierBeats int `yaml:"carrier_beats"`
}

// Resource is something the cluster starts, stops and monitors.
type Resource struct {
	Name   string `yaml:"name"`
	Plugin string `yaml:"plugin"`
	// Mode is active-standby (runs on the active node alone) or active-active (runs on both).
	Mode string `yaml:"mode"`
	// Layer is the resource's layer of the stack, e.g. address, storage, http, database.
	Layer string `yaml:"layer"`
	// After names resources that must run before this one starts.
	After []string `yaml:"after"`
	// Start, Stop and Monitor bound the three actions.
	StartTimeout   Duration `yaml:"start_timeout"`
	StopTimeout    Duration `yaml:"stop_timeout"`
	MonitorEvery   Duration `yaml:"monitor_every"`
	MonitorTimeout Duration `yaml:"monitor_timeout"`
	// FailuresToDown is how many monitors in a row must find a slow answer before the resource counts as dead.
	// A process that is gone counts at once.
	FailuresToDown int `yaml:"failures_to_down"`
	// Restarts bounds restarts in place; beyond it OnFailure applies.
	Restarts Budget `yaml:"restarts"`
	// OnFailure is alarm or failover.
	OnFailure string `yaml:"on_failure"`
	// Failovers bounds switchovers for this resource's sake.
	Failovers Budget `yaml:"failovers"`
	// StopFailed is fence or block.
	StopFailed string  `yaml:"stop_failed"`
	With       Section `yaml:"with"`
}

// Budget is at most Max within a time.
type Budget struct {
	Max    int      `yaml:"max"`
	Within Duration `yaml:"within"`
}

// Probe is a scheduled check by a plugin with the Prober role.
type Probe struct {
	Name   string `yaml:"name"`
	Plugin string `yaml:"plugin"`
	// Every or Cron says when; exactly one of them is set. Cron has five fields, local time.
	Every   Duration `yaml:"every"`
	Cron    string   `yaml:"cron"`
	Timeout Duration `yaml:"timeout"`
	// On is both, active or standby: the nodes that run the probe.
	On string `yaml:"on"`
	// Verify marks a probe through the virtual IP that says whether the store's service answers.
	Verify bool    `yaml:"verify"`
	With   Section `yaml:"with"`
}

// PeerChannel is the gRPC channel between the nodes. It shares the cluster key's
// directory for its certificates and never takes part in policy.
type PeerChannel struct {
	Port int `yaml:"port"`
	// CA, Certificate and PrivateKey are PEM files; each node has its own pair.
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	PrivateKey  string `yaml:"private_key"`
}

// Report says where everything goes.
type Report struct {
	Consoles []Console      `yaml:"consoles"`
	Influx   []InfluxSink   `yaml:"influx"`
	Traps    []TrapReceiver `yaml:"traps"`
	// PointsEvery is how often measurements are written.
	PointsEvery Duration `yaml:"points_every"`
	// OutboxBytes bounds the durable outbox; points go first.
	OutboxBytes int64 `yaml:"outbox_bytes"`
}

// Console is one console's link, NATS over mutual TLS.
type Console struct {
	Name        string `yaml:"name"`
	URL         string `yaml:"url"` // e.g. tls://console.example:4222
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	PrivateKey  string `yaml:"private_key"`
}

// InfluxSink is any endpoint that takes the InfluxDB v2 write API.
type InfluxSink struct {
	Name   string `yaml:"name"`
	URL    string `yaml:"url"`
	Org    string `yaml:"org"`
	Bucket string `yaml:"bucket"`
	Token  Secret `yaml:"token"`
}

// TrapReceiver takes SNMPv2c notifications.
type TrapReceiver struct {
	Address   string `yaml:"address"` // host:port
	Community Secret `yaml:"community"`
}

// Section is a plugin's own configuration, kept as parsed text with its place in the file.
type Section struct {
	Node ast.Node
}
