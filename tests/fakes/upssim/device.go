package upssim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Supply is what the output feeds. Both calls return once it is done: after Off
// nothing on that supply runs any more.
type Supply interface {
	Off() error
	On() error
}

// Options say what to simulate.
type Options struct {
	Name string
	// Kind is one of Kinds; empty: rfc1628.
	Kind string
	// Feeds are the outlets that the supply hangs on, counted from 1, for a kind with
	// outlets: it has power while one of them has. Empty: outlet 1.
	Feeds  []int
	Supply Supply
	Log    logrus.FieldLogger
}

// outletCount is how many outlets a kind with outlets has.
const outletCount = 8

// Values of upsShutdownType and upsAutoRestart (RFC 1628, upsControl 1 and 5).
const (
	shutdownOutput = 1
	shutdownSystem = 2
	restartOn      = 1
	restartOff     = 2
)

// Device is the state of one power supply: its outlets, its battery, its pending
// orders. A UPS is a device with one outlet. It is safe for concurrent use.
type Device struct {
	name   string
	supply Supply
	log    logrus.FieldLogger

	switching sync.Mutex // one change of an outlet at a time; held while the supply works

	mu        sync.Mutex
	kind      string
	feeds     []int // indexes into outlets
	outlets   []*outlet
	behaviour Behaviour
	card      card
	objects   []object

	shutdownType int64
	systemOff    bool // the last shutdown that was ordered took the whole UPS, as its type then said
	autoRestart  int64
	attached     string

	onBattery    bool
	batterySince time.Time
	offOnBattery bool // the output went off while on battery
}

// outlet is one output.
type outlet struct {
	name        string
	on          bool
	offAt, onAt *countdown
	rebootFor   int64 // seconds that a reboot keeps it off
}

type countdown struct {
	due   time.Time
	timer *time.Timer
}

// NewDevice returns a supply on mains with its outlets on.
func NewDevice(o Options) (*Device, error) {
	d := &Device{
		name: o.Name, supply: o.Supply, log: o.Log.WithField("fence", o.Name),
		shutdownType: shutdownOutput, autoRestart: restartOn, attached: "node",
	}
	d.card.started = time.Now()
	for n := range outletCount {
		d.outlets = append(d.outlets, &outlet{name: fmt.Sprintf("Outlet %d", n+1), on: true, rebootFor: 5})
	}
	if o.Kind == "" {
		o.Kind = "rfc1628"
	}
	return d, d.Become(o.Kind, o.Feeds...)
}

// CheckKind returns why a device cannot be of a kind with its supply on these outlets.
func CheckKind(kind string, feeds ...int) error {
	if _, known := kinds[kind]; !known {
		return fmt.Errorf("no kind %q: there are %v", kind, Kinds())
	}
	for i, n := range feeds {
		if n < 1 || n > outletCount || slices.Contains(feeds[:i], n) {
			return fmt.Errorf("outlet %d: there are 1 to %d, each once", n, outletCount)
		}
	}
	return nil
}

// Become makes the device one of another kind, its outlets as they are.
func (d *Device) Become(kind string, feeds ...int) error {
	if err := CheckKind(kind, feeds...); err != nil {
		return err
	}
	if len(feeds) == 0 {
		feeds = []int{1}
	}
	indexes := make([]int, len(feeds))
	for i, n := range feeds {
		indexes[i] = n - 1
	}
	build := kinds[kind]
	objects := slices.Concat(d.system(build.objectID), build.objects(d))
	slices.SortFunc(objects, func(a, b object) int { return slices.Compare(a.name, b.name) })
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, o := range d.outlets {
		d.cancel(&o.offAt)
		d.cancel(&o.onAt)
		if !slices.Contains(d.feeds, i) { // what fed nothing takes the supply's state
			o.on = d.feds() || len(d.feeds) == 0
		}
	}
	d.kind, d.feeds, d.objects = kind, indexes, objects
	return nil
}

// Name names an outlet, counted from 1.
func (d *Device) Name(n int, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outlets[n-1].name = name
}

// On tells whether the supply has power.
func (d *Device) On() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.feds()
}

// feds tells whether an outlet that feeds the supply is on. It needs the lock.
func (d *Device) feds() bool {
	return slices.ContainsFunc(d.feeds, func(i int) bool { return d.outlets[i].on })
}

// OutletOn tells whether an outlet is on, counted from 1.
func (d *Device) OutletOn(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.outlets[n-1].on
}

// Attached returns the text in which a mark is written.
func (d *Device) Attached() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attached
}

// SetMains cuts or restores the utility power. When it returns, an output that
// went off on battery comes back if auto-restart says so.
func (d *Device) SetMains(present bool) error {
	d.mu.Lock()
	if d.onBattery == !present {
		d.mu.Unlock()
		return nil
	}
	d.onBattery, d.batterySince = !present, time.Now()
	restart := present && d.offOnBattery && !d.feds() && d.autoRestart == restartOn
	d.mu.Unlock()
	d.log.WithField("mains", present).Info("utility power changed")
	if restart {
		return d.Switch(true)
	}
	return nil
}

// OnBattery tells whether the utility power is away.
func (d *Device) OnBattery() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.onBattery
}

// Drain leaves a battery in use with so many percent of its charge.
func (d *Device) Drain(percent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.batterySince = time.Now().Add(-time.Duration(100-percent) * batteryMinutes * time.Minute / 100)
}

// Switch turns what feeds the supply at once, as the button on the front does.
func (d *Device) Switch(on bool) error {
	d.mu.Lock()
	feeds := d.feeds
	d.mu.Unlock()
	for _, i := range feeds {
		if err := d.turn(i, on); err != nil {
			return err
		}
	}
	return nil
}

// turn switches one outlet, and the supply with the last one off and the first one on.
func (d *Device) turn(i int, on bool) error {
	d.switching.Lock()
	defer d.switching.Unlock()
	d.mu.Lock()
	o := d.outlets[i]
	if o.on == on {
		d.mu.Unlock()
		return nil
	}
	fedBefore := d.feds()
	o.on = on
	fedAfter := d.feds()
	o.on = on || fedBefore != fedAfter // a socket has voltage before the machine on it starts, and until it has stopped
	d.mu.Unlock()

	var err error
	switch {
	case fedBefore && !fedAfter:
		err = d.supply.Off()
	case fedAfter && !fedBefore:
		err = d.supply.On()
	}

	d.mu.Lock()
	o.on = on
	d.offOnBattery = !on && d.onBattery
	d.systemOff = d.systemOff && !on
	d.mu.Unlock()
	d.log.WithField("outlet", i+1).WithField("on", on).Info("output switched")
	return err
}

// Close stops the pending orders.
func (d *Device) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.outlets {
		d.cancel(&o.offAt)
		d.cancel(&o.onAt)
	}
}

// cancel needs the lock.
func (d *Device) cancel(c **countdown) {
	if *c != nil {
		(*c).timer.Stop()
		*c = nil
	}
}

// orderOff switches an outlet off after a delay; less than 0 aborts. It is an
// order: it has what the device's illness makes of it.
func (d *Device) orderOff(i int, delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.outlets[i]
	d.cancel(&o.offAt)
	if delay >= 0 && !d.behaviour.LieOn {
		o.offAt = d.after(delay+d.behaviour.Pending, i, false)
	}
}

// orderOn switches an outlet on after a delay; less than 0 aborts. A delayed start
// waits for mains.
func (d *Device) orderOn(i int, delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.outlets[i]
	d.cancel(&o.onAt)
	if delay >= 0 {
		o.onAt = d.after(delay, i, true)
	}
}

// orderReboot switches an outlet off now and on again after a time.
func (d *Device) orderReboot(i int, off time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.outlets[i]
	d.cancel(&o.offAt)
	d.cancel(&o.onAt)
	if !d.behaviour.LieOn {
		o.offAt = d.after(d.behaviour.Pending, i, false)
		o.onAt = d.after(d.behaviour.Pending+off, i, true)
	}
}

// abort ends what is pending at an outlet.
func (d *Device) abort(i int) {
	d.orderOff(i, -1)
	d.orderOn(i, -1)
}

// after starts a countdown, one of zero too: the card acknowledges an order
// before its output moves. It needs the lock.
func (d *Device) after(delay time.Duration, i int, on bool) *countdown {
	c := &countdown{due: time.Now().Add(delay)}
	c.timer = time.AfterFunc(delay, func() {
		d.mu.Lock()
		place := &d.outlets[i].offAt
		if on {
			place = &d.outlets[i].onAt
		}
		valid := *place == c
		if valid && !on && d.kind == "rfc1628" { // RFC 1628: the type when the countdown ends decides
			d.systemOff = d.shutdownType == shutdownSystem
		}
		if valid && on && delay > 0 && d.onBattery {
			*place, valid, d.offOnBattery = nil, false, true
		}
		d.mu.Unlock()
		if !valid {
			return
		}
		if err := d.turn(i, on); err != nil {
			d.log.WithError(err).Error("supply could not be switched")
		}
		d.mu.Lock()
		if *place == c {
			*place = nil
		}
		d.mu.Unlock()
	})
	return c
}

// remaining is what reading a countdown answers: seconds, idle when none runs. It needs the lock.
func (c *countdown) remaining(idle int64) int64 {
	if c == nil {
		return idle
	}
	return max(0, int64(time.Until(c.due)+time.Second-1)/int64(time.Second))
}
