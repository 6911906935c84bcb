package ups

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

func sleepOrder(after time.Duration) sdk.Order {
	return sdk.Order{ID: "sleep", Expiry: sdk.Monotonic() + 2*time.Second, After: after}
}

// TestSleepsUntilMainsAreBack: on its battery, off after a second, on with mains; by
// a device whose auto-restart was off.
func TestSleepsUntilMainsAreBack(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "3 authPriv"} {
		t.Run("version "+version, func(t *testing.T) {
			s := newSimulator(t, "rfc1628")
			u := s.open(t, sections[version]+patient)
			err := u.converse(t.Context(), func(ctx context.Context, c *client) error {
				d, err := u.identify(ctx, c)
				if err == nil {
					err = d.restart.set(c, d.restart.off)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetMains(false); err != nil {
				t.Fatal(err)
			}
			reading, err := u.Sleep(t.Context(), sleepOrder(time.Second))
			if err != nil || reading.Power != sdk.PowerOn || !s.On() {
				t.Fatalf("%+v, %v", reading, err)
			}
			for end := time.Now().Add(5 * time.Second); s.On(); <-time.After(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it did not switch off")
				}
			}
			if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerUnknown {
				t.Errorf("what comes back by itself reads %+v, %v", reading, err)
			}
			if err := s.SetMains(true); err != nil || !s.On() {
				t.Errorf("with mains: on %v, %v", s.On(), err)
			}
		})
	}
}

// TestMainsAreBackBeforeTheOff: then the delayed start brings the output back.
func TestMainsAreBackBeforeTheOff(t *testing.T) {
	s := newSimulator(t, "rfc1628")
	u := s.open(t, v2c)
	if _, err := u.Sleep(t.Context(), sleepOrder(1500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	err := u.converse(t.Context(), func(ctx context.Context, c *client) error {
		d, err := u.identify(ctx, c)
		if err != nil {
			return err
		}
		v, err := c.get(d.sleep.off, d.sleep.on)
		off, _ := v.integer(d.sleep.off)
		on, _ := v.integer(d.sleep.on)
		if off != 2 || on != 32 {
			t.Errorf("off in %d s, on in %d s", off, on)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSleepIsReadBack: only a countdown of the ordered length, or what is left of it,
// shows that the order was taken.
func TestSleepIsReadBack(t *testing.T) {
	for _, c := range []struct {
		reads int
		want  string
	}{
		{-1, "not about to switch off"},
		{0, "not about to switch off"}, // nothing is pending, by many a card
		{1, ""},
		{120, ""},
		{121, "ordered to switch off in 120 s and counts down from 121 s"}, // an older order
	} {
		a := newAgent(t)
		a.with(func() {
			a.after = map[string]gosnmp.SnmpPDU{
				oidShutdownDelay: number(oidShutdownDelay, c.reads), oidAutoRestart: number(oidAutoRestart, autoRestartOn),
			}
		})
		_, err := openTest(t, a, t.TempDir(), nil).Sleep(t.Context(), sleepOrder(2*time.Minute))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("reads %d: %v, want %q", c.reads, err, c.want)
		}
	}
}

func TestSleepThatCouldBeForEverIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		kind, options, want string
		ill                 upssim.Behaviour
		off                 bool
	}{
		"a kind that cannot": {kind: "apcups", want: "kind apcups cannot switch off later and on again with mains"},
		"outlets":            {kind: "rpdu2", options: "outlets: [1]\n", want: "kind rpdu2 cannot"},
		"refused":            {kind: "rfc1628", ill: upssim.Behaviour{Refuse: "genErr"}, want: "refused: GenErr"},
		"not obeyed":         {kind: "rfc1628", ill: upssim.Behaviour{LieOn: true}, want: "unconfirmed: the device acknowledged the order and is not about to switch off"},
		"off already":        {kind: "rfc1628", off: true, want: "the output reads none(2)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t, c.kind)
			s.SetBehaviour(c.ill)
			if c.off {
				_ = s.Switch(false)
			}
			_, err := s.open(t, v2c+c.options).Sleep(t.Context(), sleepOrder(time.Second))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}
