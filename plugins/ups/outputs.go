package ups

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// outputs is one reading of everything that feeds the node.
type outputs struct {
	d      *device
	values []int
	waits  []bool // a command is pending
	ours   bool   // an off with an end is what was ordered
	taken  time.Duration
}

// reads makes an answer a reading.
func (d *device) reads(v values, ours bool, taken time.Duration) (outputs, error) {
	r := outputs{d: d, ours: ours, taken: taken}
	for _, o := range d.outlets {
		value, ok := v.integer(d.object(d.state.oid, o))
		if !ok {
			return outputs{}, fmt.Errorf("read %s: the answer holds no state", o)
		}
		r.values = append(r.values, value)
		waits := false
		if d.pending.oid != "" {
			if n, ok := v.integer(d.object(d.pending.oid, o)); ok {
				waits = d.pending.waits(n)
			}
		}
		r.waits = append(r.waits, waits)
	}
	return r, nil
}

// of is one outlet's power. What is off with a command pending is about to
// change and so is neither.
func (r outputs) of(i int) sdk.Power {
	power := r.d.state.power(r.values[i], r.ours)
	if power == sdk.PowerOff && r.waits[i] && !r.ours {
		return sdk.PowerUnknown
	}
	return power
}

// power is off only when every outlet is off, and on as soon as one is on.
func (r outputs) power() sdk.Power {
	off := 0
	for i := range r.values {
		switch r.of(i) {
		case sdk.PowerOn:
			return sdk.PowerOn
		case sdk.PowerOff:
			off++
		case sdk.PowerUnknown:
		}
	}
	if off == len(r.values) && off > 0 {
		return sdk.PowerOff
	}
	return sdk.PowerUnknown
}

// are tells whether every outlet is as wanted.
func (r outputs) are(want sdk.Power) bool {
	for i := range r.values {
		if r.of(i) != want {
			return false
		}
	}
	return len(r.values) > 0
}

func (r outputs) pending() bool { return slices.Contains(r.waits, true) }

// String says what was read, outlet by outlet.
func (r outputs) String() string {
	var parts []string
	for i, o := range r.d.outlets {
		part := fmt.Sprintf("%s reads %s", o, r.d.state.word(r.values[i]))
		if r.waits[i] {
			part += ", a command is pending"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// outputs reads the outputs alone, once.
func (c *client) outputs(d *device, ours bool) (outputs, error) {
	v, err := c.get(slices.Concat(d.objects(d.state.oid, d.outlets), d.held(d.objects(d.pending.oid, d.outlets)))...)
	taken := sdk.Monotonic()
	if err != nil {
		return outputs{}, err
	}
	return d.reads(v, ours, taken)
}
