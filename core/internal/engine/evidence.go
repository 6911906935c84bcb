package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

// gatherBound bounds the gathering of one node's evidence.
const gatherBound = 2 * time.Second

// gatherWhenDue starts the gathering of evidence once the failover itself is
// over or a second has passed: the service goes first, and the recorder holds
// the moment anyway.
func (i *incidents) gatherWhenDue(ctx context.Context, o observation) {
	if i.asked || i.e.Evidence == nil || o.view == nil {
		return
	}
	over := o.view.Failover.Done >= i.began && o.view.Failover.Done != 0
	if !over && o.at-i.opened < evidenceDelay {
		return
	}
	i.asked = true
	id, moment, peerLost := i.main.GetId(), i.e.Clock.At(i.began), i.main.GetFailedNode() != ""
	i.e.background(ctx, func(ctx context.Context) {
		own, other := i.e.bothSnapshots(ctx, moment, peerLost)
		i.e.clerk.tell(observation{gather: func(i *incidents) *changed { return i.attach(id, own, other) }})
	})
}

// bothSnapshots gathers this node's evidence, and the peer's: by asking it while
// it answers, else what it told last.
func (e *Engine) bothSnapshots(ctx context.Context, moment time.Time, peerLost bool) (own, other *api.Snapshot) {
	ctx, cancel := context.WithTimeout(ctx, gatherBound)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if e.Peer != nil && !peerLost {
			if s, err := e.Peer.Snapshot(ctx, moment); err == nil {
				s.Source = "self"
				other = s
				return
			}
		}
		if e.Evidence != nil {
			other = e.Evidence.OfPeer(moment)
		}
	}()
	own = e.ownSnapshot(ctx, moment)
	<-done
	return own, other
}

// ownSnapshot gathers this node's evidence with every plugin's contribution.
func (e *Engine) ownSnapshot(ctx context.Context, moment time.Time) *api.Snapshot {
	if e.Evidence == nil {
		return &api.Snapshot{Node: e.Node, Taken: timestamp(e.Clock.Wall()), Source: "self", Status: e.Status()}
	}
	s := e.Evidence.Snapshot(ctx, moment, e.Status(), e.sources())
	s.Node, s.Source = e.Node, "self"
	return s
}

// sources are the open instances that offer evidence.
func (e *Engine) sources() []Source {
	var out []Source
	add := func(i *instance) {
		if opened, err := i.get(); err == nil && opened.Roles().Evidence {
			out = append(out, Source{Name: i.name, Evidence: opened})
		}
	}
	for _, d := range e.Config.Fencing {
		add(e.devices[d.Name].in)
	}
	for _, r := range e.Config.Resources {
		add(e.resources[r.Name].in)
	}
	for _, p := range e.Config.Probes {
		add(e.probes.all[p.Name].in)
	}
	return out
}

// attach adds snapshots to the incident that asked for them, if it is open still or was the
// last one that closed: a planned change is over sooner than its evidence is gathered.
func (i *incidents) attach(id string, snapshots ...*api.Snapshot) *changed {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch id {
	case i.main.GetId():
		i.main.Snapshots = append(i.main.Snapshots, present(snapshots)...)
		return i.grown()
	case i.closed.GetId():
		i.closed.Snapshots = append(i.closed.Snapshots, present(snapshots)...)
		return i.reclose()
	}
	return nil
}

// reclose sends what came in for the incident that closed last.
func (i *incidents) reclose() *changed {
	i.closed.Revision++
	if i.main == nil { // else the signs are another one's
		i.conclude(i.closed)
	}
	return &changed{incidents: []*api.Incident{proto.Clone(i.closed).(*api.Incident)}} //nolint:forcetypeassert // a clone is of its own kind
}

// grown sends what came in for the open incident.
func (i *incidents) grown() *changed {
	i.dirty, i.due = true, true
	out := &changed{}
	i.revise(out, i.e.Clock.Now())
	return out
}

// present leaves out the snapshot of a node of which nothing is known.
func present(snapshots []*api.Snapshot) []*api.Snapshot {
	return slices.DeleteFunc(snapshots, func(s *api.Snapshot) bool { return s == nil })
}

// signsNow is what was found of the peer since it was last heard and before it was cut.
func (e *Engine) signsNow(v *viewed, since time.Duration) Signs {
	out := Signs{Said: said(v)}
	if found := e.found.Load(); found != nil && found.Asked > since {
		out.ICMP, out.ARP, out.Services = found.ICMP, found.ARP, found.Services
	}
	out.Power = e.powerRead(since)
	if v == nil {
		return out
	}
	for _, l := range v.Links {
		if e.links[l.Name].cfg.Direct && l.Carrier != beat.Unknown {
			out.Carrier = l.Carrier
		}
	}
	return out
}

// said is the peer as its last beat showed it; nil: it was never heard.
func said(v *viewed) *failover.PeerView {
	if v == nil || v.Peer.LastHeard == 0 {
		return nil
	}
	return &v.Peer
}

// powerRead is what the regular readings since a moment say of the peer's power: on
// while a supply of every level is, off where all of one level are off.
func (e *Engine) powerRead(since time.Duration) beat.Tri {
	levels := map[int]beat.Tri{}
	for _, c := range e.Config.Fencing {
		if !slices.Contains(c.Feeds, e.peer) {
			continue
		}
		d := e.devices[c.Name]
		d.mu.Lock()
		power := powerOf(d.regular.Power)
		if d.regular.Taken <= since {
			power = beat.Unknown
		}
		d.mu.Unlock()
		before, others := levels[c.Level]
		switch {
		case power == beat.Yes || before == beat.Yes:
			levels[c.Level] = beat.Yes
		case power == beat.No && (!others || before == beat.No):
			levels[c.Level] = beat.No
		default:
			levels[c.Level] = beat.Unknown
		}
	}
	all := slices.Collect(maps.Values(levels))
	switch {
	case slices.Contains(all, beat.No):
		return beat.No
	case slices.Contains(all, beat.Yes):
		return beat.Yes
	}
	return beat.Unknown
}

// smallKinds are events that deserve an incident of their own when none is open.
var smallKinds = map[string]string{
	api.KindResourceRestarted: api.IncidentService,
	api.KindResourceFailed:    api.IncidentService,
	api.KindResourceBlocked:   api.IncidentService,
	api.KindResourceDegraded:  api.IncidentDegraded,
	api.KindProbeDegraded:     api.IncidentDegraded,
	api.KindProbeDown:         api.IncidentDegraded,
	api.KindFenceFailed:       api.IncidentFence,
	api.KindFenceUnhealthy:    api.IncidentDegraded,
	api.KindFenceDegraded:     api.IncidentDegraded,
	api.KindUPSOnBattery:      api.IncidentDegraded,
}

// sideLasts is how long a trouble that is no failover collects what belongs to it.
const sideLasts = 10 * time.Second

// small lets a trouble that is no failover (a restart, a slow service) grow for a
// while, and closes it; at most one about an object in a while.
func (i *incidents) small(ctx context.Context, o observation, events []*api.Event, out *changed) {
	for _, event := range events {
		kind, wanted := smallKinds[event.GetKind()]
		if !wanted || event.GetSeverity() == cleared {
			continue
		}
		if i.side == nil && !i.openSide(ctx, o, kind, event) {
			continue
		}
		if kind == api.IncidentService && i.side.Kind != kind { // the cause, after its symptom
			i.side.Kind, i.side.Title = kind, event.GetMessage()
		}
		event.Incident = i.side.GetId()
		i.side.Severity = max(i.side.Severity, event.GetSeverity())
		i.side.Timeline = append(i.side.Timeline, &api.TimelineEntry{
			Time: timestamp(i.e.Clock.At(o.at)), Node: i.e.Node, Object: event.GetObject(), Severity: event.GetSeverity(),
			Text: event.GetMessage(), Kind: event.GetKind(),
		})
	}
	if i.side != nil && (o.at-i.sideBegan >= sideLasts || i.main != nil) {
		i.side.Closed = timestamp(i.e.Clock.At(o.at))
		i.side.Revision++
		i.conclude(i.side)
		out.incidents = append(out.incidents, proto.Clone(i.side).(*api.Incident)) //nolint:forcetypeassert // a clone is of its own kind
		i.side = nil
	}
}

func (i *incidents) openSide(ctx context.Context, o observation, kind string, event *api.Event) bool {
	last, seen := i.seen[event.GetObject()]
	if i.main != nil || seen && o.at-last < smallEvery {
		return false
	}
	i.seen[event.GetObject()] = o.at
	now := i.e.Clock.At(o.at)
	i.side, i.sideBegan = &api.Incident{
		Id: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Kind: kind, Title: event.GetMessage(),
		Opened: timestamp(now), Survivor: i.e.Node, Generation: i.e.view.Load().Generation,
	}, o.at
	id, peerLost := i.side.GetId(), !i.e.view.Load().Peer.Heard
	i.e.background(ctx, func(ctx context.Context) {
		own, other := i.e.bothSnapshots(ctx, now, peerLost)
		i.e.clerk.tell(observation{gather: func(i *incidents) *changed { return i.attachSide(id, own, other) }})
	})
	return true
}

func (i *incidents) attachSide(id string, snapshots ...*api.Snapshot) *changed {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.side.GetId() != id {
		return nil
	}
	i.side.Snapshots = append(i.side.Snapshots, present(snapshots)...)
	i.side.Revision++
	i.conclude(i.side)
	return &changed{incidents: []*api.Incident{proto.Clone(i.side).(*api.Incident)}} //nolint:forcetypeassert // a clone is of its own kind
}

// returned looks for an incident in which this node was the failed one: its own
// recorder saw the other side, and adds it.
func (e *Engine) returned(refs []*peerpb.IncidentRef) {
	i := e.clerk.incidents
	for _, ref := range refs {
		if ref.GetFailedNode() != e.Node || e.Evidence == nil {
			continue
		}
		i.mu.Lock()
		known := i.told[ref.GetId()]
		i.told[ref.GetId()] = true
		i.mu.Unlock()
		if known {
			continue
		}
		e.background(e.life, func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, gatherBound)
			defer cancel()
			s := e.ownSnapshot(ctx, time.Unix(0, ref.GetFailedUnixNano()))
			e.clerk.tell(observation{gather: func(*incidents) *changed {
				return &changed{incidents: []*api.Incident{{Id: ref.GetId(), Snapshots: []*api.Snapshot{s}}}}
			}})
		})
	}
}

// background runs work that ends by itself and must not hold up its caller;
// nothing new begins once the engine ends.
func (e *Engine) background(ctx context.Context, work func(context.Context)) {
	e.ending.Lock()
	defer e.ending.Unlock()
	if !e.ended {
		e.actions.Go(func() { work(ctx) })
	}
}
