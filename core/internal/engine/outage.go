package engine

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// The phases of an outage before anything could be started.
const (
	phaseDown  = "down"  // no daemon ran on the node that starts the service
	phaseAgree = "agree" // it ran, and the service was not yet its own to start
)

// sight is what this node knows of the last moment in which a node was active: what
// it saw itself, and before that what its flight recorder saw.
type sight struct {
	started    time.Duration // when this daemon did
	recorded   time.Time     // by the recorder, before; zero: it knows of none
	seen       bool          // by this daemon
	at         time.Duration // when
	generation uint64        // the newest one in which it knew a node active
}

// lookBack asks the flight recorder once, as the daemon starts: what it holds of
// former boots is overwritten by and by.
func (i *incidents) lookBack() {
	i.sight.started, i.sight.generation = i.e.Clock.Now(), i.e.Saved.Generation
	if i.e.Evidence != nil {
		i.sight.recorded = i.e.Evidence.LastServed()
	}
}

// watch follows who is active. A regular look may be ahead of the news, in which this
// node's own takeover still waits to be told.
func (i *incidents) watch(o observation) {
	v, s := o.view, &i.sight
	if v == nil {
		return
	}
	self := v.Role == beat.Active && (!o.regular || v.Generation <= s.generation)
	peer := v.Role != beat.Active && v.Peer.Heard && v.Peer.Role == beat.Active
	if self || peer {
		s.seen, s.at, s.generation = true, v.at, max(s.generation, v.Generation)
	}
}

// last is the last moment with an active node, as a time of this daemon's clock; not
// known where nothing recorded it, or the wall clock went back behind it.
func (s *sight) last(c Clock) (at time.Duration, known bool) {
	if s.seen {
		return s.at, true
	}
	ago := c.Wall().Sub(s.recorded)
	return c.Now() - ago, !s.recorded.IsZero() && ago >= 0
}

// recall has the incident of a node that never heard its peer reach back to what it
// knew before. Whether the peer served until it was cut, it cannot know: so long, at
// most, nobody was active.
func (i *incidents) recall() {
	s := &i.sight
	at, known := s.last(i.e.Clock)
	i.outage = outage{agree: s.started}
	i.began = s.started
	if known && at < s.started {
		i.began, i.outage = at, outage{down: at, agree: s.started, length: atMost}
		i.entry(&api.TimelineEntry{
			Time: timestamp(i.e.Clock.At(at)), Node: i.e.Node, Object: "node/" + i.e.Node, Severity: informative, Kind: "memory",
			Text: i.e.Node + " knew a node active for the last time. How long " + i.main.GetFailedNode() + " served after that, it cannot know.",
		})
	}
	i.main.Opened = timestamp(i.e.Clock.At(i.began))
}

// outage is a time without an active node that this node ended by starting the service.
type outage struct {
	down   time.Duration // since when this node was down itself; 0: it ran
	agree  time.Duration // since when it ran without an active node
	length length
}

// length is how far an outage's length is known.
type length int

const (
	unknownLength length = iota
	atMost               // the peer was active later than this node knows
	exactly
)

// ended tells whether this node starts a service that ran before, and that nobody hands over.
func (i *incidents) ended(o observation) bool {
	begun := slices.ContainsFunc(o.notes, func(n failover.Note) bool { return n.Kind == "takeover-begun" })
	return begun && i.sight.generation > 0 && o.view.Failover.Kind == failover.KindStart
}

// reckon makes the open incident one of the whole outage.
func (i *incidents) reckon(o observation) {
	s := &i.sight
	at, known := s.last(i.e.Clock)
	i.outage, i.began = outage{agree: s.started}, s.started
	if known {
		i.began, i.outage.length = at, exactly
		if o.view.Peer.LastActive > s.generation {
			i.outage.length = atMost
		}
		if at < s.started {
			i.outage.down = at
		} else {
			i.outage.agree = at
		}
	}
	i.main.Kind, i.main.FailedNode, i.unheard = api.IncidentOutage, "", false
	if opened := i.e.Clock.At(i.began); opened.Before(i.main.GetOpened().AsTime()) { // else it is part of a longer trouble
		i.main.Opened = timestamp(opened)
	}
	i.dirty, i.due = true, true
}

// before are the phases that the policy, which was not there, knows nothing of.
func (i *incidents) before(f failover.Failover) []failover.Phase {
	var out []failover.Phase
	outage := i.main.Kind == api.IncidentOutage
	if (outage || i.unheard) && i.outage.down != 0 {
		out = append(out, failover.Phase{Name: phaseDown, Start: i.outage.down, End: i.outage.agree, OK: true})
	}
	if outage {
		out = append(out, failover.Phase{Name: phaseAgree, Start: i.outage.agree, End: f.Began, OK: true})
	}
	return out
}

// firstMoment is what the offsets and the recovery time of the open incident count from.
func (i *incidents) firstMoment(f failover.Failover) time.Duration {
	if i.main.Kind == api.IncidentOutage || i.unheard {
		return i.began
	}
	return f.Began
}

// measurable tells whether the open incident's recovery time is known: it is not where
// nobody knows for how long the peer served.
func (i *incidents) measurable() bool {
	return i.main.Kind != api.IncidentOutage && !i.unheard || i.outage.length == exactly
}
