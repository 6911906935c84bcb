package engine

import (
	"fmt"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// title says in one line what happened and how it stands.
func (i *incidents) title(v *viewed, f failover.Failover) {
	m := i.main
	failed := m.FailedNode + " failed"
	if i.unheard {
		failed = m.FailedNode + " was silent as " + m.Survivor + " started"
	}
	var text string
	switch {
	case m.Kind == api.IncidentOutage:
		text = i.outageTitle(f)
	case m.Kind == api.IncidentSwitchover && f.Done != 0 && f.OK:
		text = fmt.Sprintf("%s took the service over as planned in %s", i.e.Node, inSeconds(m.RecoverySeconds))
	case m.Kind == api.IncidentSwitchover:
		text = "A planned switchover is under way"
	case m.Kind == api.IncidentDrill && i.fault != "":
		text = "A drill failed: " + i.fault
	case m.Kind == api.IncidentDrill && (i.rehearsed || f.Done != 0 && f.OK):
		text = fmt.Sprintf("%s took the service over in a drill in %s", i.e.Node, inSeconds(m.RecoverySeconds))
	case m.Kind == api.IncidentDrill:
		text = "A drill is under way"
	case m.Kind == api.IncidentDegraded:
		text = fmt.Sprintf("%s failed; %s served on alone", m.FailedNode, m.Survivor)
		if m.Redundant == nil {
			text = fmt.Sprintf("%s failed; %s serves on alone", m.FailedNode, m.Survivor)
		}
	case f.Done != 0 && f.OK && i.unheard && i.outage.length == atMost:
		text = fmt.Sprintf("%s; %s took over %s after it last knew a node active", failed, m.Survivor, inSeconds((f.Done - i.began).Seconds()))
	case f.Done != 0 && f.OK && i.unheard:
		text = fmt.Sprintf("%s; %s took over %s after its start; for how long nobody was active is not known", failed, m.Survivor, inSeconds((f.Done - i.began).Seconds()))
	case f.Done != 0 && f.OK:
		text = fmt.Sprintf("%s; %s took over in %s", failed, m.Survivor, inSeconds(m.RecoverySeconds))
	case v.Role == beat.Active:
		text = fmt.Sprintf("%s; %s is taking over", failed, m.Survivor)
	case m.Kind == api.IncidentFailover && v.Peer.Heard && v.Peer.Role == beat.Active:
		text = fmt.Sprintf("%s was silent and is active; %s did not take over", m.FailedNode, m.Survivor)
	case i.unheard:
		text = fmt.Sprintf("%s; %s has not taken over", failed, m.Survivor)
	default:
		text = fmt.Sprintf("%s is silent; %s has not taken over", m.FailedNode, m.Survivor)
	}
	if m.Redundant != nil {
		text += "; both nodes are well again"
	}
	if text != m.Title {
		m.Title, i.dirty = text, true
	}
}

func (i *incidents) outageTitle(f failover.Failover) string {
	m := i.main
	until := ", until " + m.Survivor + " started the service"
	switch {
	case f.Done == 0 || !f.OK:
		return "Nobody was active; " + m.Survivor + " starts the service"
	case i.outage.length == exactly:
		return "Nobody was active for " + inSeconds(m.RecoverySeconds) + until
	case i.outage.length == atMost:
		return "Nobody was active for " + inSeconds((f.Done - i.began).Seconds()) + " at most" + until
	default:
		return "Nobody was active" + until + "; for how long is not known"
	}
}

func inSeconds(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.2f s", s)
	}
	return spoken.Age(time.Duration(s * float64(time.Second)))
}

// actionText tells an order to the world in words; empty for what nobody needs to read.
func actionText(a failover.Action, peer string) string {
	switch a.Kind {
	case failover.Analyse:
		return "Looks for any sign of life of " + peer + "."
	case failover.FenceOff:
		return "Orders " + a.Device + " to switch off."
	case failover.FenceOn:
		return "Orders " + a.Device + " to switch on."
	case failover.FenceTest:
		return "Tries " + a.Device + " with an order that changes nothing."
	case failover.StartResource:
		return "Starts " + a.Resource + "."
	case failover.StopResource:
		return "Stops " + a.Resource + "."
	case failover.RestartResource:
		return "Restarts " + a.Resource + "."
	case failover.PromoteResource:
		return "Promotes " + a.Resource + "."
	case failover.DemoteResource:
		return "Demotes " + a.Resource + "."
	case failover.ResetSelf:
		return "Has the watchdog reset this machine."
	case failover.Shutdown:
		return "Shuts this host down, to start again with mains."
	case failover.Verify:
		return "Asks the service through the virtual IP."
	case failover.Persist:
		return fmt.Sprintf("Saves generation %d.", a.State.Generation)
	default:
		return ""
	}
}

func actionObject(a failover.Action) string {
	switch {
	case a.Device != "":
		return "fence/" + a.Device
	case a.Resource != "":
		return "resource/" + a.Resource
	default:
		return ""
	}
}
