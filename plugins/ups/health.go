package ups

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/storeward/storeward/core/sdk"
)

// describe is the device in words: what the table calls it, its model, its
// sysObjectID and its outlets.
func (d *device) describe(v values) string {
	parts := []string{d.title}
	name := d.about
	for _, oid := range d.objects(d.model, d.outlets) {
		if model := strings.TrimSpace(v.text(oid)); model != "" {
			name = model
		}
	}
	if name != "" {
		parts = append(parts, name)
	}
	if d.objectID != "" {
		parts = append(parts, "sysObjectID "+d.objectID)
	}
	for _, o := range d.outlets {
		switch {
		case o.named:
			parts = append(parts, fmt.Sprintf("%s (%d)", o, o.number))
		case o.said != "":
			parts = append(parts, o.String())
		}
	}
	return strings.Join(parts, ", ")
}

// told are the objects that say how the device is.
func (d *device) told() []string {
	list := slices.Concat(d.objects(d.mark.oid, d.outlets), d.objects(d.due.oid, d.outlets))
	for _, m := range d.values {
		list = append(list, d.objects(m.oid, d.outlets)...)
	}
	for _, f := range d.faults {
		list = append(list, d.objects(f.oid, d.outlets)...)
	}
	if d.restart != nil {
		list = append(list, d.restart.oid)
	}
	return list
}

// finding is everything that one reading told.
type finding struct {
	d        *device
	outputs  outputs
	values   values
	measured map[string]float64
	alarms   []int
}

// look reads the outputs and what else the device tells. It also repairs an
// auto-restart setting that an earlier order could not restore.
func (u *instance) look(ctx context.Context) (finding, error) {
	var found finding
	err := u.converse(ctx, func(ctx context.Context, c *client) error {
		d, err := u.identify(ctx, c)
		if err != nil {
			return err
		}
		u.repairRestart(ctx, c, d)
		d, v, now, err := u.gather(ctx, c, (*device).told)
		if err != nil {
			return err
		}
		found = finding{d: d, outputs: now, values: v}
		found.measured = found.measurements()
		found.alarms = c.alarms(found)
		return nil
	})
	return found, err
}

// Status reads the outputs and what else the device tells.
func (u *instance) Status(ctx context.Context) (sdk.Reading, error) {
	found, err := u.look(ctx)
	if err != nil {
		return sdk.Reading{}, err
	}
	return u.reading(found), nil
}

func (u *instance) reading(found finding) sdk.Reading {
	reading := sdk.Reading{
		Power: found.outputs.power(), Taken: found.outputs.taken,
		Message: found.outputs.String(), Values: found.measured,
	}
	u.judge(found, &reading)
	return reading
}

// measurements converts the device's units to base units.
func (found finding) measurements() map[string]float64 {
	out := map[string]float64{}
	for _, m := range found.d.values {
		for _, oid := range found.d.objects(m.oid, found.d.outlets) {
			if n, ok := found.values.integer(oid); ok {
				out[m.name] += float64(n) * m.factor
			}
		}
	}
	if len(found.d.state.battery) > 0 {
		out["on_battery"] = oneIf(found.onBattery())
	}
	switch found.outputs.power() {
	case sdk.PowerOn:
		out["power_on"] = 1
	case sdk.PowerOff:
		out["power_on"] = 0
	case sdk.PowerUnknown:
	}
	return out
}

func (found finding) onBattery() bool {
	return slices.ContainsFunc(found.outputs.values, func(n int) bool { return slices.Contains(found.d.state.battery, n) })
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Probe judges the device's health. A device that does not answer is an error.
func (u *instance) Probe(ctx context.Context) (sdk.Result, error) {
	reading, err := u.Status(ctx)
	if err != nil {
		return sdk.Result{}, err
	}
	return reading.Result(), nil
}

// Evidence contributes what the device tells, for a snapshot.
func (u *instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	found, err := u.look(ctx)
	if err != nil {
		return nil, err
	}
	d, reading := found.d, u.reading(found)
	lines := []string{d.title + ": " + reading.Message}
	if mark := found.values.text(d.mark.oid); mark != "" {
		lines = append(lines, fmt.Sprintf("its text reads %q", mark))
	}
	if n, ok := d.restartIn(found.values); ok {
		lines = append(lines, fmt.Sprintf("auto-restart reads %d (%d on, %d off)", n, d.restart.on, d.restart.off))
	}
	if d.isDue(found.values) {
		lines = append(lines, "it is about to switch off")
	}
	return []sdk.Item{{Name: "ups/status", Text: strings.Join(lines, "\n"), Values: reading.Values}}, nil
}
