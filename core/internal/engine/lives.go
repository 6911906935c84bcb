package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// How long an order to a fence device may take to its effect is measured without
// cutting anybody. No packet of an order leaves after half of its life, so that the
// way to the device and back, twice, and what the device declares of its own delay
// fit into it. A real cut, from the order to the reading of off, counts too, and until
// the next one: nothing shows better how long it takes. What was measured is proven
// for a day; readings renew it all the time.
const (
	// provenFor is how long a measurement counts.
	provenFor = 24 * time.Hour
	// tripsKept is how many round trips are remembered, tripsNeeded how many prove
	// something. The longest one but one counts: a single late answer says little.
	tripsKept, tripsNeeded = 10, 3
	// lifeStep rounds a life up, lest each reading brings a new policy.
	lifeStep = 100 * time.Millisecond
	// recordEvery is how often a measurement that says nothing new is kept.
	recordEvery = time.Hour
)

// The ways in which a life was measured.
const (
	byReading = "reading" // round trips of regular readings
	byOrder   = "order"   // an order of a drill that changed nothing
	byCut     = "cut"     // a cut, from the order to the reading of off
)

// life is what is known of one device's orders.
type life struct {
	answered bool // it declared itself since the daemon's start
	kind     string
	kept     time.Time // when its state was last brought to the disk

	// Declared is how long the device says that its orders take.
	Declared time.Duration `json:"declared,omitempty"`

	Trips []time.Duration `json:"trips,omitempty"` // newest last
	Cut   time.Duration   `json:"cut,omitempty"`   // the last confirmed one; 0: none
	At    time.Time       `json:"at,omitzero"`     // of the newest measurement
	By    string          `json:"by,omitempty"`
	// Refused is why the last order that should have changed nothing was not
	// confirmed: readings cannot prove what orders are refused.
	Refused string `json:"refused,omitempty"`
}

// measured is the life that the measurements stand for; false: there are too few.
func (l *life) measured() (time.Duration, bool) {
	n := len(l.Trips)
	if n < tripsNeeded {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(l.Trips))
	return max(l.Declared+2*sorted[n-2], l.Cut), true
}

// shown is the longest that an order takes by all that is known of the device: a cut
// counts before enough readings prove anything, as after a day without the daemon.
func (l *life) shown() time.Duration {
	m, _ := l.measured()
	return max(m, l.Declared, l.Cut)
}

func (l *life) proven(now time.Time) bool {
	age := now.Sub(l.At)
	_, measured := l.measured()
	return measured && l.answered && l.Refused == "" && age < provenFor && age > -time.Minute
}

// deviceLives has them by the devices' names.
type deviceLives struct {
	wall func() time.Time
	mu   sync.Mutex
	all  map[string]*life
}

func newDeviceLives(wall func() time.Time) *deviceLives {
	return &deviceLives{wall: wall, all: map[string]*life{}}
}

// of finds a device's; l.mu is held.
func (l *deviceLives) of(name string) *life {
	if l.all[name] == nil {
		l.all[name] = &life{}
	}
	return l.all[name]
}

// declare keeps what a device says of itself.
func (l *deviceLives) declare(name string, d sdk.Device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of(name)
	one.kind, one.Declared, one.answered = d.Kind, d.OrderLife, true
}

// trip keeps one round trip.
func (l *deviceLives) trip(name, by string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of(name)
	one.Trips = append(one.Trips, took)
	if n := len(one.Trips); n > tripsKept {
		one.Trips = slices.Delete(one.Trips, 0, n-tripsKept)
	}
	one.At, one.By = l.wall(), by
	if by == byOrder {
		one.Refused = ""
	}
}

// cut keeps how long a confirmed cut took.
func (l *deviceLives) cut(name string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of(name)
	one.Cut, one.At, one.By, one.Refused = took, l.wall(), byCut, ""
}

// refuse keeps why an order that should have changed nothing was not confirmed.
func (l *deviceLives) refuse(name, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(name).Refused = why
}

// device joins the configuration, the declaration and what was measured: the
// longest life holds. The configured life is the operator's claim (its default is
// too long for the fast turn on purpose), which both nodes have; what the device
// shows beyond it they must tell each other.
func (l *deviceLives) device(c config.FenceDevice) failover.Device {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of(c.Name)
	claimed := max(c.OrderLife.Std(), time.Millisecond)
	out := failover.Device{Name: c.Name, Feeds: c.Feeds, Level: c.Level, Life: claimed, Proven: one.proven(l.wall())}
	if m := one.shown(); m > claimed {
		out.Measured = (m + lifeStep - 1) / lifeStep * lifeStep
	}
	return out
}

// tooShort says that the configured life is shorter than what the device shows.
func (l *deviceLives) tooShort(c config.FenceDevice) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.of(c.Name).shown()
	if m <= c.OrderLife.Std() {
		return ""
	}
	return fmt.Sprintf("orders to it may take %s, and order_life says %s: the turns of the fence race are lengthened", spoken.Duration(m), spoken.Duration(c.OrderLife.Std()))
}

// tell shows people what is known of a device's orders.
func (l *deviceLives) tell(out *api.FenceDeviceStatus, c config.FenceDevice) {
	device := l.device(c)
	out.OrderLifeSeconds = max(device.Life, device.Measured).Seconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of(c.Name)
	out.Kind, out.Proven = one.kind, one.proven(l.wall())
	if m, ok := one.measured(); ok {
		out.MeasuredSeconds, out.MeasuredBy, out.Measured = m.Seconds(), one.By, timestamp(one.At)
	}
}

// record gives the text that shall outlive the daemon, as it is at a moment; nil:
// nothing new. recorded says that it is on the disk.
func (l *deviceLives) record() (text []byte, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, due := l.wall(), false
	for _, one := range l.all {
		due = due || !one.At.IsZero() && now.Sub(one.kept) >= recordEvery
	}
	if !due {
		return nil, now
	}
	text, err := json.Marshal(l.all)
	if err != nil {
		return nil, now // of plain values: never
	}
	return text, now
}

// recorded notes that everything measured by then is on the disk.
func (l *deviceLives) recorded(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		if !one.At.After(at) {
			one.kept = at
		}
	}
}

// urgent has the next record told of at once.
func (l *deviceLives) urgent(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(name).kept = time.Time{}
}

// recall takes what an earlier daemon recorded. What cannot be read was never measured.
func (l *deviceLives) recall(text []byte) error {
	all := map[string]*life{}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, one := range all {
		if one == nil {
			continue
		}
		if l.wall().Sub(one.At) > provenFor {
			one.Trips = nil // of another time
		}
		one.kept = l.wall()
		l.all[name] = one
	}
	return nil
}
