package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

const (
	// growEvery is how often an open incident is looked at without news.
	growEvery = time.Second
	// refsKept is how long a returning node is told which incident its evidence belongs to.
	refsKept = 2 * time.Hour
	// smallEvery bounds incidents of one object that are no failover.
	smallEvery = 10 * time.Minute
	// evidenceDelay keeps the gathering of evidence out of a failover's way.
	evidenceDelay = time.Second
	maxTimeline   = 2000
)

// changed lists incidents that have a new revision to send.
type changed struct {
	incidents []*api.Incident
	id        string // of the open one, which the events of the moment belong to
}

// incidents keeps the open ones. It belongs to the clerk's goroutine, but for
// what the peer channel and the control socket ask under the lock.
type incidents struct {
	e *Engine

	mu        sync.Mutex
	main      *api.Incident // the one of a failover, a switchover or a lost peer; nil: none open
	began     time.Duration // its first moment
	side      *api.Incident // a smaller trouble that is still collecting
	sideBegan time.Duration
	seen      map[string]time.Duration // objects that had a small incident, and when
	refs      []*peerpb.IncidentRef
	dirty     bool
	asked     bool // evidence is being gathered, or was
	looked    bool // the first look for signs of life is in the timeline
	due       bool // the newest revision must not wait
	revised   time.Duration
	measured  bool            // its recovery time went out as points
	told      map[string]bool // incidents of ours, as the failed node, that we added to
	signs     Signs
	signed    bool   // the signs are those from before the order
	rehearsed bool   // how the drill came out was told
	fault     string // what went wrong in it
	unheard   bool   // the peer was silent ever since this daemon started
	sight     sight
	outage    outage
	opened    time.Duration // when the open one was, whatever it reaches back to
	taken     time.Duration // when this node last began to take over in it; 0: it did not
	cut       cut           // how far its scenario goes
	closed    *api.Incident // the last one that closed: its end, and evidence, may still come in; nil: none
}

func newIncidents(e *Engine) *incidents {
	return &incidents{e: e, seen: map[string]time.Duration{}, told: map[string]bool{}}
}

// observe lets the open incident grow by what was seen, opens one where
// something began, and returns the revisions to send.
func (i *incidents) observe(ctx context.Context, o observation, events []*api.Event) *changed {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := &changed{}
	if i.overtaken(o) {
		i.grow(o, events)
		i.main.Closed = timestamp(i.e.Clock.At(o.at))
		i.closed = i.main
		i.dirty, i.due = true, true
		i.revise(out, o.at)
	}
	if i.main == nil {
		i.openMain(o)
	} else if !askedFor(i.main) && i.ended(o) {
		i.reckon(o)
	}
	i.watch(o)
	if i.main != nil {
		out.id = i.main.GetId()
		i.grow(o, events)
		i.gatherWhenDue(ctx, o)
		i.replayWhenDue(o)
		i.closeWhenWhole(o)
		i.revise(out, o.at)
	}
	i.small(ctx, o, events, out)
	return out
}

// askedFor tells whether the incident is a change that somebody asked for.
func askedFor(i *api.Incident) bool {
	return i.GetKind() == api.IncidentSwitchover || i.GetKind() == api.IncidentDrill
}

// overtaken: the peer died in the middle of a planned change. What follows is an
// incident of its own.
func (i *incidents) overtaken(o observation) bool {
	return askedFor(i.main) && slices.ContainsFunc(o.notes, func(n failover.Note) bool { return n.Kind == "peer-silent" })
}

// kindOf is the kind of the incident that begins with an observation; empty: none does.
func (i *incidents) kindOf(o observation) (kind string) {
	for _, n := range o.notes {
		switch {
		case n.Kind == "peer-silent":
			kind = api.IncidentFailover
		case n.Kind == "takeover-begun" && o.view.Failover.Kind == failover.KindSwitchover:
			kind = api.IncidentSwitchover // the node that takes over tells it, not the one that gives
		case n.Kind == "takeover-begun" && o.view.Failover.Kind == failover.KindDrill, n.Kind == "drill-failed" && kind == "":
			kind = api.IncidentDrill
		case n.Kind == "takeover-begun" && o.view.Failover.Kind == failover.KindFailover:
			kind = api.IncidentFailover
		}
	}
	if kind == "" && i.ended(o) {
		return api.IncidentOutage
	}
	if kind == api.IncidentFailover && o.view.Role == beat.Active {
		return api.IncidentDegraded // the standby was lost; the service never stopped
	}
	return kind
}

// openMain opens the incident of a lost peer or of a change of the active role.
func (i *incidents) openMain(o observation) {
	kind := i.kindOf(o)
	if kind == "" {
		return
	}
	i.began = o.at
	failure := kind == api.IncidentFailover || kind == api.IncidentDegraded
	if last := o.view.Peer.LastHeard; failure && last > 0 {
		i.began = last
	}
	now := i.e.Clock.At(o.at)
	i.main = &api.Incident{
		Id: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Kind: kind,
		Severity: critical, Opened: timestamp(i.e.Clock.At(i.began)),
		FailedNode: i.e.peer, Survivor: i.e.Node, Generation: o.view.Generation,
	}
	if askedFor(i.main) {
		i.main.FailedNode, i.main.Severity = "", warning
	}
	i.rehearsed, i.fault = false, ""
	i.dirty, i.due, i.asked, i.looked, i.measured, i.signed = true, true, false, false, false, false
	i.signs, i.opened = Signs{Said: said(o.view)}, o.at
	i.taken, i.cut = 0, uncut
	i.unheard = kind == api.IncidentFailover && o.view.Peer.LastHeard == 0
	switch {
	case kind == api.IncidentOutage:
		i.reckon(o)
	case i.unheard:
		i.recall()
	}
	i.remember()
}

// remember keeps a reference for the node that will come back.
func (i *incidents) remember() {
	if i.main.GetFailedNode() == "" {
		return
	}
	i.refs = append(i.refs, &peerpb.IncidentRef{
		Id: i.main.GetId(), FailedNode: i.main.GetFailedNode(), FailedUnixNano: i.main.GetOpened().AsTime().UnixNano(),
	})
}

// grow adds events and actions to the timeline, and takes over phases and times.
func (i *incidents) grow(o observation, events []*api.Event) {
	at := timestamp(i.e.Clock.At(o.at))
	for _, event := range events {
		i.entry(&api.TimelineEntry{
			Time: at, Node: i.e.Node, Object: event.GetObject(), Severity: event.GetSeverity(),
			Text: event.GetMessage(), Kind: event.GetKind(),
		})
	}
	i.takeOutcome(o.notes)
	for _, a := range o.actions {
		if a.Kind == failover.Analyse { // it goes on for as long as the peer is silent
			if i.looked {
				continue
			}
			i.looked = true
		}
		if text := actionText(a, i.e.peer); text != "" {
			i.entry(&api.TimelineEntry{Time: at, Node: i.e.Node, Object: actionObject(a), Severity: informative, Text: text, Kind: "action"})
		}
	}
	if slices.ContainsFunc(o.actions, func(a failover.Action) bool { return a.Kind == failover.FenceOff }) && !i.signed {
		i.signs, i.signed = i.e.signsNow(o.view, i.began), true
	}
	if o.view != nil {
		i.takePhases(o.view)
	}
}

// takeOutcome keeps how a drill came out.
func (i *incidents) takeOutcome(notes []failover.Note) {
	for _, n := range notes {
		if i.main.Kind != api.IncidentDrill || n.Kind != "drill-done" && n.Kind != "drill-failed" {
			continue
		}
		i.rehearsed, i.dirty, i.due = true, true, true
		if n.Kind == "drill-failed" {
			i.fault, i.main.Severity = drillFault(n), major
		}
	}
}

func (i *incidents) entry(entry *api.TimelineEntry) {
	if len(i.main.Timeline) < maxTimeline {
		i.main.Timeline = append(i.main.Timeline, entry)
		i.dirty = true
	}
}

// takePhases copies the machine's own account of the change of role.
func (i *incidents) takePhases(v *viewed) {
	f := v.Failover
	if f.Generation == 0 || i.foreign(f) || f.Done != 0 && f.Done < i.began || f.Began < i.began-time.Minute {
		i.title(v, failover.Failover{})
		return
	}
	all := append(i.before(f), f.Phases...)
	phases := make([]*api.Phase, 0, len(all))
	for _, p := range all {
		phases = append(phases, i.phase(f, p, v.at))
	}
	if !samePhases(i.main.Phases, phases) {
		i.main.Phases, i.dirty = phases, true
	}
	if f.Kind == failover.KindFailover && i.main.Kind == api.IncidentDegraded && f.Began >= i.began-time.Second {
		i.main.Kind = api.IncidentFailover
	}
	if f.Done != 0 && f.OK && i.main.RecoverySeconds == 0 && i.measurable() {
		i.main.RecoverySeconds = (f.Done - i.firstMoment(f)).Seconds()
		i.main.Generation = f.Generation
		i.dirty, i.due = true, true
	}
	i.title(v, f)
}

// foreign: a change of role that somebody asked for is no part of a trouble.
func (i *incidents) foreign(f failover.Failover) bool {
	return (f.Kind == failover.KindSwitchover || f.Kind == failover.KindDrill) && !askedFor(i.main)
}

func (i *incidents) phase(f failover.Failover, p failover.Phase, now time.Duration) *api.Phase {
	end := p.End
	if end == 0 {
		end = now
	}
	return &api.Phase{
		Name: p.Name, Start: timestamp(i.e.Clock.At(p.Start)), OffsetSeconds: (p.Start - i.firstMoment(f)).Seconds(),
		DurationSeconds: (end - p.Start).Seconds(), Ok: p.OK, Detail: p.Detail,
	}
}

// samePhases ignores how long a running phase has run, lest every second is a revision.
func samePhases(a, b []*api.Phase) bool {
	return slices.EqualFunc(a, b, func(x, y *api.Phase) bool {
		return x.GetName() == y.GetName() && x.GetOk() == y.GetOk() && x.GetDetail() == y.GetDetail()
	})
}

// closeWhenWhole closes once one node serves and the other could take over.
func (i *incidents) closeWhenWhole(o observation) {
	if o.view == nil || !o.view.Redundant || o.view.at-i.began < growEvery/2 || o.at <= i.began {
		return
	}
	tookOver := i.main.Kind != api.IncidentDegraded
	if f := o.view.Failover; tookOver && f.Done == 0 && o.view.Role == beat.Active {
		return // still being verified
	}
	if i.main.Kind == api.IncidentDrill && !i.rehearsed {
		return
	}
	now := timestamp(i.e.Clock.At(o.at))
	i.main.Redundant, i.main.Closed = now, now
	if i.main.GetSeverity() == critical && len(i.main.Phases) == 0 {
		i.main.Severity = major
	}
	i.title(o.view, o.view.Failover)
	i.closed = i.main
	i.lookUp(true)
	i.dirty, i.due = true, true
}

// revise adds the newest revision to what is to be sent, and lets go of a closed
// incident. Milestones go at once, the rest of the timeline once in a while.
func (i *incidents) revise(out *changed, now time.Duration) {
	if !i.dirty || !i.due && now-i.revised < growEvery {
		return
	}
	i.dirty, i.due, i.revised = false, false, now
	i.main.Revision++
	if i.main.GetRecoverySeconds() > 0 && !i.measured {
		i.measured = true
		i.e.Sink.Points(failoverPoint(i.main, i.e.Clock.Wall().UnixNano()))
	}
	i.conclude(i.main)
	sent := proto.Clone(i.main).(*api.Incident)
	out.incidents = append(out.incidents, sent)
	if i.main.Closed != nil {
		i.main = nil
	}
}

// conclude draws the findings anew from all the evidence there is.
func (i *incidents) conclude(incident *api.Incident) {
	if i.e.Evidence != nil && len(incident.Snapshots) > 0 {
		incident.Findings = i.e.Evidence.Findings(incident, i.signs)
	}
}

// belongs names the incident that an event is part of; a plugin's death never is.
func belongs(event *api.Event, id string) string {
	if strings.HasPrefix(event.GetObject(), "plugin/") {
		return ""
	}
	return id
}

// open is the title of the open incident, empty without one.
func (i *incidents) open() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.main.GetTitle()
}

// references are the incidents whose failed node may come back with evidence.
func (i *incidents) references() []*peerpb.IncidentRef {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.e.Clock.Wall().UnixNano()
	i.refs = slices.DeleteFunc(i.refs, func(r *peerpb.IncidentRef) bool {
		return time.Duration(now-r.GetFailedUnixNano()) > refsKept
	})
	return slices.Clone(i.refs)
}
