// Package engine is the one loop of a node: facts in, decision, actions out. A
// single goroutine owns the policy machine and reads the clock for it; it makes
// every beat too, so that a hung core falls silent. Everything slow (disks,
// plugins, the peer, reports) happens in goroutines of its own, with a deadline,
// and comes back as a fact. The engine decides nothing about the cluster.
package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/report"
)

const (
	// inboxSize bounds the facts that wait for the loop; at the fast settings it is minutes of beats.
	inboxSize = 4096
	// leastWait keeps a policy that wants to be asked again at once from taking the whole processor.
	leastWait = time.Millisecond
	// viewEvery is how old the published view may be when nothing changes.
	viewEvery = time.Second
	// handOverBound is how long a stopping daemon waits for its peer to take over, once
	// nothing comes down here any more.
	handOverBound = 30 * time.Second
)

// Clock is the node's time: Now is CLOCK_MONOTONIC, Wall the time of day.
type Clock struct {
	Now  func() time.Duration
	Wall func() time.Time
}

// At is the wall-clock time of a monotonic moment.
func (c Clock) At(moment time.Duration) time.Time { return c.Wall().Add(moment - c.Now()) }

// Options are what the engine is made of.
type Options struct {
	Config *config.Config
	// Node is this node's name in the configuration.
	Node    string
	Version string
	Key     []byte // the cluster's key
	// Boot and Saved are what the daemon knows of its start and what survived.
	Boot  failover.Boot
	Saved failover.State
	// Startup are things of the start that people must hear of, e.g. a corrupt journal.
	Startup []*api.Event

	// Past is what happened before this start, oldest first; Keep takes what happens now,
	// one after the other, and may take its time.
	Past []control.Entry
	Keep func(control.Entry)

	Plugins Plugins
	Journal Journal
	// Records may be nil: then what was measured is measured anew after a start.
	Records Records
	Sink    report.Sink
	// Evidence gathers snapshots and flight samples; Peer is the second channel. Both may be nil.
	Evidence Evidence
	Peer     Peer
	// PowerOff runs the command that shuts this host down, and returns once that has
	// begun; nil: there is no way.
	PowerOff func(ctx context.Context, command []string) error
	// Watchdog may be nil.
	Watchdog Watchdog
	// ReadConfig reads the configuration file again.
	ReadConfig func() (*config.Config, error)

	Clock Clock
	Log   logrus.FieldLogger
}

// Engine is one node at work. Make it with New, Run it once.
type Engine struct {
	Options
	cfg   atomic.Pointer[config.Config]
	sum   atomic.Pointer[string] // its digest, which costs more than the rest of a status
	peer  string
	codec beat.Codec

	machine *failover.Machine
	policy  failover.Policy // the loop's own copy, as last given to the machine
	inbox   chan fact
	due     time.Duration                   // when the loop is to come round next
	waiting map[string]chan failover.Answer // commands under way, by ID; the loop's own
	lost    atomic.Uint64                   // facts that found the inbox full

	links     map[string]*link
	devices   map[string]*device
	resources map[string]*resource
	reach     map[string]*instance
	probes    *probes
	lives     *deviceLives
	drills    *drills
	arrivals  firstArrivals
	reviewing sync.Mutex        // guards reviewed
	reviewed  []failover.Device // as last brought into the policy
	recording atomic.Bool       // measured lives are on their way to the disk

	view    atomic.Pointer[viewed]
	plan    atomic.Pointer[planned]
	told    atomic.Pointer[api.Status]        // what the world was told last
	found   atomic.Pointer[failover.Analysis] // the last complete answer about the peer
	asking  atomic.Bool                       // the service is being asked for an analysis
	clerk   *clerk
	ring    *queue[ringLine]
	writing sync.Mutex     // held while lines go from ring to the journal
	paper   *queue[func()] // the clerk's work for the scribe
	// ringFails tells whether the last line could not be kept, unkept how many were not
	// since the ring was told of it; writing guards both.
	ringFails bool
	unkept    uint64
	imaged    time.Duration // when the record told the whole machine last; the loop's own
	saves     chan saveOrder
	held      held // what a later start compares its configuration with
	actions   sync.WaitGroup
	ending    sync.Mutex
	ended     bool
	life      context.Context //nolint:containedctx // the engine's own: for work that the peer channel triggers
	die       context.CancelFunc
	begun     time.Duration
}

// fact is one event on its way into the loop.
type fact struct {
	event failover.Event
	reply chan failover.Answer
}

// viewed is the machine's view at a moment.
type viewed struct {
	failover.View
	at time.Duration
}

// planned is what the last plan with anything to say was, for people.
type planned struct {
	why     []failover.Reason
	actions []string
	wake    time.Duration
}

// New makes an engine. It opens nothing.
func New(o Options) (*Engine, error) {
	peer := o.Config.PeerOf(o.Node)
	if peer == nil || o.Config.Node(o.Node) == nil {
		return nil, fmt.Errorf("configuration knows no node %q with a peer", o.Node)
	}
	e := &Engine{
		Options: o,
		peer:    peer.Name,
		codec:   beat.Codec{Cluster: o.Config.Store, Node: o.Node, Key: o.Key},
		inbox:   make(chan fact, inboxSize),
		waiting: map[string]chan failover.Answer{},
		ring:    newQueue[ringLine](ringBound),
		paper:   newQueue[func()](paperBound),
		saves:   make(chan saveOrder, 16),
		lives:   newDeviceLives(o.Clock.Wall),
		begun:   o.Clock.Now(),
	}
	e.life, e.die = context.WithCancel(context.Background())
	e.recallLives()
	e.use(o.Config)
	e.policy = policyOf(o.Config, o.Node, e.lives)
	e.reviewed = e.policy.Devices
	e.recallHeld()
	e.machine = failover.New(e.policy, e.Saved, e.Boot, e.begun)
	e.view.Store(&viewed{View: e.machine.View(o.Clock.Now()), at: o.Clock.Now()})
	e.plan.Store(&planned{})
	e.links, e.devices, e.resources = e.newLinks(), e.newDevices(), e.newResources()
	e.reach = e.newReach()
	e.probes = newProbes(e)
	e.clerk = newClerk(e)
	e.drills = newDrills(e)
	return e, nil
}

// Run works until ctx ends; then an active node hands over, if there is a peer to hand
// over to, and stays until that one is active; a standby announces its planned silence. What still runs is
// left running.
func (e *Engine) Run(ctx context.Context) error {
	defer e.die()
	var wait sync.WaitGroup
	e.recordStart()
	for _, work := range e.work() {
		wait.Go(func() { work(e.life) })
	}
	e.loop(ctx, e.life)
	e.release()
	e.die()
	wait.Wait()
	e.ending.Lock()
	e.ended = true
	e.ending.Unlock()
	e.actions.Wait()
	e.doPaper() // what it brings in is told as well
	e.clerk.stop()
	e.doPaper()
	return nil
}

// work lists the goroutines that live as long as the engine.
func (e *Engine) work() []func(context.Context) {
	all := []func(context.Context){
		e.saver, e.scribe, e.clerk.run, e.clerk.alarms.run, e.probes.run, e.watchPingGroup, e.statusTicker, e.drills.run,
	}
	for _, l := range e.links {
		all = append(all, l.receive)
	}
	for _, d := range e.devices {
		all = append(all, d.watch)
	}
	for _, r := range e.resources {
		all = append(all, r.watch)
	}
	for _, i := range e.reach {
		all = append(all, i.open)
	}
	return all
}

// loop owns the machine. It never waits for anything but facts and the time.
func (e *Engine) loop(ctx, helpers context.Context) {
	timer := time.NewTimer(0)
	defer func() { timer.Stop() }()
	leaving := ctx.Done()
	var end <-chan time.Time
	e.due = e.Clock.Now()
	for {
		var facts []fact
		select {
		case f := <-e.inbox:
			facts = e.drain(f)
		case <-timer.C:
		case <-leaving:
			leaving = nil
			facts = []fact{leave(e.Node)}
			end = time.After(handOverBound)
		case <-end:
			return
		case <-helpers.Done():
			return
		}
		now := e.Clock.Now()
		e.alive(now)
		plan := e.step(now, append(facts, e.doubtLinks(now)...))
		e.due = plan.Wake
		e.carry(helpers, now, plan)
		e.recordImage(now, plan)
		if end != nil && left(plan) {
			return
		}
		if end != nil && comesDown(e.viewOf()) {
			end = time.After(handOverBound)
		}
		timer.Stop()
		// Nearly every wake is put off by the next beat. The runtime would wake for a timer
		// that was reset to a later time at its old one, too; it forgets a stopped one.
		timer = time.NewTimer(max(leastWait, plan.Wake-e.Clock.Now()))
	}
}

// alive tells the watchdog that the loop came round, and how late.
func (e *Engine) alive(now time.Duration) {
	if e.Watchdog != nil {
		e.Watchdog.Alive(now, now-e.due)
	}
}

// release lets go of the watchdog once the loop has ended as it was asked to: what
// remains to be done may take its time.
func (e *Engine) release() {
	if e.Watchdog == nil {
		return
	}
	if err := e.Watchdog.Close(); err != nil {
		e.Log.WithError(err).Error("watchdog not disarmed: this machine will be reset")
	}
}

// doubtLinks lets no decision rest on a link whose plugin hangs.
func (e *Engine) doubtLinks(now time.Duration) (facts []fact) {
	for _, l := range e.links {
		if event, changed := l.doubt(now, e.policy.Interval); changed {
			facts = append(facts, fact{event: event})
		}
	}
	return facts
}

// drain adds to a fact what already waits, so that one decision sees all of it.
func (e *Engine) drain(first fact) []fact {
	facts := []fact{first}
	for len(facts) <= inboxSize {
		select {
		case f := <-e.inbox:
			facts = append(facts, f)
		default:
			return facts
		}
	}
	return facts
}

// step is one decision: the machine takes the facts and says what is to be done, all
// at one time. The record has the same, so that a replay is exact.
func (e *Engine) step(now time.Duration, facts []fact) failover.Plan {
	e.recordStep(now, facts)
	for _, f := range facts {
		switch event := f.event.(type) {
		case failover.Command:
			if f.reply != nil {
				e.waiting[event.ID] = f.reply
			}
		case failover.PolicyChanged:
			e.policy = event.Policy
		}
		e.machine.Apply(now, f.event)
	}
	return e.machine.Decide(now)
}

// post hands a fact to the loop; it waits only while thousands wait already.
func (e *Engine) post(ctx context.Context, event failover.Event) {
	select {
	case e.inbox <- fact{event: event}:
	case <-ctx.Done():
	}
}

// offer hands a fact to the loop or drops it: beats come again.
func (e *Engine) offer(event failover.Event) {
	select {
	case e.inbox <- fact{event: event}:
	default:
		e.drop(event)
	}
}

// drop notes a fact that found the inbox full: the loop stands still, or takes too long.
func (e *Engine) drop(event failover.Event) {
	if n := e.lost.Add(1); n&(n-1) == 0 { // 1, 2, 4, …: it says how bad it is, and fills no log
		e.Log.WithField("dropped", n).WithField("fact", event.String()).Error("the loop does not take what it is told")
	}
}

// leave tells the policy that the daemon stops (S7): an active node hands over first,
// a standby announces its silence.
func leave(node string) fact {
	return fact{event: failover.Command{ID: leaveID, Verb: failover.Leave, Name: node, Operator: "daemon"}}
}

const leaveID = "leave"

// left tells that the daemon may end: a beat of a node that is not active announced its
// silence and grants nothing, since the peer has what it was granted, or refused it; or
// there is nobody to hand over to. Then the service keeps running, and the probe through
// the virtual IP protects it.
func left(plan failover.Plan) bool {
	for _, a := range plan.Answers {
		if a.ID == leaveID && a.Err != "" {
			return true
		}
	}
	b := plan.Beat
	return b != nil && b.Grace > 0 && b.Role != beat.Active && b.Grant == beat.Grant{}
}

// comesDown tells whether a stop goes on, or a start, which a stop waits for: each is bounded
// by its own time, and is not to be cut off by the daemon's end. A stop that failed before is
// waited for no more: it may fail for ever.
func comesDown(v failover.View) bool {
	return slices.ContainsFunc(v.Resources, func(r failover.ResourceView) bool {
		failed := slices.ContainsFunc(v.Alarms, func(a failover.Alarm) bool { return a.Object == "resource/"+r.Name && a.Key == "stop-failed" })
		return (r.State == "stopping" || r.State == "starting") && !failed
	})
}
