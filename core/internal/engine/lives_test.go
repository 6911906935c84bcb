package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

// TestOrderLives: what is configured, declared and measured, and what it makes of a device.
func TestOrderLives(t *testing.T) {
	ms := time.Millisecond
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		configured time.Duration
		do         func(*deviceLives)
		want       time.Duration
		proven     bool
	}{
		"nothing known":            {time.Second, func(*deviceLives) {}, time.Second, false},
		"declared only":            {time.Second, func(l *deviceLives) { l.declare("ups", sdk.Device{OrderLife: 2 * time.Second}) }, 2 * time.Second, false},
		"read, not declared":       {time.Second, func(l *deviceLives) { trips(l, 5*ms, 5*ms, 5*ms) }, time.Second, false},
		"two readings":             {time.Second, func(l *deviceLives) { declared(l); trips(l, 5*ms, 5*ms) }, time.Second, false},
		"three readings":           {time.Second, func(l *deviceLives) { declared(l); trips(l, 5*ms, 5*ms, 5*ms) }, time.Second, true},
		"one late answer":          {time.Second, func(l *deviceLives) { declared(l); trips(l, 5*ms, 900*ms, 5*ms, 5*ms) }, time.Second, true},
		"two late answers":         {time.Second, func(l *deviceLives) { declared(l); trips(l, 5*ms, 900*ms, 710*ms, 5*ms) }, 1500 * ms, true},
		"late answers of long ago": {time.Second, func(l *deviceLives) { declared(l); trips(l, 900*ms, 900*ms); trips(l, make([]time.Duration, 9)...) }, time.Second, true},
		"a slow device": {time.Second, func(l *deviceLives) {
			l.declare("ups", sdk.Device{OrderLife: 990 * ms})
			trips(l, 60*ms, 60*ms, 60*ms)
		}, 1200 * ms, true},
		"a late cut": {time.Second, func(l *deviceLives) {
			declared(l)
			trips(l, 5*ms, 5*ms, 5*ms)
			l.cut("ups", 1210*ms)
		}, 1300 * ms, true},
		"a late cut, before any reading": {time.Second, func(l *deviceLives) {
			declared(l)
			l.cut("ups", 1210*ms)
			trips(l, 5*ms)
		}, 1300 * ms, false},
		"refused": {time.Second, func(l *deviceLives) {
			declared(l)
			trips(l, 5*ms, 5*ms, 5*ms)
			l.refuse("ups", "noAccess")
			trips(l, 5*ms)
		}, time.Second, false},
		"refused, then obeyed": {time.Second, func(l *deviceLives) {
			declared(l)
			trips(l, 5*ms, 5*ms, 5*ms)
			l.refuse("ups", "noAccess")
			l.trip("ups", byOrder, 8*ms)
		}, time.Second, true},
	} {
		l := newDeviceLives(func() time.Time { return now })
		c.do(l)
		want := failover.Device{Name: "ups", Level: 1, Life: c.want, Proven: c.proven}
		if c.want > c.configured { // the operator does not claim that much
			want.Life, want.Measured = c.configured, c.want
		}
		got := l.device(config.FenceDevice{Name: "ups", Level: 1, OrderLife: config.Duration(c.configured)})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func declared(l *deviceLives) { l.declare("ups", sdk.Device{}) }

func trips(l *deviceLives, took ...time.Duration) {
	for _, t := range took {
		l.trip("ups", byReading, t)
	}
}

// TestProofsAgeAndOutliveTheDaemon: a proof counts for a day, over restarts, once the
// device declared itself to the new daemon.
func TestProofsAgeAndOutliveTheDaemon(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	wall := func() time.Time { return now }
	cfg := config.FenceDevice{Name: "ups", OrderLife: config.Duration(time.Second)}
	first := newDeviceLives(wall)
	first.declare("ups", sdk.Device{OrderLife: 2 * time.Second})
	trips(first, time.Millisecond, time.Millisecond, time.Millisecond)
	text, at := first.record()
	again, _ := first.record()
	if text == nil || again == nil {
		t.Fatal("what could not be written is given again")
	}
	first.recorded(at)
	if again, _ = first.record(); again != nil {
		t.Fatal("a measurement is recorded once an hour")
	}
	second := newDeviceLives(wall)
	if err := second.recall(text); err != nil {
		t.Fatal(err)
	}
	if got := second.device(cfg).Measured; got != 2100*time.Millisecond {
		t.Errorf("a start recalls a life of %v, want 2.1 s as the device declared and showed", got)
	}
	if second.device(cfg).Proven {
		t.Error("proven before the device was asked what it is")
	}
	declared(second)
	for age, want := range map[time.Duration]bool{time.Hour: true, 23 * time.Hour: true, 25 * time.Hour: false, -time.Hour: false} {
		at := now
		now = now.Add(age)
		if got := second.device(cfg).Proven; got != want {
			t.Errorf("proven %v at an age of %v", got, age)
		}
		now = at
	}
	now = now.Add(48 * time.Hour)
	third := newDeviceLives(wall)
	if err := third.recall(text); err != nil {
		t.Fatal(err)
	}
	declared(third)
	trips(third, time.Millisecond)
	if third.device(cfg).Proven {
		t.Error("one reading and two of the day before yesterday prove something")
	}
	if err := third.recall([]byte("{")); err == nil {
		t.Error("garbage was recalled")
	}
}
