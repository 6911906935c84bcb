package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// alarmsRecord is the document with the alarms that this node has told and not ended.
const alarmsRecord = "alarms"

const (
	// alarmsKept and wordsKept bound the document: conditions and messages are plugins' words.
	alarmsKept = 500
	wordsKept  = 1000 // bytes of a message
	// keepAfter is how long alarms wait for the disk, and how often they look again while a
	// takeover, which tells many, needs it for its state; keepWithin is when they wait no more.
	keepAfter, keepWithin = time.Second, 30 * time.Second
	// keepAgain is how often a disk that does not take them is tried.
	keepAgain = 30 * time.Second
)

// alarms are the conditions that stand, and those that the daemon before this one
// told: a node that dies ends nothing, and whoever was told of them, as a customer's
// NMS, would show them for ever.
type alarms struct {
	e      *Engine
	change chan struct{} // wakes the writer
	fails  bool          // the disk did not take them; the writer's own

	mu       sync.Mutex
	standing map[string]control.Alarm
	former   map[string]control.Alarm // of the daemon before, as far as nothing was told of them since
}

func newAlarms(e *Engine) *alarms {
	a := &alarms{e: e, change: make(chan struct{}, 1), standing: map[string]control.Alarm{}, former: map[string]control.Alarm{}}
	if e.Records == nil {
		return a
	}
	var told []control.Alarm
	text, err := e.Records.Load(alarmsRecord)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &told)
	}
	if err != nil {
		e.Log.WithError(err).Warn("alarms of the past not read")
		return a
	}
	for _, alarm := range told[:min(len(told), alarmsKept)] {
		if alarm.Object == "" || alarm.Condition == "" {
			continue // no event could tell it anew or end it
		}
		alarm.Kind, alarm.Message = cmp.Or(alarm.Kind, api.KindAlarm), spoken.Brief(alarm.Message, wordsKept)
		a.former[alarmKey(alarm.Object, alarm.Condition)] = alarm
	}
	return a
}

func alarmKey(object, condition string) string { return object + " " + condition }

// take folds an event into the alarms.
func (a *alarms) take(wall time.Time, event *api.Event) {
	if event.GetCondition() == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := alarmKey(event.GetObject(), event.GetCondition())
	_, former := a.former[key]
	old, standing := a.standing[key]
	delete(a.former, key) // it is told anew, or ended
	if event.GetSeverity() == cleared {
		delete(a.standing, key)
		if former || standing {
			a.keep()
		}
		return
	}
	since := wall
	if standing {
		since = old.Since
	}
	told := control.Alarm{
		Object: event.GetObject(), Condition: event.GetCondition(), Severity: severityWord(event.GetSeverity()),
		Message: event.GetMessage(), Since: since, Kind: event.GetKind(),
	}
	if told == old {
		return
	}
	a.standing[key] = told
	a.keep()
}

// forget drops an alarm that is another node's to tell now.
func (a *alarms) forget(object, condition string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := alarmKey(object, condition)
	delete(a.standing, key)
	delete(a.former, key)
	a.keep()
}

// settled tells whether nothing of the daemon before this one is left.
func (a *alarms) settled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.former) == 0
}

// settle drops what the daemon before this one told and is known to hold no longer, and
// returns its ends. What the peer tells of an object that both look at is the peer's to end.
func (a *alarms) settle(peers []control.Alarm, known func(control.Alarm) bool) []*api.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.former)
	for _, alarm := range peers {
		if !api.IsLocal(alarm.Object) {
			delete(a.former, alarmKey(alarm.Object, alarm.Condition))
		}
	}
	var out []*api.Event
	for _, key := range slices.Sorted(maps.Keys(a.former)) {
		alarm := a.former[key]
		if !known(alarm) {
			continue
		}
		delete(a.former, key)
		out = append(out, &api.Event{
			// Of the kind that was told: that its opposite came about nobody saw.
			Kind: alarm.Kind, Severity: cleared, Object: alarm.Object, Condition: alarm.Condition,
			Message: "No longer, since the daemon of " + a.e.Node + " started anew: " + alarm.Message,
		})
	}
	if len(a.former) < before {
		a.keep()
	}
	return out
}

// list has the alarms that stand, worst first, then oldest first.
func (a *alarms) list() []control.Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	return ordered(a.standing)
}

func ordered(all map[string]control.Alarm) []control.Alarm {
	out := slices.AppendSeq(make([]control.Alarm, 0, len(all)), maps.Values(all))
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Severity != b.Severity {
			return api.SeverityRank(a.Severity) > api.SeverityRank(b.Severity)
		}
		if !a.Since.Equal(b.Since) {
			return a.Since.Before(b.Since)
		}
		return a.Object+a.Condition < b.Object+b.Condition
	})
	return out
}

// keep has the alarms written; a.mu is held. Nobody waits for the disk: of what was told in
// the last second before a power cut, or in a takeover that it ended, the end may be missing.
func (a *alarms) keep() {
	select {
	case a.change <- struct{}{}:
	default:
	}
}

// run writes the alarms a moment after one begins, changes or ends, and again until the
// disk takes them.
func (a *alarms) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.change:
		}
		// Whatever ctx ends, the clerk writes the last ones.
		if !a.awaitDisk(ctx) {
			return
		}
		for !a.write() {
			if !a.e.rest(ctx, keepAgain) {
				return
			}
		}
	}
}

// awaitDisk waits until the disk has nothing more urgent to do; false: ctx ended first.
func (a *alarms) awaitDisk(ctx context.Context) bool {
	for end := a.e.Clock.Now() + keepWithin; ; {
		if !a.e.rest(ctx, keepAfter) {
			return false
		}
		if !takingOver(a.e.view.Load()) || a.e.Clock.Now() >= end {
			return true
		}
	}
}

// takingOver tells whether the service changes its node, or may be about to.
func takingOver(v *viewed) bool {
	return v.Peer.Silent && !v.Peer.Off || v.Failover.Generation > 0 && v.Failover.Done == 0
}

// write tells whether the disk took the alarms. That it does not is logged once.
func (a *alarms) write() bool {
	if a.e.Records == nil {
		return true
	}
	err := a.save()
	if err != nil && !a.fails {
		a.e.Log.WithError(err).Warn("alarms not recorded")
	}
	a.fails = err != nil
	return !a.fails
}

func (a *alarms) save() error {
	a.mu.Lock()
	all := slices.Concat(ordered(a.standing), ordered(a.former))
	a.mu.Unlock()
	all = all[:min(len(all), alarmsKept)]
	for i := range all {
		all[i].Message = spoken.Brief(all[i].Message, wordsKept)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return a.e.Records.Save(alarmsRecord, text)
}
