package engine

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/failover"
)

// The phases of an outage before anything could be started.
const (
	phaseDown  = "down"  // no daemon ran on the node that starts the service
	phaseAgree = "agree" // it ran, and found out that the service is its own to start
)

// outage is what this node knows of a time without service that it ends by
// starting it: both nodes were down.
type outage struct {
	started time.Duration // when this daemon did
	booted  bool          // the node did since the state was saved, and the store had served before
	served  time.Duration // when this node saw the service last, before it booted
	known   bool          // served is
}

// lookBack asks the flight recorder once, as the daemon starts: what it holds of
// the boot before is overwritten by and by.
func (i *incidents) lookBack() {
	i.outage.started = i.e.Clock.Now()
	i.outage.booted = i.e.Saved.Generation > 0 && i.e.Saved.KernelBoot != i.e.Boot.KernelBoot
	if !i.outage.booted || i.e.Evidence == nil {
		return
	}
	last := i.e.Evidence.LastServed()
	ago := i.e.Clock.Wall().Sub(last)
	if last.IsZero() || ago < 0 { // a clock that went back tells nothing
		return
	}
	i.outage.served, i.outage.known = i.outage.started-ago, true
}

// ended tells whether this node starts a service that ran before it booted, and
// that nobody hands over: the store was without it.
func (i *incidents) ended(o observation) bool {
	begun := slices.ContainsFunc(o.notes, func(n failover.Note) bool { return n.Kind == "takeover-begun" })
	return begun && i.outage.booted && o.view.Failover.Kind == failover.KindStart
}

// reckon makes the open incident one of the whole outage.
func (i *incidents) reckon() {
	i.main.Kind, i.main.FailedNode = api.IncidentOutage, ""
	i.began = i.outage.started
	if i.outage.known {
		i.began = i.outage.served
	}
	i.main.Opened = timestamp(i.e.Clock.At(i.began))
	i.dirty, i.due = true, true
}

// before are the phases of an outage that the policy, which was not there, knows nothing of.
func (i *incidents) before(f failover.Failover) []failover.Phase {
	var out []failover.Phase
	if i.outage.known {
		out = append(out, failover.Phase{Name: phaseDown, Start: i.outage.served, End: i.outage.started, OK: true})
	}
	return append(out, failover.Phase{Name: phaseAgree, Start: i.outage.started, End: f.Began, OK: true})
}

// firstMoment is what the offsets and the recovery time of the open incident count from.
func (i *incidents) firstMoment(f failover.Failover) time.Duration {
	if i.main.Kind == api.IncidentOutage {
		return i.began
	}
	return f.Began
}
