package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

const (
	// sleepBound is the life of an order to switch off later.
	sleepBound = 10 * time.Second
	// batteryPace is how often a device in use of its battery is read at least: the
	// policy rests on nothing older than a minute.
	batteryPace = 15 * time.Second
)

// The readings' values that tell of the battery.
const (
	valueOnBattery = "on_battery"
	valueCharge    = "battery_charge_ratio"
	valueRuntime   = "battery_seconds_remaining"
)

// onBattery tells whether a reading says that the output comes from the battery.
func onBattery(reading sdk.Reading) beat.Tri {
	switch value, told := reading.Values[valueOnBattery]; {
	case !told:
		return beat.Unknown
	case value > 0:
		return beat.Yes
	}
	return beat.No
}

// tellBattery puts what a reading says of the battery into the policy's fact. The
// device's own word, low or not, is what the policy falls back upon.
func tellBattery(answer *failover.FenceAnswer, reading sdk.Reading) {
	answer.OnBattery = onBattery(reading)
	if answer.OnBattery == beat.Unknown {
		return
	}
	answer.BatteryLow = beat.No
	if slices.ContainsFunc(reading.Conditions, func(c sdk.Condition) bool { return c.Key == api.ConditionBatteryLow }) {
		answer.BatteryLow = beat.Yes
	}
	if charge, told := reading.Values[valueCharge]; told && charge >= 0 { // 0 is not told: an empty battery has 1 percent
		answer.Charge = int(math.Round(100 * min(1, max(.01, charge))))
	}
	if runtime, told := reading.Values[valueRuntime]; told && runtime >= 0 { // and less than a minute, which many devices call 0, a second
		answer.Runtime = time.Duration(min(24*time.Hour.Seconds(), max(1, runtime)) * float64(time.Second))
	}
}

// shutDown has every supply of this node switch off once the host has had its time,
// and on again with mains; then the host goes down. What cannot be brought back by
// mains alone is not shut down.
func (e *Engine) shutDown(ctx context.Context, a failover.Action) failover.Event {
	err := e.sleepSupplies(ctx, a.ID)
	if err == nil && e.PowerOff == nil {
		err = errors.New("this daemon does not know how")
	}
	if err == nil {
		err = e.PowerOff(ctx, e.cfg.Load().Policy.OnBattery.Command)
	}
	if err != nil {
		e.keepSupplies(ctx, a.ID)
	}
	return failover.ActionDone{ID: a.ID, Err: errText(err)}
}

// sleepSupplies orders this node's supplies to switch off later.
func (e *Engine) sleepSupplies(ctx context.Context, id string) error {
	after := e.cfg.Load().Policy.OnBattery.OffDelay.Std()
	for _, d := range e.ownSupplies() {
		in, err := d.in.get()
		if err == nil {
			_, err = in.Sleep(ctx, sdk.Order{ID: id, Expiry: e.Clock.Now() + sleepBound, After: after})
		}
		if err != nil {
			return fmt.Errorf("have %s switch off later: %w", d.cfg.Name, err)
		}
	}
	return nil
}

// keepSupplies ends what sleepSupplies ordered, as far as it can. A command that hung
// has used up the time of the action, so each supply has its own.
func (e *Engine) keepSupplies(ctx context.Context, id string) {
	for _, d := range e.ownSupplies() {
		if err := d.keepOn(context.WithoutCancel(ctx), id); err != nil {
			e.Log.WithError(err).WithField("device", d.cfg.Name).Warn("supply not told to stay on")
		}
	}
}

// keepOn ends an order to switch off later.
func (d *device) keepOn(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, sleepBound)
	defer cancel()
	in, err := d.in.get()
	if err == nil {
		_, err = in.On(ctx, sdk.Order{ID: id, Expiry: d.e.Clock.Now() + sleepBound})
	}
	return err
}

// ownSupplies are the devices that feed this node, in the configuration's order.
func (e *Engine) ownSupplies() (own []*device) {
	for _, c := range e.Config.Fencing {
		if slices.Contains(c.Feeds, e.Node) {
			own = append(own, e.devices[c.Name])
		}
	}
	return own
}
