// Package config declares a store's one configuration file: structs with
// comments, defaults, strict decoding, validation, and from the same structs the
// JSON Schema, the reference page and the sample. It decides nothing and never
// looks at the network; a plugin's own section is kept as text for the plugin.
//
//go:generate go run ./gen
package config

// The tags beside yaml: need:"true" marks a key that has no default and must be
// there, enum lists the words a key may hold, example is shown in the reference.
// Validation, JSON Schema and reference read the same tags and comments.

// Config is /etc/storeward/storeward.yaml, the same on both nodes.
type Config struct {
	// Store is the store's code in the enterprise: letters, digits, "-" and "_", at most 32.
	Store string `yaml:"store" need:"true" example:"s0001"`
	// Nodes lists the two nodes of the store's cluster.
	Nodes []Node `yaml:"nodes" need:"true" example:"[{name: alpha, role: primary, ...}, {name: beta, role: secondary, ...}]"`
	// Key is the cluster's key, at least 32 random bytes, best in a file. It authenticates beats.
	// A file that others than its owner may read is refused.
	Key Secret `yaml:"key" need:"true" example:"{file: /etc/storeward/cluster.key}"`
	// Timing sets how fast a dead peer is noticed.
	Timing Timing `yaml:"timing"`
	// Links are the paths of the beats. Two that share nothing, such as a cable and the store's network, are the least to have.
	Links []Link `yaml:"links" need:"true" example:"[{name: cable, plugin: heartbeat, with: ...}]"`
	// Fencing lists the devices that switch a node's power. Without one no node takes over unless an operator says that its peer is off.
	Fencing []FenceDevice `yaml:"fencing"`
	// PingGroup holds addresses that answer when this node is connected: the gateway, the switch, registers.
	PingGroup []string `yaml:"ping_group" need:"true" example:"[10.0.0.254]"`
	// Policy holds the choices the failover policy leaves to the store.
	Policy Policy `yaml:"policy"`
	// Drills says when failovers are rehearsed.
	Drills Drills `yaml:"drills"`
	// Watchdog resets the machine when the daemon hangs, or when this node must yield and cannot stop.
	Watchdog Watchdog `yaml:"watchdog"`
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

	places places
}

// Node is one of the two servers.
type Node struct {
	// Name is the node's host name, or what /etc/storeward/node says on it.
	Name string `yaml:"name" need:"true" example:"alpha"`
	// Role is the configured preference.
	Role string `yaml:"role" need:"true" enum:"primary,secondary"`
	// Address is the node's own address on the store's network, without a prefix length.
	Address string `yaml:"address" need:"true" example:"10.0.0.1"`
	// Interface carries Address; it is where a peer that answers is looked for by ARP, or NDP in IPv6.
	Interface string `yaml:"interface" need:"true" example:"eth0"`
	// Services are host:port pairs that answer on this node whenever its machine works,
	// asked by TCP before the node is declared dead.
	Services []string `yaml:"services" example:"[10.0.0.1:22]"`
}

// Timing is how fast a dead peer is noticed. A deadtime below three intervals or
// a warntime that is not below deadtime is refused.
type Timing struct {
	// Interval is the time between beats.
	Interval Duration `yaml:"interval"`
	// Warntime is the age at which a beat raises a warning.
	Warntime Duration `yaml:"warntime"`
	// Deadtime is the silence on every link that counts as death.
	Deadtime Duration `yaml:"deadtime"`
	// Initdead is the patience after the machine booted, counted anew when the ping group first answers.
	Initdead Duration `yaml:"initdead"`
	// Holdup is how long a power supply may run on after its outlet was read off.
	Holdup Duration `yaml:"holdup"`
	// Analyse bounds the search for signs of life before a node is fenced.
	Analyse Duration `yaml:"analyse"`
}

// Link is one path for beats, carried by a plugin with the Link role.
type Link struct {
	// Name names the link in status, events and charts.
	Name string `yaml:"name" need:"true" example:"cable"`
	// Plugin carries the beats.
	Plugin string `yaml:"plugin" need:"true" example:"heartbeat"`
	// Direct says that this is a cable from node to node: its carrier tells about the peer.
	Direct bool `yaml:"direct"`
	// With is the plugin's section. Keys below a node's name hold that node's own values.
	With Section `yaml:"with"`
}

// FenceDevice is one device that switches a node's power, driven by a plugin with the Fencer role.
type FenceDevice struct {
	// Name names the device in status, events and charts.
	Name string `yaml:"name" need:"true" example:"ups-alpha"`
	// Plugin drives the device: ups over SNMP, upsserial over a serial line from the peer to the UPS, or another fencer.
	Plugin string `yaml:"plugin" need:"true" example:"ups"`
	// Feeds names the node that this device powers. A device that feeds both nodes is refused, and so are two of
	// one plugin that switch the same output for different nodes: whoever used it would cut itself.
	Feeds []string `yaml:"feeds" need:"true" example:"[alpha]"`
	// Level is the device's place in the topology, 1 first. A level holds all of a node's supplies: the node is off when
	// every device of one level that feeds it was read off. The levels are tried in order.
	Level int `yaml:"level"`
	// OrderLife is the longest time from an order to its effect; it sets the turns of the fence race.
	// The fastest turn is only for devices of at most 1s.
	OrderLife Duration `yaml:"order_life"`
	// Monitor says how often the device's health is read.
	Monitor Duration `yaml:"monitor"`
	// With is the plugin's section. Keys below a node's name hold that node's own values.
	With Section `yaml:"with"`
}

// Policy holds the choices of the failover policy.
type Policy struct {
	// AfterFence is cycle (switch a fenced node on again) or off (leave it off).
	AfterFence string `yaml:"after_fence" enum:"cycle,off"`
	// OffTime is how long a fenced node stays off before it is switched on again.
	OffTime Duration `yaml:"off_time"`
	// PowerOns bounds how often a fenced node is switched on again: after the next cut within that time it stays
	// off with an alarm, for a machine that fails again and again had better be looked at.
	PowerOns Budget `yaml:"power_ons"`
	// Isolation is serve (an active node without its ping group serves on) or stop.
	Isolation string `yaml:"isolation" enum:"serve,stop"`
	// IsolationTime is how long an active node may miss a ping group that its peer reaches before it hands over.
	IsolationTime Duration `yaml:"isolation_time"`
	// Failback is manual, or auto: the primary becomes active again once the pair has been whole for failback_after,
	// by a switchover, whatever the hour and whoever moved the service; standby mode and maintenance keep it away.
	Failback string `yaml:"failback" enum:"manual,auto"`
	// FailbackAfter is how long the pair must have been whole without a break before failback: auto acts: the other node
	// serving, all its layers up, nothing in maintenance or unmanaged, the primary heard and ready to take over, and both
	// with one configuration. After a failback that did not last an hour the
	// next one comes no sooner than twice as long after the takeover, a day at most.
	FailbackAfter Duration `yaml:"failback_after"`
	// CarrierBeats is how many beats must be missed on every other link when the
	// direct cable's carrier is gone; 0 switches this evidence off.
	CarrierBeats int `yaml:"carrier_beats"`
	// OnBattery is what the nodes do without mains. A fence device that tells of its battery is needed for each node.
	OnBattery OnBattery `yaml:"on_battery"`
}

// OnBattery is what the nodes do without mains: the standby rests first, the active node serves until its battery is low.
type OnBattery struct {
	// StandbyAfter is how long both nodes must have been on battery before the standby stops its layers; 0s: it does not.
	StandbyAfter Duration `yaml:"standby_after"`
	// LowCharge is the charge, in percent, at which a battery counts as low: an active node then hands over to a peer
	// whose battery is not low, or stops its layers in order.
	LowCharge int `yaml:"low_charge"`
	// LowRuntime is the time left at which a battery counts as low.
	LowRuntime Duration `yaml:"low_runtime"`
	// Shutdown has a node that rests shut its host down, once its UPS has taken the order to switch off and to start the
	// node again when mains are back. A UPS that cannot do that leaves the node on, with an alarm.
	Shutdown bool `yaml:"shutdown"`
	// OffDelay is the time from that order to the off: the host must be down by then. Less than low_runtime.
	OffDelay Duration `yaml:"off_delay"`
	// Command shuts the host down.
	Command Command `yaml:"command" example:"[systemctl, poweroff]"`
}

// Drills are rehearsals of a failover: the service moves to the other node as planned, measured, and every fence
// device gets an order that changes nothing.
type Drills struct {
	// Cron says when the active node begins a drill: minute, hour, day of month, month, day of week, in the host's time
	// zone. Without it a drill is an operator's to begin, and none is ever overdue.
	Cron string `yaml:"cron" example:"\"30 4 * * 2\""`
	// OpeningHours tells when the store is open, in the host's time zone: no drill begins then unless an operator says
	// so. Days and times, such as mon-sat 08:00-20:00; a time that ends on the next day, such as fri 20:00-02:00, is one.
	OpeningHours []string `yaml:"opening_hours" example:"[\"mon-sat 08:00-20:00\", \"sun 10:00-13:00\"]"`
}

// Watchdog is the machine's watchdog, fed only while the daemon's main loop is on time.
type Watchdog struct {
	// Device is the kernel's watchdog, or a named pipe to a program that stands in for one. No other program may hold it.
	Device string `yaml:"device"`
	// Timeout is how long the daemon may hang before the machine is reset, in whole seconds: longer than deadtime, not
	// longer than every stop_timeout. Unset: there is no watchdog.
	Timeout Duration `yaml:"timeout" example:"10s"`
}

// Resource is something the cluster starts, stops and monitors.
type Resource struct {
	// Name names the resource in status, events and charts.
	Name string `yaml:"name" need:"true" example:"database"`
	// Plugin starts, stops and monitors it.
	Plugin string `yaml:"plugin" need:"true" example:"postgres"`
	// Mode is active-standby (runs on the active node alone) or active-active (runs on both).
	Mode string `yaml:"mode" enum:"active-standby,active-active"`
	// Warm starts the process on the standby too, without the data: the plugin promotes it on the active node.
	// For an active-standby layer that touches nothing of the active's before that; never for a queue.
	Warm bool `yaml:"warm"`
	// Layer is the resource's layer of the stack, e.g. address, storage, http, database.
	Layer string `yaml:"layer" example:"database"`
	// After names resources that must run before this one starts.
	After []string `yaml:"after" example:"[data]"`
	// StartTimeout bounds the start.
	StartTimeout Duration `yaml:"start_timeout"`
	// StopTimeout bounds the stop. A node that must yield since its peer is active, and has not stopped within it, is reset by
	// its watchdog, at most the watchdog's own timeout later; without one it stays as it is, with an alarm. One that yields by
	// isolation: stop has the time that all stops may take one after the other.
	StopTimeout Duration `yaml:"stop_timeout"`
	// MonitorEvery is the time between two monitors.
	MonitorEvery Duration `yaml:"monitor_every"`
	// MonitorTimeout bounds one monitor.
	MonitorTimeout Duration `yaml:"monitor_timeout"`
	// FailuresToDown is how many monitors in a row must find a slow answer before the resource counts as dead.
	// A process that is gone counts at once.
	FailuresToDown int `yaml:"failures_to_down"`
	// Restarts bounds restarts in place; beyond it OnFailure applies.
	Restarts Budget `yaml:"restarts"`
	// OnFailure is alarm, or failover: the service goes to the peer. What runs on both nodes (mode active-active) takes the
	// service only to where it runs; say so for a layer that is reached by an address that moves.
	OnFailure string `yaml:"on_failure" enum:"alarm,failover"`
	// Failovers bounds switchovers for this resource's sake.
	Failovers Budget `yaml:"failovers"`
	// StopFailed is fence (have the peer cut this node; where that fails, the watchdog resets it) or block (stay, with a critical alarm).
	StopFailed string `yaml:"stop_failed" enum:"fence,block"`
	// With is the plugin's section. Keys below a node's name hold that node's own values.
	With Section `yaml:"with"`
}

// Budget is at most Max within a time.
type Budget struct {
	// Max is the greatest number; 0 means never.
	Max int `yaml:"max"`
	// Within is the time in which they are counted.
	Within Duration `yaml:"within"`
}

// Probe is a scheduled check by a plugin with the Prober role.
type Probe struct {
	// Name names the probe in status, events and charts.
	Name string `yaml:"name" need:"true" example:"shop"`
	// Plugin runs the check.
	Plugin string `yaml:"plugin" need:"true" example:"http"`
	// Every is the time between two runs; stores spread themselves over it. Exactly one of every and cron is set.
	Every Duration `yaml:"every" example:"10s"`
	// Cron says when instead: minute, hour, day of month, month, day of week, in local time.
	Cron string `yaml:"cron" example:"\"*/5 8-20 * * 1-6\""`
	// Timeout bounds one run; a run that takes longer found out nothing.
	Timeout Duration `yaml:"timeout"`
	// On says which nodes run the probe.
	On string `yaml:"on" enum:"both,active,standby"`
	// Verify marks a probe through the virtual IP that says whether the store's service answers.
	Verify bool `yaml:"verify"`
	// With is the plugin's section. Keys below a node's name hold that node's own values.
	With Section `yaml:"with"`
}

// PeerChannel is the channel between the nodes for evidence, configuration and
// flight samples (gRPC, mutual TLS). It never takes part in policy.
type PeerChannel struct {
	// Port is where each node listens, on its own address.
	Port int `yaml:"port"`
	// CA is the PEM file of the authority that signed both nodes' certificates.
	CA string `yaml:"ca"`
	// Certificate is this node's certificate, a PEM file.
	Certificate string `yaml:"certificate"`
	// PrivateKey is this node's key, a PEM file that its owner alone may read.
	PrivateKey string `yaml:"private_key"`
}

// Report says where everything goes.
type Report struct {
	// Consoles are the enterprise consoles; a store may have several.
	Consoles []Console `yaml:"consoles"`
	// Influx are endpoints that take points by the InfluxDB v2 write API.
	Influx []InfluxSink `yaml:"influx"`
	// Traps are receivers of SNMPv2c notifications.
	Traps []TrapReceiver `yaml:"traps"`
	// PointsEvery is how often measurements are written.
	PointsEvery Duration `yaml:"points_every"`
	// OutboxBytes bounds the durable outbox, in bytes; points are given up before events.
	OutboxBytes int64 `yaml:"outbox_bytes"`
}

// Console is one console's link, NATS over mutual TLS.
type Console struct {
	// Name names the console in status and logs.
	Name string `yaml:"name" need:"true" example:"hq"`
	// URL is the console's link address.
	URL URL `yaml:"url" need:"true" example:"tls://console.example:4222"`
	// CA is the PEM file of the console's authority.
	CA string `yaml:"ca" need:"true" example:"/etc/storeward/ca.pem"`
	// Certificate is this node's certificate, issued by the console, a PEM file.
	Certificate string `yaml:"certificate" need:"true" example:"/etc/storeward/node.pem"`
	// PrivateKey is this node's key, a PEM file that its owner alone may read.
	PrivateKey string `yaml:"private_key" need:"true" example:"/etc/storeward/node.key"`
}

// InfluxSink is any endpoint that takes the InfluxDB v2 write API.
type InfluxSink struct {
	// Name names the endpoint in status and logs.
	Name string `yaml:"name" need:"true" example:"metrics"`
	// URL is the endpoint's base address.
	URL URL `yaml:"url" need:"true" example:"http://10.0.0.20:8428"`
	// Org is the organisation points are written for.
	Org string `yaml:"org" example:"retail"`
	// Bucket is the bucket points are written to.
	Bucket string `yaml:"bucket" example:"stores"`
	// Token authorises the writes.
	Token Secret `yaml:"token" example:"{file: /etc/storeward/influx.token}"`
}

// TrapReceiver takes SNMPv2c notifications.
type TrapReceiver struct {
	// Address is the receiver's host:port.
	Address string `yaml:"address" need:"true" example:"10.0.0.30:162"`
	// Community is sent with each notification.
	Community Secret `yaml:"community" need:"true" example:"{file: /etc/storeward/trap.community}"`
}
