// Package ups fences a node through its uninterruptible power supply, over
// SNMP with the objects of RFC 1628. An output counts as off only when it was
// read as none after the order; the package never infers a state from silence,
// from an acknowledgement or from an error, and never sends a packet of an
// order that has expired.
package ups

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// answerBound ends a conversation whose caller set no deadline.
const answerBound = 2 * time.Second

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "ups",
		Version:       "0.1.0",
		Summary:       "Switches a node's power through its UPS over SNMP (RFC 1628) and watches the UPS.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg       *Config
	community string
	log       logrus.FieldLogger
	restart   restart
	// ordering holds one token: orders and the repair of auto-restart take turns.
	ordering chan struct{}
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open ups %s: configuration is a %T", env.Instance, config)
	}
	community, err := cfg.Community.Reveal()
	if err != nil {
		return nil, fmt.Errorf("read community: %w", err)
	}
	return &instance{
		cfg:       cfg,
		community: community,
		log:       env.Log.WithField("device", env.Instance),
		restart:   restart{dir: env.StateDir},
		ordering:  make(chan struct{}, 1),
	}, nil
}

// Close has nothing to release: every conversation owns its socket.
func (u *instance) Close() error { return nil }

// bound gives ctx a deadline where it has none.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, answerBound)
}

// ask runs one conversation without an order behind it.
func (u *instance) ask(ctx context.Context, talk func(context.Context, *client) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	c, err := u.dial(ctx, func() bool { return ctx.Err() != nil })
	if err != nil {
		return err
	}
	defer c.close()
	return talk(ctx, c)
}

// retry repeats a question that found no answer until ctx ends. A refusal is an answer.
func (u *instance) retry(ctx context.Context, once func() error) error {
	for {
		err := once()
		if err == nil || errors.Is(err, errRefused) || errors.Is(err, errExpired) {
			return err
		}
		if !pause(ctx, time.Duration(u.cfg.Poll)) {
			return err
		}
	}
}

// Describe tells what answers at the address. The longest life of an order is
// a matter of the device's own delays: the store's configuration declares it.
func (u *instance) Describe(ctx context.Context) (sdk.Device, error) {
	device := sdk.Device{}
	err := u.ask(ctx, func(ctx context.Context, c *client) error {
		v, err := u.gather(ctx, c, oidSysObjectID, oidSysDescr, oidManufacturer, oidModel)
		if err != nil {
			return err
		}
		device.Kind = kind(v)
		return nil
	})
	return device, err
}

func kind(v values) string {
	parts := []string{"RFC 1628 UPS"}
	name := strings.TrimSpace(v.text(oidManufacturer) + " " + v.text(oidModel))
	if name == "" {
		name = v.text(oidSysDescr)
	}
	if name != "" {
		parts = append(parts, name)
	}
	if id := v.text(oidSysObjectID); id != "" {
		parts = append(parts, "sysObjectID "+id)
	}
	return strings.Join(parts, ", ")
}

// gather reads the output's source, which must be there, and whatever else the
// agent holds of the rest; an agent of SNMPv1 refuses a question as a whole,
// so that its objects are then asked for one by one.
func (u *instance) gather(ctx context.Context, c *client, more ...string) (values, error) {
	var v values
	err := u.retry(ctx, func() (err error) {
		v, err = c.get(append([]string{oidSource}, more...)...)
		return err
	})
	if errors.Is(err, errRefused) {
		v, err = u.gatherSingly(ctx, c, more)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := v[oidSource]; !ok {
		return nil, fmt.Errorf("read output source of %s: the device has no upsOutputSource", c.address)
	}
	return v, nil
}

func (u *instance) gatherSingly(ctx context.Context, c *client, more []string) (values, error) {
	var all values
	err := u.retry(ctx, func() (err error) {
		all, err = c.get(oidSource)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, oid := range more {
		if one, err := c.get(oid); err == nil {
			if pdu, ok := one[oid]; ok {
				all[oid] = pdu
			}
		}
	}
	return all, nil
}

var statusObjects = []string{
	oidBatteryStatus, oidOnBatterySec, oidMinutesLeft, oidCharge, oidBatteryVolts, oidBatteryCelsius,
	oidInputVolts, oidOutputVolts, oidLoad, oidAlarms, oidShutdownDelay, oidAutoRestart, oidAttached,
}

// Status reads the output and what else the device tells. It also repairs an
// auto-restart setting that an earlier order could not restore.
func (u *instance) Status(ctx context.Context) (sdk.Reading, error) {
	reading, _, err := u.read(ctx)
	return reading, err
}

func (u *instance) read(ctx context.Context) (sdk.Reading, values, error) {
	var reading sdk.Reading
	var v values
	err := u.ask(ctx, func(ctx context.Context, c *client) (err error) {
		u.repairRestart(ctx, c)
		if v, err = u.gather(ctx, c, statusObjects...); err != nil {
			return err
		}
		n, _ := v.integer(oidSource)
		reading = sdk.Reading{
			Power: source(n).power(), Taken: sdk.Monotonic(),
			Message: "output source reads " + source(n).String(), Values: measurements(v),
		}
		reading.Conditions = u.conditions(reading, v, c.alarms(reading))
		return nil
	})
	return reading, v, err
}

// measurements converts the device's units to base units.
func measurements(v values) map[string]float64 {
	out := map[string]float64{}
	put := func(name, oid string, factor float64) {
		if n, ok := v.integer(oid); ok {
			out[name] = float64(n) * factor
		}
	}
	put("battery_charge_ratio", oidCharge, 0.01)
	put("battery_seconds_remaining", oidMinutesLeft, 60)
	put("battery_volts", oidBatteryVolts, 0.1)
	put("battery_celsius", oidBatteryCelsius, 1)
	put("on_battery_seconds", oidOnBatterySec, 1)
	put("input_volts", oidInputVolts, 1)
	put("output_volts", oidOutputVolts, 1)
	put("load_ratio", oidLoad, 0.01)
	put("alarms_present", oidAlarms, 1)
	if n, ok := v.integer(oidSource); ok {
		out["on_battery"] = flag(source(n) == sourceBattery)
		switch source(n).power() {
		case sdk.PowerOn:
			out["power_on"] = 1
		case sdk.PowerOff:
			out["power_on"] = 0
		case sdk.PowerUnknown:
		}
	}
	return out
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Probe judges the device's health. A device that does not answer is an error.
func (u *instance) Probe(ctx context.Context) (sdk.Result, error) {
	reading, _, err := u.read(ctx)
	if err != nil {
		return sdk.Result{}, err
	}
	var faults []string
	for _, c := range reading.Conditions {
		faults = append(faults, c.Message)
	}
	if reading.Power == sdk.PowerOff {
		faults = append(faults, "the output is off")
	}
	if len(faults) > 0 {
		return sdk.Result{Status: sdk.Degraded, Message: strings.Join(faults, "; "), Values: reading.Values}, nil
	}
	return sdk.Result{Status: sdk.OK, Message: reading.Message, Values: reading.Values}, nil
}

// Evidence contributes what the device tells, for a snapshot.
func (u *instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	reading, v, err := u.read(ctx)
	if err != nil {
		return nil, err
	}
	lines := []string{reading.Message}
	if mark := v.text(oidAttached); mark != "" {
		lines = append(lines, fmt.Sprintf("attached devices reads %q", mark))
	}
	if n, ok := v.integer(oidAutoRestart); ok {
		lines = append(lines, fmt.Sprintf("auto-restart reads %d (1 on, 2 off)", n))
	}
	if n, ok := v.integer(oidShutdownDelay); ok && n >= 0 {
		lines = append(lines, fmt.Sprintf("a shutdown is due in %d s", n))
	}
	return []sdk.Item{{Name: "ups/status", Text: strings.Join(lines, "\n"), Values: reading.Values}}, nil
}
