package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

func TestBatteryIsToldAsItWasRead(t *testing.T) {
	low := []sdk.Condition{{Key: api.ConditionBatteryLow}}
	for name, c := range map[string]struct {
		reading sdk.Reading
		want    failover.FenceAnswer
	}{
		"a device without a battery": {sdk.Reading{Values: map[string]float64{"power_on": 1}}, failover.FenceAnswer{}},
		"on mains":                   {sdk.Reading{Values: map[string]float64{"on_battery": 0, "battery_charge_ratio": 1}}, failover.FenceAnswer{OnBattery: beat.No, BatteryLow: beat.No, Charge: 100}},
		"on battery": {
			sdk.Reading{Values: map[string]float64{"on_battery": 1, "battery_charge_ratio": 0.195, "battery_seconds_remaining": 90}, Conditions: low},
			failover.FenceAnswer{OnBattery: beat.Yes, BatteryLow: beat.Yes, Charge: 20, Runtime: 90 * time.Second},
		},
		"a word alone": {sdk.Reading{Values: map[string]float64{"on_battery": 1}, Conditions: low}, failover.FenceAnswer{OnBattery: beat.Yes, BatteryLow: beat.Yes}},
		"an empty battery": {
			sdk.Reading{Values: map[string]float64{"on_battery": 1, "battery_charge_ratio": 0, "battery_seconds_remaining": 0}},
			failover.FenceAnswer{OnBattery: beat.Yes, BatteryLow: beat.No, Charge: 1, Runtime: time.Second},
		},
		"nonsense": {sdk.Reading{Values: map[string]float64{"on_battery": 1, "battery_charge_ratio": -7, "battery_seconds_remaining": 1e300}}, failover.FenceAnswer{OnBattery: beat.Yes, BatteryLow: beat.No, Runtime: 24 * time.Hour}},
	} {
		var got failover.FenceAnswer
		tellBattery(&got, c.reading)
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestMainsLostForTheWholeStore: the standby goes down first, the active node once its
// battery is low, each with its supply told to bring it back.
func TestMainsLostForTheWholeStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.onBattery("alpha", 0.9)
		w.onBattery("beta", 0.9)
		down := func(node string) func() bool {
			return func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return !w.power[node]
			}
		}
		w.until("the standby goes down", 2*time.Minute, down("beta"))
		if !w.runs("alpha", "db") {
			t.Fatal("the active node serves no more")
		}
		w.onBattery("alpha", 0.2)
		w.until("the active node goes down", time.Minute, down("alpha"))
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, node := range []string{"alpha", "beta"} {
			if w.asleep[node] != 90*time.Second || w.halted[node] != "systemctl poweroff" {
				t.Errorf("%s: its supply sleeps after %v, halted by %q", node, w.asleep[node], w.halted[node])
			}
		}
	})
}

// TestSupplyThatCannotBringItBack: the host stays on, and it is told why.
func TestSupplyThatCannotBringItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.refuse = true
		w.mu.Unlock()
		w.onBattery("alpha", 0.9)
		w.onBattery("beta", 0.9)
		w.until("it is told why", 2*time.Minute, func() bool {
			for _, a := range beta.engine.viewOf().Alarms {
				if a.Key == "not-shut-down" && strings.Contains(a.Text, "have ups-beta switch off later: the device refuses") {
					return true
				}
			}
			return false
		})
		<-time.After(2 * time.Minute) // it is tried again
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.halted) != 0 || !w.power["beta"] {
			t.Errorf("halted %v", w.halted)
		}
	})
}

// TestShutdownThatHangs: a supply that was told to switch off later is told to stay on
// when the command of the shutdown comes to no end in the action's time.
func TestShutdownThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		ordered := 0
		beta.engine.PowerOff = func(ctx context.Context, _ []string) error {
			w.mu.Lock()
			ordered += len(w.asleep)
			w.mu.Unlock()
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		event := beta.engine.shutDown(ctx, failover.Action{ID: "shutdown-1"})
		if done, ok := event.(failover.ActionDone); !ok || !strings.Contains(done.Err, "deadline exceeded") {
			t.Errorf("answer %v", event)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if ordered != 1 || len(w.asleep) != 0 {
			t.Errorf("%d supplies were told to switch off later, %d still will", ordered, len(w.asleep))
		}
	})
}
