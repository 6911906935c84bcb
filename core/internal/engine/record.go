package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

const (
	// ringBound is how many decision inputs may wait for a slow disk.
	ringBound = 8192
	// paperBound is how many of the clerk's pieces may.
	paperBound = 1000
	// routineTogether is how many routine inputs are written at once: most change
	// nothing. Any other input is written with those before it at once.
	routineTogether = 16
	// imageEvery is how often the record tells the whole machine, for a replay to begin with.
	imageEvery = 5 * time.Second
)

// ringLine is one line of the ring of decision inputs: an event, or another line's text.
type ringLine struct {
	at    time.Duration
	event failover.Event
	more  bool // of the same step as the line before
	text  string
}

// String is the line of a record, as failover's replay reads it.
func (l ringLine) String() string {
	switch {
	case l.event == nil:
		return l.text
	case l.more:
		return "+ " + l.event.String()
	default:
		return l.at.String() + " " + l.event.String()
	}
}

// recordStart keeps what the machine is made of, and when it was made.
func (e *Engine) recordStart() {
	e.imaged = e.begun
	e.ring.lay(1, ringLine{text: e.policy.String()}, ringLine{text: e.Saved.String()}, ringLine{text: e.Boot.String()},
		ringLine{text: e.begun.String() + " started"})
}

// recordStep keeps one step of the loop: its time and the facts that the machine took
// then, if any. It is laid as a whole, so that no reader sees a part of it.
func (e *Engine) recordStep(now time.Duration, facts []fact) {
	if len(facts) == 0 {
		e.ring.lay(routineTogether, ringLine{at: now, event: failover.Tick{}})
		return
	}
	lines, enough := make([]ringLine, len(facts)), routineTogether
	for i, f := range facts {
		lines[i] = ringLine{at: now, event: f.event, more: i > 0}
		if !routine(f.event) {
			enough = 1
		}
	}
	e.ring.lay(enough, lines...)
}

// recordImage keeps the whole machine from time to time, when nothing is to be done.
func (e *Engine) recordImage(now time.Duration, plan failover.Plan) {
	if now-e.imaged < imageEvery || len(plan.Actions) > 0 {
		return
	}
	e.imaged = now
	e.ring.lay(routineTogether, ringLine{text: now.String() + " " + e.machine.Image()})
}

// routine inputs come again and again without anybody's asking.
func routine(event failover.Event) bool {
	switch event := event.(type) {
	case failover.BeatHeard, failover.PingGroup:
		return true
	case failover.ResourceState:
		return event.ID == ""
	case failover.ServiceProbe:
		return event.ID == ""
	case failover.FenceAnswer:
		return event.ID == ""
	default:
		return false
	}
}

// scribe puts to paper what the loop and the clerk must not wait for: the decision
// inputs in their order, what happened in its order, and the scenarios of incidents,
// which are cut from the inputs. A disk that hangs stops it and nobody else.
func (e *Engine) scribe(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			e.writeRing()
			return
		case <-e.ring.wake:
			e.writeRing()
		case <-e.paper.wake:
			e.doPaper()
		}
	}
}

// doPaper does what waits for the scribe.
func (e *Engine) doPaper() {
	work, dropped := e.paper.takeAll()
	if dropped > 0 {
		e.Log.WithError(fmt.Errorf("%d pieces of history or scenarios found no room: the disk has not finished earlier ones", dropped)).Warn("history not kept")
	}
	for _, do := range work {
		do()
	}
}

// writeRing writes what waits; whoever reads the ring calls it first. What could not
// be kept is told in its place: a replay must not go over it.
func (e *Engine) writeRing() {
	e.writing.Lock()
	defer e.writing.Unlock()
	lines, dropped := e.ring.takeAll()
	e.unkept += dropped
	for _, l := range lines {
		if e.unkept > 0 && e.Journal.Input(fmt.Sprintf("lost %d", e.unkept)) == nil {
			e.unkept = 0
		}
		err := e.Journal.Input(l.String())
		if err != nil {
			e.unkept++
		}
		if err != nil && !e.ringFails {
			e.Log.WithError(err).Warn("decision inputs not kept")
		}
		e.ringFails = err != nil
	}
}
