package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/control"
)

// alarmsRecord is the document with the alarms that this node has told and not ended.
const alarmsRecord = "alarms"

const (
	// settleAfter is how long a daemon has to tell again what still holds of its
	// predecessor's alarms, and to hear what its peer tells.
	settleAfter = 30 * time.Second
	// freshNews is how old the peer's word may be to count: it comes every second.
	freshNews = 5 * time.Second
)

// alarms are the conditions that stand, and those that the daemon before this one
// told: a node that dies ends nothing, and whoever was told of them, as a customer's
// NMS, would show them for ever.
type alarms struct {
	e      *Engine
	change chan struct{} // wakes the writer

	mu       sync.Mutex
	standing map[string]control.Alarm
	former   map[string]control.Alarm // of the daemon before; empty once that is settled
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
	for _, alarm := range told {
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
	a.standing[key] = control.Alarm{
		Object: event.GetObject(), Condition: event.GetCondition(), Severity: severityWord(event.GetSeverity()),
		Message: event.GetMessage(), Since: since, Kind: event.GetKind(),
	}
	if !standing {
		a.keep()
	}
}

// forget drops an alarm that is another node's to tell now.
func (a *alarms) forget(object, condition string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.standing, alarmKey(object, condition))
	a.keep()
}

// settle ends what the daemon before this one told and neither this one nor the peer
// tells now.
func (a *alarms) settle(peers []control.Alarm) []*api.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alarm := range peers {
		delete(a.former, alarmKey(alarm.Object, alarm.Condition))
	}
	a.keep()
	var out []*api.Event
	for _, key := range slices.Sorted(maps.Keys(a.former)) {
		alarm := a.former[key]
		out = append(out, &api.Event{
			// Of the kind that was told: that its opposite came about nobody saw.
			Kind: alarm.Kind, Severity: cleared, Object: alarm.Object, Condition: alarm.Condition,
			Message: "No longer, since the daemon of " + a.e.Node + " started anew: " + alarm.Message,
		})
	}
	return out
}

// settle waits until the peer, where it is heard, has told its alarms too.
func (c *clerk) settle(at time.Duration) {
	if at-c.e.begun < settleAfter || c.settled {
		return
	}
	var peers []control.Alarm
	if c.e.Peer != nil && c.e.view.Load().Peer.Heard {
		news, taken := c.e.Peer.Latest()
		if news == nil || c.e.Clock.Wall().Sub(taken) > freshNews {
			return
		}
		peers = alarmsOf(news)
	}
	c.settled = true
	for _, event := range c.alarms.settle(peers) {
		c.emit(at, event)
	}
}

// list has the alarms that stand, worst first, then oldest first.
func (a *alarms) list() []control.Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := slices.Collect(maps.Values(a.standing))
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Severity != b.Severity {
			return severityRank(a.Severity) > severityRank(b.Severity)
		}
		if !a.Since.Equal(b.Since) {
			return a.Since.Before(b.Since)
		}
		return a.Object+a.Condition < b.Object+b.Condition
	})
	return out
}

// keep has the alarms written; a.mu is held. Nobody waits for the disk: of what was
// told in the last milliseconds before a power cut the end may be missing.
func (a *alarms) keep() {
	select {
	case a.change <- struct{}{}:
	default:
	}
}

// run writes the alarms whenever one begins or ends.
func (a *alarms) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.change:
			a.write()
		}
	}
}

func (a *alarms) write() {
	if a.e.Records == nil {
		return
	}
	if err := a.save(); err != nil {
		a.e.Log.WithError(err).Warn("alarms not recorded")
	}
}

func (a *alarms) save() error {
	a.mu.Lock()
	all := slices.Concat(slices.Collect(maps.Values(a.standing)), slices.Collect(maps.Values(a.former)))
	a.mu.Unlock()
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return a.e.Records.Save(alarmsRecord, text)
}
