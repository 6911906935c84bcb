package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

const (
	// readBound bounds one regular reading of a fence device.
	readBound = 3 * time.Second
	// firstLooks is the time between the first readings: they prove the orders' life.
	firstLooks = 500 * time.Millisecond
)

// device is one power supply's switch.
type device struct {
	e   *Engine
	cfg config.FenceDevice
	in  *instance

	mu      sync.Mutex
	reading sdk.Reading
	err     string
	// regular is the last reading that was no part of an order.
	regular sdk.Reading
	// conditions are watch's own.
	conditions map[string]condition
}

func (e *Engine) newDevices() map[string]*device {
	out := map[string]*device{}
	for _, c := range e.Config.Fencing {
		out[c.Name] = &device{
			e: e, cfg: c, in: e.newInstance(c.Plugin, "fence-"+c.Name, c.With.For(e.Node)), conditions: map[string]condition{},
		}
	}
	return out
}

// watch opens the device, asks what it is, and reads it at its pace.
func (d *device) watch(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { d.in.open(ctx) })
	in, ok := d.in.wait(ctx)
	if !ok {
		return
	}
	for described, read := false, 0; ; read++ {
		if !described {
			described = d.describe(ctx, in)
		}
		doubt := d.read(ctx, in)
		d.e.reviewLives(ctx)
		every := d.cfg.Monitor.Std()
		switch {
		case read < tripsNeeded:
			every = min(every, firstLooks)
		case !described || doubt:
			every = min(every, secondLook)
		case d.discharges():
			every = min(every, batteryPace)
		}
		if !d.e.rest(ctx, every) {
			return
		}
	}
}

// discharges tells whether the device was on its battery when it was last read.
func (d *device) discharges() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return onBattery(d.regular) == beat.Yes
}

// describe brings the device's own declaration into the policy.
func (d *device) describe(ctx context.Context, in Instance) bool {
	ctx2, cancel := context.WithTimeout(ctx, readBound)
	defer cancel()
	declared, err := in.Describe(ctx2)
	if err != nil {
		return false
	}
	d.e.lives.declare(d.cfg.Name, declared)
	return true
}

// reviewLives brings what is known of the orders' lives into the policy where that
// is news, and has it kept. The readings go on whatever the disk does.
func (e *Engine) reviewLives(ctx context.Context) {
	e.reviewing.Lock()
	defer e.reviewing.Unlock()
	if cfg := e.cfg.Load(); !slices.EqualFunc(devicesOf(cfg, e.lives), e.reviewed, sameLife) {
		e.changePolicy(ctx, cfg)
	}
	if e.Records == nil || !e.recording.CompareAndSwap(false, true) {
		return
	}
	e.background(ctx, func(context.Context) {
		defer e.recording.Store(false)
		e.recordLives()
	})
}

// recordLives keeps what was measured, where it is due.
func (e *Engine) recordLives() {
	text, at := e.lives.record()
	if text == nil {
		return
	}
	if err := e.Records.Save(livesRecord, text); err != nil {
		e.Log.WithError(err).Warn("measured order lives not kept")
		return
	}
	e.lives.recorded(at)
}

// changePolicy gives the machine the policy of a configuration; reviewing is held, so
// that of two changes the later one is the last.
func (e *Engine) changePolicy(ctx context.Context, cfg *config.Config) {
	next := policyOf(cfg, e.Node, e.lives)
	e.reviewed = next.Devices
	e.post(ctx, failover.PolicyChanged{Policy: next})
}

// livesRecord is the document with the measured lives of fence orders.
const livesRecord = "fence-lives"

// recallLives takes what an earlier daemon measured.
func (e *Engine) recallLives() {
	if e.Records == nil {
		return
	}
	text, err := e.Records.Load(livesRecord)
	if err == nil && text != nil {
		err = e.lives.recall(text)
	}
	if err != nil {
		e.Log.WithError(err).Warn("measured order lives not read")
	}
}

func sameLife(a, b failover.Device) bool {
	return a.Name == b.Name && a.Life == b.Life && a.Measured == b.Measured && a.Proven == b.Proven
}

// read is one regular reading; doubt wants another one soon.
func (d *device) read(ctx context.Context, in Instance) (doubt bool) {
	ctx2, cancel := context.WithTimeout(ctx, readBound)
	began := d.e.Clock.Now()
	reading, err := in.Status(ctx2)
	cancel()
	if ctx.Err() != nil {
		return false
	}
	if err == nil && reading.Power != sdk.PowerUnknown {
		d.e.lives.trip(d.cfg.Name, byReading, d.e.Clock.Now()-began)
	}
	d.e.post(ctx, d.keep("", reading, err))
	return d.tellChanges(reading, err)
}

// keep remembers a reading for people and makes the fact of it.
func (d *device) keep(id string, reading sdk.Reading, err error) failover.Event {
	if err != nil {
		reading.Power = sdk.PowerUnknown
	}
	if reading.Taken == 0 {
		reading.Taken = d.e.Clock.Now()
	}
	d.mu.Lock()
	if err != nil && len(reading.Values) == 0 {
		reading.Values = d.reading.Values
	}
	d.reading, d.err = reading, errText(err)
	if id == "" && err == nil {
		d.regular = reading
	}
	d.mu.Unlock()
	answer := failover.FenceAnswer{ID: id, Device: d.cfg.Name, Power: powerOf(reading.Power), Taken: reading.Taken, Err: errText(err)}
	if err == nil {
		tellBattery(&answer, reading)
	}
	return answer
}

// fence carries out an order or a reading that the policy asked for.
func (e *Engine) fence(ctx context.Context, a failover.Action) failover.Event {
	d, ok := e.devices[a.Device]
	if !ok {
		return failover.FenceAnswer{ID: a.ID, Device: a.Device, Err: "no such fence device"}
	}
	in, err := d.in.get()
	if err != nil {
		return d.keep(a.ID, sdk.Reading{}, err)
	}
	order := sdk.Order{ID: a.ID, Expiry: a.Expiry, Mark: a.Mark}
	var reading sdk.Reading
	switch a.Kind {
	case failover.FenceOff:
		began := e.Clock.Now()
		if reading, err = in.Off(ctx, order); err == nil && reading.Power == sdk.PowerOff {
			e.lives.cut(d.cfg.Name, e.Clock.Now()-began)
		}
	case failover.FenceOn:
		reading, err = in.On(ctx, order)
	case failover.FenceTest:
		reading, err = d.try(ctx, in, order)
	default:
		reading, err = in.Status(ctx)
	}
	return d.keep(a.ID, reading, err)
}

// try gives an order that changes nothing: a device whose output reads on is told
// to switch it on. How it fares is kept as a proof of the orders' life.
func (d *device) try(ctx context.Context, in Instance, order sdk.Order) (sdk.Reading, error) {
	reading, err := in.Status(ctx)
	if err != nil || reading.Power != sdk.PowerOn {
		return reading, err
	}
	began := d.e.Clock.Now()
	reading, err = in.On(ctx, order)
	switch {
	case err != nil:
		d.e.lives.refuse(d.cfg.Name, err.Error())
	case reading.Power == sdk.PowerOn:
		d.e.lives.trip(d.cfg.Name, byOrder, d.e.Clock.Now()-began)
	}
	d.e.lives.urgent(d.cfg.Name)
	return reading, err
}
