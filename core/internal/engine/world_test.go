package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/sdk"
)

const storeFile = `store: s0001
nodes:
  - {name: alpha, role: primary, address: 10.0.0.1, interface: eth0, services: ["10.0.0.1:22"]}
  - {name: beta, role: secondary, address: 10.0.0.2, interface: eth0, services: ["10.0.0.2:22"]}
key: 0123456789abcdef0123456789abcdef
timing: {interval: 50ms, warntime: 120ms, deadtime: 200ms, initdead: 2s, analyse: 50ms}
links:
  - {name: cable, plugin: heartbeat, direct: true, with: {}}
  - {name: lan, plugin: heartbeat, with: {}}
fencing:
  - {name: ups-alpha, plugin: ups, feeds: [alpha], order_life: 500ms, monitor: 1s, with: {}}
  - {name: ups-beta, plugin: ups, feeds: [beta], order_life: 500ms, monitor: 1s, with: {}}
ping_group: [10.0.0.254]
policy: {after_fence: cycle, off_time: 3s, on_battery: {standby_after: 1m}}
watchdog: {timeout: 2s}
resources:
  - {name: ip, plugin: vip, layer: address, with: {}}
  - {name: db, plugin: service, layer: service, after: [ip], with: {}}
  - {name: cache, plugin: service, layer: cache, warm: true, after: [db], with: {}}
probes:
  - {name: sale, plugin: http, every: 1s, timeout: 500ms, on: active, verify: true, with: {}}
`

const fastBeats = "interval: 50ms, warntime: 120ms, deadtime: 200ms"

// world is two machines with their cables, supplies and services; everything
// outside of the engines that the plugins would touch.
type world struct {
	t       *testing.T
	begun   time.Time
	mu      sync.Mutex
	power   map[string]bool
	running map[string]map[string]int // node, resource: pid
	// promoted is the node on which the warm resource has its data.
	promoted string
	pids     int
	ears     map[string]map[string]func(sdk.Packet) // node, link
	refuse   bool                                   // fence devices refuse
	hung     string                                 // the node whose link plugin hangs, since hungAt
	hungAt   time.Duration
	dark     bool                          // who is cut gets no power again
	starts   time.Duration                 // how long a resource takes to start
	stops    map[string]time.Duration      // how long a resource takes to stop
	saves    map[string]time.Duration      // how long a node's disk takes to save
	slow     time.Duration                 // how long the service takes to answer
	wrong    map[string][]sdk.Condition    // with the supply of a node
	stuck    string                        // the node on which the data cannot be stopped
	spoiled  string                        // the node on which the data cannot be started
	resets   map[string]int                // by watchdogs
	battery  map[string]map[string]float64 // what a node's supply tells of it
	asleep   map[string]time.Duration      // supplies that were told to switch off later
	halted   map[string]string             // nodes that were shut down, by which command
	nodes    map[string]*fakeDaemon
	ever     []*fakeDaemon
	saved    map[string]string
	records  map[string][]byte        // NODE/NAME
	behind   map[string]time.Duration // a node's clock
	extra    string                   // of the configuration
	initdead string                   // instead of the file's
	policy   string                   // keys in front of the file's
	timing   string                   // instead of the file's
	ailing   map[string]bool          // instances of probes that find their thing down
	unread   map[string]bool          // nodes whose supply cannot be read
	channels map[string]Peer          // a node's peer channel
	full     bool                     // the disks take no records
	onSave   func(node, name string)  // sees each record that the disk takes
	served   map[string]time.Time     // when a node's recorder saw the service last, before it booted
	hangs    map[string]chan struct{} // a node whose disk does not answer until it is closed
	history  map[string][]string      // what a node's disk has of what happened
	keys     map[string]string        // a node's key, instead of the store's
	pings    map[string]int           // how often a node asked the ping group
	gathers  time.Duration            // how long evidence takes
	// loses tells whether the links lose a node's packet; it is asked while mu is held.
	loses func(node string, wire []byte) bool
}

type fakeDaemon struct {
	engine *Engine
	sink   *fakeSink
	dog    *fakeWatchdog
	said   *test.Hook
	stop   context.CancelFunc
	done   chan struct{}
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, begun: time.Now(), power: map[string]bool{}, running: map[string]map[string]int{}, pids: 100,
		ears: map[string]map[string]func(sdk.Packet){}, wrong: map[string][]sdk.Condition{}, resets: map[string]int{}, battery: map[string]map[string]float64{},
		asleep: map[string]time.Duration{}, halted: map[string]string{}, nodes: map[string]*fakeDaemon{}, saved: map[string]string{},
		ailing: map[string]bool{}, unread: map[string]bool{}, channels: map[string]Peer{}, initdead: "2s", timing: fastBeats,
		records: map[string][]byte{}, behind: map[string]time.Duration{}, served: map[string]time.Time{},
		hangs: map[string]chan struct{}{}, history: map[string][]string{}, keys: map[string]string{}, pings: map[string]int{},
	}
}

// calmWorld is one whose beats are rare: for what takes minutes, of which nothing
// depends on how soon a silence is noticed.
func calmWorld(t *testing.T) *world {
	w := newWorld(t)
	w.timing = "interval: 250ms, warntime: 600ms, deadtime: 1s"
	return w
}

func (w *world) clock() Clock {
	return Clock{Now: func() time.Duration { return time.Hour + time.Since(w.begun) }, Wall: time.Now}
}

// clockOf is a node's own clock.
func (w *world) clockOf(node string) Clock {
	c := w.clock()
	c.Wall = func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(-w.behind[node])
	}
	return c
}

// later sets both nodes' clocks forward: what goes by them need not be waited for.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behind["alpha"] -= d
	w.behind["beta"] -= d
}

// boot switches a node on and starts its daemon.
func (w *world) boot(node string) *fakeDaemon {
	w.mu.Lock()
	w.power[node], w.running[node], w.ears[node] = true, map[string]int{}, map[string]func(sdk.Packet){}
	w.mu.Unlock()
	return w.daemon(node, fmt.Sprintf("boot-%s-%d", node, time.Since(w.begun)))
}

// daemon starts a node's daemon in a kernel boot.
func (w *world) daemon(node, boot string) *fakeDaemon {
	w.t.Helper()
	cfg, err := config.Parse("store.yaml", []byte(strings.NewReplacer(
		fastBeats, w.timing, "initdead: 2s", "initdead: "+w.initdead, "policy: {", "policy: {"+w.policy).Replace(storeFile)+w.extra))
	if err != nil {
		w.t.Fatal(err)
	}
	log, said := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	sink := &fakeSink{incidents: map[string]*api.Incident{}}
	w.mu.Lock()
	w.pids++
	incarnation := beat.ID(w.pids) //nolint:gosec // small
	saved := w.saved[node]
	w.mu.Unlock()
	dog := &fakeWatchdog{w: w, node: node}
	var state failover.State
	if saved != "" {
		if state, err = failover.ParseState(saved); err != nil {
			w.t.Fatal(err)
		}
	}
	e, err := New(Options{
		Config: cfg, Node: node, Version: "test", Key: []byte(cmp.Or(w.keys[node], "0123456789abcdef0123456789abcdef")),
		Boot: failover.Boot{Incarnation: incarnation, KernelBoot: boot}, Saved: state,
		Plugins: fakePlugins{w, node}, Journal: &fakeJournal{w: w, node: node}, Sink: sink, Clock: w.clockOf(node), Watchdog: dog, PowerOff: w.powerOff(node), Log: log, Records: fakeRecords{w, node}, Peer: w.channels[node],
		Evidence: fakeEvidence{w.served[node], w.gathers}, Keep: w.keep(node),
		ReadConfig: func() (*config.Config, error) { return nil, errors.New("store.yaml:3:1: nodes: too few") },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &fakeDaemon{engine: e, sink: sink, dog: dog, said: said, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		if err := e.Run(ctx); err != nil {
			w.t.Errorf("run %s: %v", node, err)
		}
	}()
	w.mu.Lock()
	w.nodes[node] = d
	w.ever = append(w.ever, d)
	w.mu.Unlock()
	return d
}

// at is a node's present daemon.
func (w *world) at(node string) *fakeDaemon {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[node]
}

// cut takes a node's power: nothing of it acts any more.
func (w *world) cut(node string) {
	w.mu.Lock()
	w.power[node], w.running[node], w.ears[node] = false, map[string]int{}, map[string]func(sdk.Packet){}
	if w.promoted == node {
		w.promoted = ""
	}
	d := w.nodes[node]
	w.mu.Unlock()
	if d != nil {
		d.engine.die() // no word is said
	}
}

// complain has a node's supply tell what is wrong with it.
func (w *world) complain(node string, conditions ...sdk.Condition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong[node] = conditions
}

func (w *world) stayOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dark = true
}

// close ends every daemon that ever ran, and those that power brings up meanwhile.
func (w *world) close() {
	for i := 0; ; i++ {
		w.mu.Lock()
		all := w.ever
		w.mu.Unlock()
		if i == len(all) {
			return
		}
		all[i].stop()
		<-all[i].done
	}
}

// until waits, in the world's time, for a condition.
func (w *world) until(what string, bound time.Duration, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(bound); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.t.Fatalf("%s did not happen within %v", what, bound)
}

func (w *world) runs(node, resource string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[node][resource] > 0
}

// fakeEvidence is a flight recorder that remembers one thing, and takes its time.
type fakeEvidence struct {
	served time.Time
	takes  time.Duration
}

func (fakeEvidence) Sample() *api.Sample                          { return nil }
func (fakeEvidence) Recorded() []byte                             { return nil }
func (fakeEvidence) Around(time.Time) []*api.Sample               { return nil }
func (fakeEvidence) Digest() *api.Snapshot                        { return nil }
func (fakeEvidence) KeepPeer(*peerpb.News)                        {}
func (fakeEvidence) OfPeer(time.Time) *api.Snapshot               { return nil }
func (fakeEvidence) Findings(*api.Incident, Signs) []*api.Finding { return nil }
func (f fakeEvidence) LastServed() time.Time                      { return f.served }
func (f fakeEvidence) Snapshot(_ context.Context, _ time.Time, s *api.Status, _ []Source) *api.Snapshot {
	<-time.After(f.takes)
	return &api.Snapshot{Status: s}
}

type fakeRecords struct {
	w    *world
	node string
}

func (r fakeRecords) Load(name string) ([]byte, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.w.records[r.node+"/"+name], nil
}

func (r fakeRecords) Save(name string, text []byte) error {
	r.w.disk(r.node)
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.w.full {
		return errNoSpace
	}
	r.w.records[r.node+"/"+name] = text
	if r.w.onSave != nil {
		r.w.onSave(r.node, name)
	}
	return nil
}

var errNoSpace = errors.New("no space left on device")

// fill has the disks take no records, or again.
func (w *world) fill(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full = full
}

// hang has a node's disk not answer any more, until resume is called.
func (w *world) hang(node string) (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer := make(chan struct{})
	w.hangs[node] = answer
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.hangs, node)
		close(answer)
	}
}

// disk waits for a node's.
func (w *world) disk(node string) {
	w.mu.Lock()
	answer := w.hangs[node]
	w.mu.Unlock()
	if answer != nil {
		<-answer
	}
}

// keep has a node's disk take what happens.
func (w *world) keep(node string) func(control.Entry) {
	return func(entry control.Entry) {
		w.disk(node)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.history[node] = append(w.history[node], entry.Message)
	}
}

// onBattery takes mains from a node's supply and leaves it with a charge.
func (w *world) onBattery(node string, charge float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.battery[node] = map[string]float64{valueOnBattery: 1, valueCharge: charge}
}

// powerOff takes a node's power as a shutdown does.
func (w *world) powerOff(node string) func(context.Context, []string) error {
	return func(_ context.Context, command []string) error {
		w.mu.Lock()
		w.halted[node] = strings.Join(command, " ")
		w.mu.Unlock()
		time.AfterFunc(time.Second, func() { w.cut(node) })
		return nil
	}
}

// fakeWatchdog resets a machine a second after it was asked to.
type fakeWatchdog struct {
	w      *world
	node   string
	alive  time.Duration // the loop's own
	late   time.Duration // the worst
	closed bool
	nap    atomic.Int64 // for how long the loop sleeps next time
}

func (d *fakeWatchdog) Alive(now, late time.Duration) {
	if nap := time.Duration(d.nap.Swap(0)); nap > 0 {
		<-time.After(nap) // the loop is late for its next decision
	}
	d.alive, d.late = now, max(d.late, late)
}

func (d *fakeWatchdog) Reset() {
	time.AfterFunc(time.Second, func() {
		d.w.mu.Lock()
		d.w.resets[d.node]++
		d.w.mu.Unlock()
		d.w.cut(d.node)
		d.w.boot(d.node)
	})
}

func (d *fakeWatchdog) Close() error {
	d.closed = true
	return nil
}
