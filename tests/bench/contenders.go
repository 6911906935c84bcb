package bench

import (
	"time"

	"github.com/storeward/storeward/tests/bench/peers"
	"github.com/storeward/storeward/tests/harness"
)

const (
	// offTime is how long our policy leaves a cut node dark: the least it may be.
	offTime = time.Second
	// patience bounds the wait for all pairs at the start: heartbeat's defaults take a minute.
	patience = 4 * time.Minute
)

// The settings of ours.
var (
	fast    = ours(harness.Fast)
	fastest = ours(harness.Fastest)
	slow    = ours(harness.Default)
	blunt   = ours(noCarrier(harness.Fast))
)

func noCarrier(t harness.Timing) harness.Timing {
	t.Name, t.NoCarrier = t.Name+"-no-carrier", true
	return t
}

// The settings of the peers: the fastest that two nodes may have by the product's
// own documentation, and its defaults.
var (
	// keepalived.conf(5): VRRP version 3 advertises in hundredths of a second.
	keepalivedFast     = peer(peers.Keepalived("keepalived-fast", 3, "0.1"))
	keepalivedRealtime = peer(peers.Keepalived("keepalived-fast-realtime", 3, "0.1", "vrrp_rt_priority 20"))
	keepalivedDefault  = peer(peers.Keepalived("keepalived", 2, "1"))
	// The sample of linux-ha.org's page about deadtime.
	heartbeatTimes   = peers.HeartbeatTimes{Keepalive: "50ms", Warntime: "125ms", Deadtime: "250ms", Initdead: "10"}
	heartbeatFast    = peer(peers.Heartbeat("heartbeat-fast", heartbeatTimes, false))
	heartbeatStub    = peer(peers.Heartbeat("heartbeat-fast-stub", heartbeatTimes, true))
	heartbeatDefault = peer(peers.Heartbeat("heartbeat", peers.HeartbeatTimes{Keepalive: "2", Warntime: "10", Deadtime: "30", Initdead: "60"}, false))
	// corosync.conf(5): with two nodes the consensus may be shorter than the token, if it is longer than join.
	pacemakerFast    = peer(peers.Pacemaker("pacemaker-fast", "token: 500", "consensus: 100"))
	pacemakerDefault = peer(peers.Pacemaker("pacemaker"))
)
