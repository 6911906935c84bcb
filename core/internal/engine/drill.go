package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/schedule"
)

const (
	// drillApart is the least time between two drills of the schedule, which both nodes
	// keep by clocks of their own: the taker's may show the hour a moment later.
	drillApart = 30 * time.Minute
	// drillLate is how late a drill may still begin: cron counts in minutes.
	drillLate = time.Minute
	// drillLongest is when a drill of which nothing more was heard counts as failed.
	drillLongest = 10 * time.Minute
	// scheduledDrill is the command of the schedule.
	scheduledDrill = "drill-schedule"
	drillsRecord   = "drills"
)

// drillRecord is one drill as this node saw it, or as its peer told it.
type drillRecord struct {
	Began      time.Time `json:"began,omitzero"` // zero: there was none
	Ended      time.Time `json:"ended,omitzero"` // zero: it goes on
	OK         bool      `json:"ok"`
	Taker      string    `json:"taker,omitempty"`
	Seconds    float64   `json:"seconds,omitempty"` // that the service was away
	Fault      string    `json:"fault,omitempty"`
	Generation uint64    `json:"generation,omitempty"` // in which the taker serves
}

func (r drillRecord) running() bool { return !r.Began.IsZero() && r.Ended.IsZero() }

// newer tells whether r knows more than old. Both nodes stamp by their own clocks; the
// generation says that they mean the same drill, unless an earlier one left it unused.
func (r drillRecord) newer(old drillRecord) bool {
	same := r.Generation == old.Generation && r.Began.Sub(old.Began).Abs() < drillApart
	switch {
	case r.Began.IsZero():
		return false
	case !same:
		return r.Began.After(old.Began)
	case r.running() || old.running():
		return !r.running() && old.running()
	}
	return r.Ended.After(old.Ended)
}

// drills begins those of the schedule while this node is active, keeps how the last
// one came out, on whichever node, and complains of one that failed or is overdue.
// What a drill is and what refuses it, the policy decides.
type drills struct {
	e *Engine

	mu   sync.Mutex
	last drillRecord
	// since is when the schedule, cron, was first seen: before that none of it was due.
	since time.Time
	cron  string
	told  string   // the kind of the complaint that stands; empty: none
	plan  struct { // the configured schedule, parsed
		text string
		cron schedule.Cron
		ok   bool
	}
	news chan struct{} // there is something to keep
}

func newDrills(e *Engine) *drills {
	d := &drills{e: e, news: make(chan struct{}, 1)}
	d.recall()
	return d
}

// run looks at each full minute whether a drill is due, and whether there is a complaint.
func (d *drills) run(ctx context.Context) {
	before := d.e.Clock.Wall()
	for {
		d.review()
		now := d.e.Clock.Wall()
		if due, ok := d.due(before, now); ok {
			d.begin(ctx, due)
		}
		before = now
		if !d.rest(ctx, now.Truncate(time.Minute).Add(time.Minute).Sub(now)) {
			return
		}
	}
}

// rest waits, and brings to the disk what is new meanwhile: nobody else waits for it.
func (d *drills) rest(ctx context.Context, span time.Duration) bool {
	over := time.NewTimer(span)
	defer over.Stop()
	for {
		select {
		case <-d.news:
			d.save()
		case <-over.C:
			return true
		case <-ctx.Done():
			d.save()
			return false
		}
	}
}

// schedule is the plan as it is configured now; false: there is none. d.mu is held.
func (d *drills) schedule() (schedule.Cron, bool) {
	if text := d.config().Cron; text != d.plan.text {
		cron, err := schedule.ParseCron(text)
		d.plan.text, d.plan.cron, d.plan.ok = text, cron, err == nil
	}
	return d.plan.cron, d.plan.ok
}

func (d *drills) config() config.Drills { return d.e.cfg.Load().Drills }

// open tells whether the store is open now.
func (d *drills) open() bool {
	hours, err := schedule.ParseHours(d.config().OpeningHours)
	return err == nil && hours.Open(d.e.Clock.Wall())
}

// due finds a drill that became due after before and may still begin.
func (d *drills) due(before, now time.Time) (time.Time, bool) {
	d.mu.Lock()
	cron, ok := d.schedule()
	d.mu.Unlock()
	if !ok {
		return time.Time{}, false
	}
	if earliest := now.Add(-drillLate); before.Before(earliest) {
		before = earliest
	}
	at := cron.Next(before)
	return at, !at.IsZero() && !at.After(now)
}

// begin gives the command where this node is active and no drill was held lately.
func (d *drills) begin(ctx context.Context, due time.Time) {
	d.mu.Lock()
	lately := !d.last.Began.IsZero() && due.Sub(d.last.Began).Abs() < drillApart
	d.mu.Unlock()
	if lately || d.e.viewOf().Role != beat.Active {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commandBound)
	defer cancel()
	_, err := d.e.order(ctx, failover.Command{ID: scheduledDrill, Verb: failover.Drill, Operator: "the schedule", Open: d.open()})
	if err != nil {
		d.e.Log.WithError(err).Error("drill not begun")
	}
}

// observe keeps what the policy tells of a drill; the clerk calls it before it tells the world.
func (d *drills) observe(o observation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range o.notes {
		at, f := d.e.Clock.At(o.at), o.view.Failover
		switch {
		case n.Kind == "drill-begun":
			d.last = drillRecord{Began: at, Taker: d.e.peer, Generation: o.view.Generation + 1}
		case n.Kind == "takeover-begun" && f.Kind == failover.KindDrill:
			d.last = drillRecord{Began: d.e.Clock.At(f.Began), Taker: d.e.Node, Generation: f.Generation}
		case n.Kind == "drill-done":
			d.end(at, "")
			d.last.Seconds, d.told = (f.Done - f.Began).Seconds(), ""
		case n.Kind == "drill-failed":
			d.end(at, drillFault(n))
			d.told = api.KindDrillFailed
			if f.Kind == failover.KindDrill && f.OK {
				d.last.Seconds = (f.Done - f.Began).Seconds()
			}
		default:
			continue
		}
		d.keep()
	}
}

// drillFault is what went wrong, from the policy's own words.
func drillFault(n failover.Note) string { return strings.TrimPrefix(n.Text, "the drill failed: ") }

// end closes the record; d.mu is held.
func (d *drills) end(at time.Time, fault string) {
	if !d.last.running() {
		d.last = drillRecord{Began: at}
	}
	d.last.Ended, d.last.OK, d.last.Fault = at, fault == "", fault
}

// learn takes what the peer knows of the last drill.
func (d *drills) learn(s *api.DrillStatus) {
	if s.GetBegan() == nil {
		return
	}
	told := drillRecord{
		Began: s.GetBegan().AsTime(), OK: s.GetOk(), Taker: s.GetTaker(), Seconds: s.GetTookSeconds(), Fault: s.GetMessage(), Generation: s.GetGeneration(),
	}
	if s.GetEnded() != nil {
		told.Ended = s.GetEnded().AsTime()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if told.newer(d.last) {
		d.last = told
		d.keep()
	}
}

// status is what people see.
func (d *drills) status() *api.DrillStatus {
	now := d.e.Clock.Wall()
	d.mu.Lock()
	defer d.mu.Unlock()
	out := &api.DrillStatus{
		Ok: d.last.OK, Taker: d.last.Taker, TookSeconds: d.last.Seconds, Message: d.last.Fault, Generation: d.last.Generation,
	}
	if !d.last.Began.IsZero() {
		out.Began = timestamp(d.last.Began)
	}
	if !d.last.Ended.IsZero() {
		out.Ended = timestamp(d.last.Ended)
	}
	if cron, ok := d.schedule(); ok {
		if next := cron.Next(now); !next.IsZero() {
			out.Next = timestamp(next)
		}
	}
	_, out.Overdue = d.missed(now)
	return out
}

// missed is the drill that was due and was not held; d.mu is held.
func (d *drills) missed(now time.Time) (due time.Time, overdue bool) {
	cron, ok := d.schedule()
	if !ok || d.last.running() || d.cron != d.config().Cron {
		return time.Time{}, false
	}
	held := d.since
	if d.last.Ended.After(held) {
		held = d.last.Ended.Add(drillApart)
	}
	due = cron.Next(held)
	return due, !due.IsZero() && now.Sub(due) > drillApart
}

// review has the active node tell what is wrong with the drills, or that it is over.
// Who is not active forgets it: the other one tells it then.
func (d *drills) review() {
	now := d.e.Clock.Wall()
	d.mu.Lock()
	defer d.mu.Unlock()
	if cron := d.config().Cron; cron != d.cron {
		d.cron, d.since = cron, now
		d.keep()
	}
	if d.last.running() && now.Sub(d.last.Began) > drillLongest {
		d.end(now, "nothing was heard of how it came out")
		d.keep()
	}
	role := d.e.viewOf().Role
	if role != beat.Joining {
		defer d.e.clerk.judged(d.object()) // after what is told here
	}
	if role != beat.Active {
		if d.told != "" {
			d.told = ""
			d.e.clerk.alarms.forget(d.object(), api.ConditionDrill)
		}
		return
	}
	event := d.complaint(now)
	switch {
	case event.GetKind() == d.told:
		return
	case event == nil:
		event = &api.Event{Kind: d.told, Severity: cleared, Message: "No longer: a drill failed, or is overdue."}
		d.told = ""
	default:
		d.told = event.GetKind()
	}
	event.Object, event.Condition = d.object(), api.ConditionDrill
	d.e.Tell(event)
}

// complaint is what is wrong; nil: nothing. d.mu is held.
func (d *drills) complaint(now time.Time) *api.Event {
	const day = "Mon 2006-01-02 15:04"
	if due, overdue := d.missed(now); overdue {
		return &api.Event{
			Kind: api.KindDrillOverdue, Severity: warning,
			Message: fmt.Sprintf("A drill is overdue: the one of %s was not held, and none since. Nobody knows whether a failover would work.", due.Format(day)),
		}
	}
	if !d.last.Ended.IsZero() && !d.last.OK {
		return &api.Event{
			Kind: api.KindDrillFailed, Severity: major,
			Message: sentence(fmt.Sprintf("The drill of %s failed: %s", d.last.Began.In(now.Location()).Format(day), d.last.Fault)),
		}
	}
	return nil
}

func (d *drills) object() string { return "store/" + d.e.Config.Store }

// drillMemory is what outlives the daemon.
type drillMemory struct {
	Cron  string      `json:"cron,omitempty"`
	Since time.Time   `json:"since,omitzero"`
	Last  drillRecord `json:"last,omitzero"`
}

// keep has the memory written; d.mu is held.
func (d *drills) keep() {
	select {
	case d.news <- struct{}{}:
	default:
	}
}

func (d *drills) save() {
	if d.e.Records == nil {
		return
	}
	d.mu.Lock()
	memory := drillMemory{d.cron, d.since, d.last}
	d.mu.Unlock()
	text, err := json.Marshal(memory)
	if err == nil {
		err = d.e.Records.Save(drillsRecord, text)
	}
	if err != nil {
		d.e.Log.WithError(err).Warn("drill not recorded")
	}
}

// recall reads what an earlier daemon knew. A drill in the middle of which it ended
// is over: where the peer took over, it tells how.
func (d *drills) recall() {
	var memory drillMemory
	if d.e.Records != nil {
		text, err := d.e.Records.Load(drillsRecord)
		if err == nil && text != nil {
			err = json.Unmarshal(text, &memory)
		}
		if err != nil {
			d.e.Log.WithError(err).Warn("drills of the past not read")
			memory = drillMemory{}
		}
	}
	d.last, d.cron, d.since = memory.Last, memory.Cron, memory.Since
	if d.last.running() {
		d.end(d.last.Began, "the daemon of "+d.e.Node+" ended in the middle of it")
	}
}
