package engine

import (
	"slices"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/failover"
)

// cut is how far the scenario of an incident goes.
type cut int

const (
	uncut        cut = iota
	cutAtOpening     // what led to it
	cutWhenDone      // the takeover is in it
)

// replayWhenDue has the scenario cut together with the gathering of evidence, and anew
// once a takeover is done: an outage, or a device that does not obey, may lie hours back
// by then.
func (i *incidents) replayWhenDue(o observation) {
	if o.view == nil {
		return
	}
	f := o.view.Failover
	if !i.foreign(f) && slices.ContainsFunc(o.notes, func(n failover.Note) bool { return n.Kind == "takeover-begun" }) {
		i.taken, i.cut = o.at, min(i.cut, cutAtOpening)
	}
	next := uncut
	switch {
	case i.taken != 0 && !i.foreign(f) && f.Done >= i.taken:
		next = cutWhenDone
	case i.asked:
		next = cutAtOpening
	}
	if next > i.cut {
		i.cut = next
		i.lookUp(false)
	}
}

// lookUp has the scribe read what the disk holds of the open incident: the scenario, and
// at its end what the flight recorder saw since. The clerk does not wait for the disk.
func (i *incidents) lookUp(atEnd bool) {
	id, since, began, moment := i.main.GetId(), i.main.GetOpened().AsTime(), i.began, i.opened
	if i.taken != 0 {
		moment = i.taken
	}
	i.e.paper.put(func() {
		scenario := i.e.scenarioAround(began, moment)
		if !atEnd {
			i.e.clerk.tell(observation{gather: func(i *incidents) *changed { return i.replay(id, scenario) }})
			return
		}
		var flight []*api.Sample
		if i.e.Evidence != nil {
			flight = i.e.Evidence.Around(since)
		}
		i.e.clerk.tell(observation{gather: func(i *incidents) *changed { return i.finish(id, scenario, flight) }})
	})
}

// replay adds the scenario to the open incident, if it still is.
func (i *incidents) replay(id, scenario string) *changed {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.main.GetId() != id {
		return nil
	}
	i.main.Scenario = scenario
	return i.grown()
}

// finish is the last revision of a closed incident: with the whole scenario and, in this
// node's own snapshot, how the store did after the takeover.
func (i *incidents) finish(id, scenario string, flight []*api.Sample) *changed {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := i.closed
	if last.GetId() != id {
		return nil
	}
	last.Scenario = scenario
	for _, s := range last.Snapshots {
		if s.GetNode() == i.e.Node && len(flight) > 0 {
			s.Flight = flight
		}
	}
	return i.reclose()
}
