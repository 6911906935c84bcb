package failover

import (
	"slices"
	"time"
)

// Policy is what the machine needs of the configuration.
type Policy struct {
	Cluster, Self, Peer string
	Primary             bool // this node is the configured primary
	Digest              uint64

	Interval, Warntime, Deadtime, Initdead time.Duration
	Holdup, Analyse                        time.Duration
	CarrierBeats                           int // 0: carrier does not shorten the wait

	Links     []Link
	Devices   []Device
	Resources []Resource // in configured order

	Cycle   bool // after_fence: cycle
	OffTime time.Duration
	// PowerOns bounds how often a fenced node is switched on again; zero: once an hour.
	PowerOns      Budget
	IsolationStop bool
	IsolationTime time.Duration
	FailbackAuto  bool
	// FailbackAfter is how long the pair must have been whole before an automatic failback; 0: five minutes.
	FailbackAfter time.Duration
	// Verify: there is a probe through the virtual IP.
	Verify bool
	// Watchdog: this machine can reset itself.
	Watchdog  bool
	OnBattery OnBattery
}

// OnBattery is what a node does without mains.
type OnBattery struct {
	StandbyAfter time.Duration // both on battery for so long: the standby rests; 0: it does not
	LowCharge    int           // percent at which a battery counts as low
	LowRuntime   time.Duration // or with so much time left
	Shutdown     bool          // a node that rests shuts its host down
}

// Link is one path of beats.
type Link struct {
	Name   string
	Direct bool // a cable from node to node: its carrier tells about the peer
}

// Device is one power supply's switch.
type Device struct {
	Name  string
	Feeds []string // node names
	// Level is its place in the topology, 1 (or 0) first: a node is off when every device of one level that feeds it was read off.
	Level int
	Life  time.Duration // longest time from an order to its effect; no packet leaves after half of it
	// Measured is the same by what was seen of the device; the longer of the two counts. 0: nothing was seen.
	Measured time.Duration
	Proven   bool // enough was seen
}

// Resource is what the cluster starts, stops and monitors.
type Resource struct {
	Name         string
	Layer        string // phase of the failover it counts to: address, storage, else start
	ActiveActive bool
	// Warm: the process may run on the standby without the data, and is promoted on the active node.
	Warm  bool
	After []string

	StartTimeout, StopTimeout, MonitorTimeout time.Duration
	// FailuresToDown counts slow answers; a process that is gone counts at once.
	FailuresToDown int
	Restarts       Budget
	Failover       bool // on_failure: failover (else alarm)
	Failovers      Budget
	FenceOnStop    bool // stop_failed: fence (else block)
}

// Budget is at most Max within a time.
type Budget struct {
	Max    int
	Within time.Duration
}

// Exclusive names the resources that only the active node may run in full.
func (p *Policy) Exclusive() (names []string) {
	for i := range p.Resources {
		if !p.Resources[i].ActiveActive {
			names = append(names, p.Resources[i].Name)
		}
	}
	return names
}

// Lacks has those of the names that are no resource of the policy.
func (p *Policy) Lacks(names []string) (out []string) {
	for _, name := range names {
		if !slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.Name == name }) {
			out = append(out, name)
		}
	}
	return out
}
