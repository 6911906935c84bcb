package upssim

import (
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

// Behaviour makes the device ill, for tests of bad luck. The zero value is a healthy one.
type Behaviour struct {
	Refuse bool          // answers every SET with genErr and does nothing
	Silent bool          // answers nothing at all
	LieOn  bool          // acknowledges every order to switch off and stays on
	Slow   time.Duration // answers this late
	Worn   bool          // its battery needs replacement, and it says so
}

// Values of upsOutputSource (RFC 1628, upsOutput 1).
const (
	sourceNone    = 2
	sourceNormal  = 3
	sourceBattery = 5
)

// Values of upsShutdownType and upsAutoRestart (RFC 1628, upsControl 1 and 5).
const (
	shutdownOutput = 1
	shutdownSystem = 2
	restartOn      = 1
	restartOff     = 2
)

// Device is the state of one UPS: its output, its battery, its pending orders.
// It is safe for concurrent use.
type Device struct {
	name   string
	supply Supply
	log    logrus.FieldLogger

	switching sync.Mutex // one change of the output at a time; held while the supply works

	mu          sync.Mutex
	started     time.Time
	on          bool
	offAt, onAt *countdown
	behaviour   Behaviour

	shutdownType int64
	autoRestart  int64
	attached     string

	onBattery    bool
	batterySince time.Time
	offOnBattery bool // the output went off while on battery
}

type countdown struct {
	due   time.Time
	timer *time.Timer
}

// NewDevice returns a UPS on mains with its output on.
func NewDevice(name string, supply Supply, log logrus.FieldLogger) *Device {
	return &Device{
		name: name, supply: supply, log: log.WithField("fence", name), started: time.Now(), on: true,
		shutdownType: shutdownOutput, autoRestart: restartOn, attached: "node",
	}
}

// SetBehaviour makes the device ill or well again.
func (d *Device) SetBehaviour(b Behaviour) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behaviour = b
}

// Behaviour returns how ill the device is.
func (d *Device) Behaviour() Behaviour {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.behaviour
}

// On tells whether the output is on.
func (d *Device) On() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.on
}

// Attached returns the text in upsIdentAttachedDevices, where a mark is written.
func (d *Device) Attached() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attached
}

// SetMains cuts or restores the utility power. When it returns, an output that
// went off on battery comes back if upsAutoRestart says so.
func (d *Device) SetMains(present bool) error {
	d.mu.Lock()
	if d.onBattery == !present {
		d.mu.Unlock()
		return nil
	}
	d.onBattery, d.batterySince = !present, time.Now()
	restart := present && d.offOnBattery && !d.on && d.autoRestart == restartOn
	d.mu.Unlock()
	d.log.WithField("mains", present).Info("utility power changed")
	if restart {
		return d.Switch(true)
	}
	return nil
}

// Switch turns the output at once, as the button on the front does.
func (d *Device) Switch(on bool) error {
	d.switching.Lock()
	defer d.switching.Unlock()
	d.mu.Lock()
	if d.on == on {
		d.mu.Unlock()
		return nil
	}
	if on {
		d.on = true // the socket has voltage before the machine on it starts
	}
	d.mu.Unlock()

	act := d.supply.Off
	if on {
		act = d.supply.On
	}
	err := act()

	d.mu.Lock()
	d.on = on
	d.offOnBattery = !on && d.onBattery
	d.mu.Unlock()
	d.log.WithField("on", on).Info("output switched")
	return err
}

// Close stops the pending orders.
func (d *Device) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cancel(&d.offAt)
	d.cancel(&d.onAt)
}

// cancel needs the lock.
func (d *Device) cancel(c **countdown) {
	if *c != nil {
		(*c).timer.Stop()
		*c = nil
	}
}

// shutdownAfter carries out a SET of upsShutdownAfterDelay.
func (d *Device) shutdownAfter(delay time.Duration) { d.orderOff(delay, nil) }

// rebootFor carries out a SET of upsRebootWithDuration: off at once, on again after the time.
func (d *Device) rebootFor(duration time.Duration) { d.orderOff(0, &duration) }

func (d *Device) orderOff(delay time.Duration, back *time.Duration) {
	d.mu.Lock()
	d.cancel(&d.offAt)
	if delay < 0 {
		d.mu.Unlock()
		return
	}
	lies := d.behaviour.LieOn
	if back != nil {
		d.cancel(&d.onAt)
		if !lies {
			d.onAt = d.after(delay+*back, true)
		}
	}
	if !lies {
		d.offAt = d.after(delay, false)
	}
	d.mu.Unlock()
}

// startupAfter carries out a SET of upsStartupAfterDelay.
func (d *Device) startupAfter(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cancel(&d.onAt)
	if delay >= 0 {
		d.onAt = d.after(delay, true)
	}
}

// after starts a countdown, one of zero too: the card acknowledges an order
// before its output moves. It needs the lock.
func (d *Device) after(delay time.Duration, on bool) *countdown {
	c := &countdown{due: time.Now().Add(delay)}
	c.timer = time.AfterFunc(delay, func() {
		d.mu.Lock()
		place := &d.offAt
		if on {
			place = &d.onAt
		}
		valid := *place == c
		if valid {
			*place = nil
		}
		d.mu.Unlock()
		if valid {
			d.turn(on)
		}
	})
	return c
}

func (d *Device) turn(on bool) {
	if err := d.Switch(on); err != nil {
		d.log.WithError(err).Error("supply could not be switched")
	}
}

// remaining is what reading a countdown answers: seconds, -1 when none runs. It needs the lock.
func (c *countdown) remaining() int64 {
	if c == nil {
		return -1
	}
	return max(0, int64(time.Until(c.due)+time.Second-1)/int64(time.Second))
}
