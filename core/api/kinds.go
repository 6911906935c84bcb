package api

import (
	"slices"
	"strings"
)

// Kind names what happened in an Event: OBJECT.WHAT, lower case. A kind, once
// published, keeps its meaning for ever: consoles, trap receivers and reports
// of older stores all rely on it.
const (
	// The daemon and its node.
	KindNodeStarted  = "node.started"  // the daemon runs; attributes: boot (fresh or same), incarnation
	KindNodeStopped  = "node.stopped"  // the daemon ends as asked; resources stay as they run
	KindNodeActive   = "node.active"   // this node became the active one
	KindNodeStandby  = "node.standby"  // this node became standby
	KindNodeLate     = "node.late"     // the engine's own timer was late by an interval or more
	KindNodePowered  = "node.powered"  // a fenced node's power was switched on again
	KindNodeReturned = "node.returned" // the peer is heard again after an incident
	KindNodeReset    = "node.reset"    // this node must yield and cannot stop: its watchdog resets it
	KindNodeShutdown = "node.shutdown" // mains are lost: this node's host shuts down in order

	// The peer as seen from here.
	KindPeerSilent  = "peer.silent"  // no beat on any link for deadtime
	KindPeerHeard   = "peer.heard"   // heard again
	KindPeerBlind   = "peer.blind"   // every link is unknown: neither proof of life nor of death
	KindPeerRefused = "peer.refused" // dual activity or a configuration that differs

	// Redundancy: both nodes up, one active, the other able to take over.
	KindRedundancyLost     = "redundancy.lost"
	KindRedundancyRestored = "redundancy.restored"

	// Links, the ping group, and packets that are not beats of the peer.
	KindLinkLate          = "link.late"
	KindLinkSilent        = "link.silent"
	KindLinkUnknown       = "link.unknown"
	KindLinkRestored      = "link.restored"
	KindLinkForged        = "link.forged"
	KindPingGroupLost     = "pinggroup.lost"
	KindPingGroupRestored = "pinggroup.restored"

	// A failover, in its order.
	KindFailoverStarted   = "failover.started"
	KindFailoverFenced    = "failover.fenced"    // every supply of the peer was read off
	KindFailoverActive    = "failover.active"    // resources are being started
	KindFailoverCompleted = "failover.completed" // the service passed its probe; attributes: recovery_seconds
	KindFailoverBlocked   = "failover.blocked"   // a step failed for good; what runs stays up
	KindFailoverAborted   = "failover.aborted"   // a sign of life ended it

	// Switchovers, asked for or for a resource's sake.
	KindSwitchoverStarted   = "switchover.started"
	KindSwitchoverCompleted = "switchover.completed"
	KindSwitchoverFailed    = "switchover.failed"

	// Drills: rehearsed failovers.
	KindDrillBegun     = "drill.begun"
	KindDrillCompleted = "drill.completed" // attributes: recovery_seconds
	KindDrillFailed    = "drill.failed"
	KindDrillSkipped   = "drill.skipped" // one was due, and was not begun
	KindDrillOverdue   = "drill.overdue" // one was due, and none was held since

	// Fence devices.
	KindFenceOrdered   = "fence.ordered"
	KindFenceConfirmed = "fence.confirmed"
	KindFenceFailed    = "fence.failed"    // refused, no answer, or read on after an off
	KindFenceUnhealthy = "fence.unhealthy" // the device cannot be read
	KindFenceDegraded  = "fence.degraded"  // it works, but tells that something is wrong with it
	KindFenceHealthy   = "fence.healthy"   // what was wrong is over
	KindUPSOnBattery   = "ups.on-battery"
	KindUPSOnMains     = "ups.on-mains"

	// Resources.
	KindResourceStarted   = "resource.started"
	KindResourceStopped   = "resource.stopped"
	KindResourceFailed    = "resource.failed"
	KindResourceRestarted = "resource.restarted" // attributes: old_pid, new_pid
	KindResourceDegraded  = "resource.degraded"
	KindResourceRecovered = "resource.recovered"
	KindResourceBlocked   = "resource.blocked"

	// Probes.
	KindProbeDown      = "probe.down"
	KindProbeDegraded  = "probe.degraded"
	KindProbeRecovered = "probe.recovered"

	// Plugins.
	KindPluginDied      = "plugin.died"
	KindPluginSilent    = "plugin.silent"
	KindPluginGarbage   = "plugin.garbage"
	KindPluginRestarted = "plugin.restarted"

	// Operator's doings and running modes.
	KindOperatorCommand = "operator.command"
	KindModeBegun       = "mode.begun"
	KindModeEnding      = "mode.ending" // 15 minutes before its end
	KindModeEnded       = "mode.ended"

	// Configuration and durable state.
	KindConfigApplied  = "config.applied"
	KindConfigRefused  = "config.refused"
	KindJournalCorrupt = "journal.corrupt" // the journal's or the outbox's file was damaged and set aside
	KindJournalFailed  = "journal.failed"
	KindOutboxFailed   = "outbox.failed"   // the disk takes no reports: they are held in memory
	KindOutboxRestored = "outbox.restored" // it does again
	KindOutboxSetBack  = "outbox.set-back" // the disk was set back: reports go out under a new journal id

	// KindAlarm is any other condition of the policy; the message says it all.
	KindAlarm = "alarm"
)

// Kinds of incidents.
const (
	IncidentFailover   = "failover"
	IncidentSwitchover = "switchover"
	IncidentDrill      = "drill"
	IncidentOutage     = "outage" // no node was active, until one started the service
	IncidentService    = "service"
	IncidentDegraded   = "degraded"
	IncidentFence      = "fence"
)

// local are the classes of objects that each node has for itself.
var local = []string{"probe", "plugin", "resource", "link"}

// IsLocal tells of an event's object, CLASS/NAME, whether each node has one of that
// name for itself: probe/host of one node is another than that of its peer, and so are
// their alarms. The rest (fence devices, nodes, the store) both nodes look at, and
// either tells what became of it.
func IsLocal(object string) bool {
	class, _, _ := strings.Cut(object, "/")
	return slices.Contains(local, class)
}

// Conditions: the stable key below an object under which an alarm is raised and cleared.
const (
	ConditionUnreachable  = "unreachable"
	ConditionSilent       = "silent"
	ConditionLate         = "late"
	ConditionUnknown      = "unknown"
	ConditionForged       = "forged"
	ConditionFailed       = "failed"
	ConditionDegraded     = "degraded"
	ConditionBlocked      = "blocked"
	ConditionUnconfirmed  = "unconfirmed"
	ConditionUnhealthy    = "unhealthy"
	ConditionOnBattery    = "on-battery"
	ConditionBatteryLow   = "battery-low"
	ConditionNotRedundant = "not-redundant"
	ConditionBlind        = "blind"
	ConditionCorrupt      = "corrupt"
	ConditionDown         = "down"
	ConditionUnwell       = "unwell" // of a probe: degraded or down, as the kind says
	ConditionModeEnding   = "mode-ending"
	ConditionConfig       = "configuration"
	ConditionOutbox       = "outbox"
	ConditionDrill        = "drill"
)

// Health words, as used in Status.
const (
	HealthOK       = "ok"
	HealthDegraded = "degraded"
	HealthDown     = "down"
	HealthUnknown  = "unknown"
)

// SeverityRank orders severities by their word in lower case, the worst highest; 0: no such word.
func SeverityRank(word string) int { return int(Severity_value["SEVERITY_"+strings.ToUpper(word)]) }
