package sdktest

import (
	"context"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// runFence checks what a takeover stands on: off is only what was read off.
func runFence(t *testing.T, c Case) {
	order := func(name string) sdk.Order {
		return sdk.Order{ID: name, Expiry: sdk.Monotonic() + callTime, Mark: "cut by beta, generation 7"}
	}
	within := func(t *testing.T, f func(context.Context)) {
		ctx, cancel := context.WithTimeout(t.Context(), callTime)
		defer cancel()
		f(ctx)
	}
	reset := func() {
		set(c.Fence.Answer, true)
		set(c.Fence.Obey, true)
		set(c.Fence.Output, true)
	}
	check := func(name string, hooks bool, f func(*testing.T, Case, *Instance)) {
		t.Run("fence "+name, func(t *testing.T) {
			if !hooks {
				t.Skip("the case has no hook for this")
			}
			reset()
			defer reset()
			served(t, c, c.Config, f)
		})
	}
	check("off is read off", true, func(t *testing.T, _ Case, i *Instance) {
		within(t, func(ctx context.Context) {
			before := sdk.Monotonic()
			reading, err := i.Off(ctx, order("off"))
			if err != nil || reading.Power != sdk.PowerOff || reading.Taken < before {
				t.Errorf("off: %+v, %v", reading, err)
			}
			if reading, err = i.Off(ctx, order("off-again")); err != nil || reading.Power != sdk.PowerOff {
				t.Errorf("off again: %+v, %v", reading, err)
			}
		})
	})
	check("on is read on", true, func(t *testing.T, _ Case, i *Instance) {
		within(t, func(ctx context.Context) {
			if _, err := i.Off(ctx, order("off")); err != nil {
				t.Errorf("off: %v", err)
			}
			if reading, err := i.On(ctx, order("on")); err != nil || reading.Power != sdk.PowerOn {
				t.Errorf("on: %+v, %v", reading, err)
			}
		})
	})
	check("an unconfirmed cut is an error", c.Fence.Obey != nil, func(t *testing.T, c Case, i *Instance) {
		c.Fence.Obey(false)
		ctx, cancel := context.WithTimeout(t.Context(), c.unconfirmed())
		defer cancel()
		reading, err := i.Off(ctx, sdk.Order{ID: "deaf", Expiry: sdk.Monotonic() + c.unconfirmed()})
		if err == nil || reading.Power == sdk.PowerOff {
			t.Errorf("a device that did not obey: %+v, %v", reading, err)
		}
	})
	check("a sleep comes later and can be ended", c.Fence.Sleeps, runSleep)
	check("unknown is never off", c.Fence.Answer != nil, func(t *testing.T, c Case, i *Instance) {
		c.Fence.Answer(false)
		ctx, cancel := context.WithTimeout(t.Context(), max(c.Deadline, time.Second))
		defer cancel()
		reading, err := i.Status(ctx)
		if reading.Power != sdk.PowerUnknown {
			t.Errorf("a mute device: %+v, %v", reading, err)
		}
	})
	check("an expired order is not sent", c.Fence.Orders != nil, func(t *testing.T, c Case, i *Instance) {
		before := c.Fence.Orders()
		within(t, func(ctx context.Context) {
			if _, err := i.Off(ctx, sdk.Order{ID: "late", Expiry: sdk.Monotonic() - time.Millisecond}); err == nil {
				t.Error("an expired order succeeded")
			}
		})
		if sent := c.Fence.Orders() - before; sent != 0 {
			t.Errorf("an expired order was sent %d times", sent)
		}
	})
}

// runSleep checks that a device that is to switch off later does not do so now, and
// that it can be told to stay on.
func runSleep(t *testing.T, c Case, i *Instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	defer cancel()
	order := sdk.Order{ID: "sleep", Expiry: sdk.Monotonic() + callTime, After: time.Hour}
	if reading, err := i.Sleep(ctx, order); err != nil || reading.Power != sdk.PowerOn {
		t.Errorf("sleep: %+v, %v", reading, err)
	}
	if reading, err := i.On(ctx, order); err != nil || reading.Power != sdk.PowerOn {
		t.Errorf("on after all: %+v, %v", reading, err)
	}
	if c.Fence.Obey == nil {
		return
	}
	c.Fence.Obey(false)
	defer c.Fence.Obey(true)
	ctx, cancel = context.WithTimeout(t.Context(), c.unconfirmed())
	defer cancel()
	order.Expiry = sdk.Monotonic() + c.unconfirmed()
	if reading, err := i.Sleep(ctx, order); err == nil {
		t.Errorf("a device that did not obey sleeps: %+v", reading)
	}
}

// orderTime is the time given to an order that nobody answers.
func (c Case) orderTime() time.Duration {
	if c.Fence != nil && c.Fence.Deadline > 0 {
		return c.Fence.Deadline
	}
	return c.Deadline
}

// unconfirmed is the time given to an order that cannot succeed.
func (c Case) unconfirmed() time.Duration { return max(c.orderTime(), time.Second) }

func set(hook func(bool), value bool) {
	if hook != nil {
		hook(value)
	}
}
