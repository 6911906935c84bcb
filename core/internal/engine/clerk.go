package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

const (
	newsBound    = 8192 // observations that may wait for the clerk
	historyBound = 500
	// wordsTold is the most that an event says, in bytes, and that one of its attributes
	// does. A console keeps no more; and a broker refuses a message beyond its own limit,
	// for ever, with all that waits behind it.
	wordsTold = 4096
	// statusEvery is the pace of unasked status messages.
	statusEvery = 5 * time.Second
)

// observation is what the loop, a probe, a fence device's watch or the host saw, on its way to people.
type observation struct {
	at      time.Duration
	regular bool // nothing was seen: a look at what grows with time
	view    *viewed
	raised  []failover.Alarm
	cleared []failover.Alarm
	over    []ended // cleared ones that stayed away
	notes   []failover.Note
	actions []failover.Action
	answers []failover.Answer
	probe   *probeChange
	device  *deviceChange
	plugin  *PluginEvent
	event   *api.Event                // one that is ready made
	judged  string                    // the object of which all was told that is wrong
	gather  func(*incidents) *changed // evidence that came in for an incident
}

type probeChange struct {
	name   string
	before sdk.Status
	result sdk.Result
}

// PluginEvent is something that happened to a plugin's process, as the host tells it.
type PluginEvent struct {
	Plugin string
	// Kind is started, died, silent, garbage, restarted, failed or refused.
	Kind        string
	PID, OldPID int
	Err         error
	Log         []string
}

// runs tells whether it is up by what happened.
func (p *PluginEvent) runs() bool { return p.Kind == "started" || p.Kind == "restarted" }

// clerk tells the world what happens: events, alarms, incidents, status, points.
// It has a goroutine of its own; the loop never waits for it.
type clerk struct {
	e         *Engine
	news      *queue[observation]
	incidents *incidents
	changed   chan struct{} // somebody should look at the status
	whole     bool          // redundant, as last told
	damper    damper
	serving   serving       // as last told in points
	toldPart  bool          // that it is not was told
	partSince time.Duration // since when it is something else; 0: it is not

	alarms   *alarms
	settling settling
	forged   map[string]*forgery // by link

	mu      sync.Mutex
	history []control.Entry // oldest first
}

func newClerk(e *Engine) *clerk {
	c := &clerk{
		e: e, news: newQueue[observation](newsBound), changed: make(chan struct{}, 1),
		alarms: newAlarms(e), history: e.Past, forged: map[string]*forgery{},
	}
	c.incidents = newIncidents(e)
	return c
}

func (c *clerk) tell(o observation) { c.news.put(o) }

// PluginHappened takes the host's news; it returns at once.
func (e *Engine) PluginHappened(p PluginEvent) {
	e.clerk.tell(observation{at: e.Clock.Now(), plugin: &p})
}

// Tell takes an event that is ready made; it returns at once.
func (e *Engine) Tell(event *api.Event) {
	e.clerk.tell(observation{at: e.Clock.Now(), event: event})
}

// run works off what was seen until ctx ends.
func (c *clerk) run(ctx context.Context) {
	c.start()
	grow := time.NewTimer(c.e.untilTick(growEvery))
	defer grow.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.news.wake:
			news, _ := c.news.takeAll()
			for _, o := range news {
				c.handle(ctx, o)
			}
		case <-grow.C:
			grow.Reset(c.e.untilTick(growEvery))
			c.handle(ctx, observation{at: c.e.Clock.Now(), view: c.e.view.Load(), regular: true})
		}
	}
}

// stop tells what still waits, once nobody adds to it, and says goodbye.
func (c *clerk) stop() {
	c.tell(observation{at: c.e.Clock.Now(), event: &api.Event{
		Kind: api.KindNodeStopped, Object: "node/" + c.e.Node, Severity: api.Severity_SEVERITY_WARNING,
		Message: "The daemon of " + c.e.Node + " ends; what runs on the node keeps running.",
	}})
	news, _ := c.news.takeAll()
	for _, o := range news {
		c.handle(context.Background(), o)
	}
	c.alarms.write()
}

func (c *clerk) start() {
	c.incidents.lookBack()
	c.emit(c.e.Clock.Now(), &api.Event{
		Kind: api.KindNodeStarted, Object: "node/" + c.e.Node, Severity: api.Severity_SEVERITY_INDETERMINATE,
		Message:    fmt.Sprintf("The daemon of %s runs.", c.e.Node),
		Attributes: map[string]string{"incarnation": fmt.Sprintf("%016x", uint64(c.e.Boot.Incarnation)), "kernel_boot_id": c.e.Boot.KernelBoot},
	})
	for _, event := range c.e.Startup {
		c.emit(c.e.Clock.Now(), event)
	}
}

// handle turns one observation into events, and lets the incidents grow.
func (c *clerk) handle(ctx context.Context, o observation) {
	if o.gather != nil {
		c.send(o.gather(c.incidents))
		return
	}
	if o.judged != "" {
		c.settling.judge(o.judged)
		return
	}
	if o.view != nil {
		c.settling.follow(o.at, o.view)
	}
	if o.regular {
		c.settle(o.at)
	}
	c.e.drills.observe(o)
	o.raised, o.over = c.damper.pass(o.at, o.raised, o.cleared)
	events := append(translate(c.e, o), c.redundancy(o)...)
	if o.regular {
		events = append(events, c.forgeries(o)...)
	}
	for _, event := range events {
		shorten(event)
	}
	opened := c.incidents.observe(ctx, o, events)
	for _, event := range events {
		if event.GetKind() == "" {
			continue // for the timeline alone
		}
		if event.GetIncident() == "" {
			event.Incident = belongs(event, opened.id)
		}
		c.emit(o.at, event)
	}
	if o.plugin != nil && o.plugin.runs() {
		c.settling.judge("plugin/" + o.plugin.Plugin)
	}
	c.measureRole(o)
	c.send(opened)
	if !o.regular || len(events)+len(opened.incidents) > 0 {
		c.poke()
	}
}

// measureRole puts a change of who is active into the series.
func (c *clerk) measureRole(o observation) {
	if o.view == nil {
		return
	}
	now := servingNow(o.view)
	if points := c.e.servingPoints(c.serving, now, c.e.Clock.At(o.at)); len(points) > 0 {
		c.e.Sink.Points(&api.Points{Points: points})
	}
	c.serving = now
}

// wholeAfter is how long a pair that hears each other may be less than whole before
// it is told: a restart in place or the end of a mode takes a moment.
const wholeAfter = 2 * time.Second

// redundancy tells when the pair stops or starts to be whole.
func (c *clerk) redundancy(o observation) []*api.Event {
	if o.view == nil {
		return nil
	}
	if o.view.Redundant == c.whole && (c.whole || c.toldPart || o.view.Role != beat.Active) {
		c.partSince = 0
		return nil
	}
	if c.partSince == 0 || maintained(o.view) { // what is ordered has an alarm of its own
		c.partSince = o.at
	}
	if !o.view.Redundant && o.view.Peer.Heard && o.at-c.partSince < wholeAfter {
		return nil
	}
	c.whole, c.toldPart, c.partSince = o.view.Redundant, !o.view.Redundant, 0
	event := &api.Event{
		Kind: api.KindRedundancyLost, Severity: major, Object: "node/" + c.e.Node, Condition: api.ConditionNotRedundant,
		Message: "The pair is not whole: " + cmp.Or(o.view.NotWhole, "no node stands by that could take over") + ".",
	}
	if c.whole {
		event.Kind, event.Severity = api.KindRedundancyRestored, cleared
		event.Message = "The pair is whole: one node serves, the other can take over."
	}
	return []*api.Event{event}
}

func maintained(v *viewed) bool {
	return slices.ContainsFunc(v.Modes, func(m failover.ModeView) bool { return m.Kind == beat.Maintenance })
}

// send hands an incident's newest revision to the sink.
func (c *clerk) send(what *changed) {
	if what == nil {
		return
	}
	for _, incident := range what.incidents {
		c.e.Sink.Incident(incident)
	}
}

// emit stamps an event, remembers it and hands it on.
func (c *clerk) emit(at time.Duration, event *api.Event) {
	wall := c.e.Clock.At(at)
	event.Generation = c.e.view.Load().Generation
	c.remember(wall, event)
	c.alarms.take(wall, event)
	c.log(event)
	c.e.Sink.Event(event)
}

func (c *clerk) log(event *api.Event) {
	entry := c.e.Log.WithField("kind", event.GetKind()).WithField("object", event.GetObject()).WithField("text", event.GetMessage())
	switch {
	case event.GetSeverity() >= api.Severity_SEVERITY_MAJOR:
		entry.Error("event")
	case event.GetSeverity() >= api.Severity_SEVERITY_WARNING:
		entry.Warn("event")
	default:
		entry.Info("event")
	}
}

func (c *clerk) remember(wall time.Time, event *api.Event) {
	entry := control.Entry{
		Time: wall, Kind: event.GetKind(), Severity: severityWord(event.GetSeverity()),
		Object: event.GetObject(), Message: event.GetMessage(), Incident: event.GetIncident(),
	}
	if c.e.Keep != nil {
		c.e.paper.put(func() { c.e.Keep(entry) })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history = append(c.history, entry)
	if len(c.history) > historyBound {
		c.history = c.history[len(c.history)-historyBound:]
	}
}

// past returns the newest events, newest first.
func (c *clerk) past(limit int) []control.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []control.Entry{}
	for i := len(c.history) - 1; i >= 0 && len(out) < limit; i-- {
		out = append(out, c.history[i])
	}
	return out
}

// poke asks for a status message soon.
func (c *clerk) poke() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
