package upsserial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// reading is what the device told in one conversation.
type reading struct {
	d      *dialect
	values values
	said   map[string]string // the answers about the output, as they came
	taken  time.Duration     // when the first of them arrived
}

func (r reading) power(ours bool) sdk.Power { return r.d.power(r.values, ours) }

// waits tells whether the device counts down to something.
func (r reading) waits() bool { return r.d.returning != nil && r.d.returning.holds(r.values) }

// String says what was read, in the protocol's own words.
func (r reading) String() string {
	var parts []string
	for _, q := range r.d.state {
		parts = append(parts, q.text+" reads "+r.said[q.text])
	}
	return strings.Join(parts, ", ")
}

// told makes it a reading for the core.
func (r reading) told(ours bool, note string) sdk.Reading {
	out := sdk.Reading{Power: r.power(ours), Taken: r.taken, Values: r.d.told(r.values)}
	switch out.Power {
	case sdk.PowerOn:
		out.Values["power_on"] = 1
		out.Message = "the output is on"
	case sdk.PowerOff:
		out.Values["power_on"] = 0
		out.Message = "the output is off"
	case sdk.PowerUnknown:
		out.Message = "the output is neither on nor off"
		if r.waits() {
			out.Message = "the output is off and may come back by itself"
		}
	}
	out.Message += note + ": " + r.String()
	return out
}

// looked is a reading of everything, and when it began.
type looked struct {
	began   time.Duration
	reading sdk.Reading
	answers string // the raw ones, for evidence
}

// look reads everything that the device tells. Whoever waited for the line while
// somebody else looked takes what that one saw, if it began later than the question.
func (u *instance) look(ctx context.Context) (looked, error) {
	asked := sdk.Monotonic()
	var found looked
	shared := func() bool {
		found = u.last
		return u.last.began > asked
	}
	err := u.read(ctx, shared, func(ctx context.Context, l *line) error {
		began := sdk.Monotonic()
		now, err := u.output(ctx, l)
		if err != nil {
			return err
		}
		lines := []string{now.String()}
		for i := range u.d.other {
			said, err := l.ask(ctx, &u.d.other[i], now.values, true)
			if err != nil {
				return err
			}
			lines = append(lines, u.d.other[i].text+" reads "+said)
		}
		reading := now.told(u.ours, "")
		reading.Values["on_battery"] = 0
		u.judge(now, &reading)
		if slices.Contains(reading.Conditions, onBattery) {
			reading.Values["on_battery"] = 1
		}
		found = looked{began, reading, strings.Join(lines, "\n")}
		u.last = found
		return nil
	})
	if err != nil {
		return looked{}, fmt.Errorf("read %s: %w", u.cfg.Device, err)
	}
	return found, nil
}

// output reads the output for a status: off only where it was read so twice.
func (u *instance) output(ctx context.Context, l *line) (reading, error) {
	now, err := l.output(ctx)
	if err != nil {
		return reading{}, err
	}
	if now.power(u.ours) == sdk.PowerOff {
		if now, err = l.sure(ctx, u.ours); err != nil {
			return reading{}, err
		}
	}
	if now.power(u.ours) == sdk.PowerOn {
		u.ours = false // somebody switched it on
	}
	return now, nil
}

// judge adds what is not as it should be.
func (u *instance) judge(now reading, told *sdk.Reading) {
	for _, f := range u.d.conditions {
		if f.holds(now.values) {
			told.AddCondition(f.condition)
		}
	}
	if charge, known := told.Values["battery_charge_ratio"]; known && charge < u.cfg.LowCharge {
		told.AddCondition(sdk.Condition{Key: lowBattery.Key, Message: fmt.Sprintf("the battery is charged to %.0f %% only", charge*100)})
	}
	switch {
	case told.Power == sdk.PowerUnknown:
		told.AddCondition(sdk.Condition{Key: "output-unknown", Message: told.Message})
	case told.Power == sdk.PowerOn && now.waits():
		told.AddCondition(sdk.Condition{Key: "shutdown-pending", Message: "the UPS is about to switch its output off"})
	}
}

// Status reads the output and what else the device tells.
func (u *instance) Status(ctx context.Context) (sdk.Reading, error) {
	found, err := u.look(ctx)
	return found.reading, err
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
	text := u.describe("") + ": " + found.reading.Message + "\n" + found.answers
	return []sdk.Item{{Name: "upsserial/status", Text: text, Values: found.reading.Values}}, nil
}

// describe is the device in words: what the table calls it, what it calls itself, and where it is.
func (u *instance) describe(said string) string {
	text := u.d.title
	if model := strings.Join(strings.Fields(strings.TrimPrefix(said, "#")), " "); model != "" {
		text += ", " + model
	}
	return fmt.Sprintf("%s, %s at %d baud", text, u.cfg.Device, u.baud)
}
