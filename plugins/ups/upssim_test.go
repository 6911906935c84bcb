package ups

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

func TestConformanceWithSimulator(t *testing.T) {
	for _, test := range []struct{ kind, version, options string }{
		{"rfc1628", "1", ""}, {"apcups", "3 authPriv", ""}, {"rpdu2", "2c", "outlets: [1, 2]\n"},
	} {
		t.Run(test.kind+" version "+test.version, func(t *testing.T) {
			s := newSimulator(t, test.kind)
			if test.options != "" {
				s = newSimulator(t, test.kind, 1, 2)
			}
			sdktest.Run(t, sdktest.Case{
				Plugin: New(), Config: "address: " + s.Address + "\n" + sections[test.version] + test.options, Fence: s.hooks(t, test.kind),
			})
		})
	}
}

func (s *simulator) hooks(t *testing.T, kind string) *sdktest.Fence {
	return &sdktest.Fence{
		Output: func(on bool) {
			if err := s.Switch(on); err != nil {
				t.Error(err)
			}
		},
		Obey:   func(obey bool) { s.SetBehaviour(upssim.Behaviour{LieOn: !obey}) },
		Answer: func(answer bool) { s.SetBehaviour(upssim.Behaviour{Silent: !answer}) },
		Sleeps: kind == "rfc1628",
	}
}

// TestEveryKindIsCutAndComesBack: detected, switched off, read off, on again, by
// versions 1 and 3.
func TestEveryKindIsCutAndComesBack(t *testing.T) {
	t.Parallel()
	for i := range kinds {
		k := &kinds[i]
		for _, version := range []string{"1", "3 authPriv"} {
			t.Run(k.word+" version "+version, func(t *testing.T) {
				t.Parallel()
				s, section := newSimulator(t, k.word), sections[version]
				if k.hasOutlets() {
					s = newSimulator(t, k.word, 2, 5)
					section += "outlets: [2, 5]\n"
				}
				u := s.open(t, section)
				described, err := u.Describe(t.Context())
				if err != nil || !strings.HasPrefix(described.Kind, k.title+", ") {
					t.Fatalf("described as %+v, %v", described, err)
				}
				life := max(time.Second, described.OrderLife)
				for range 2 {
					reading, err := u.Off(t.Context(), order(life))
					if err != nil || reading.Power != sdk.PowerOff || s.On() || s.Load.Offs.Load() != 1 {
						t.Fatalf("off: %+v, %v, on %v, %d cuts", reading, err, s.On(), s.Load.Offs.Load())
					}
				}
				if k.mark.oid != "" && s.Attached() != "cut by beta, generation 7" {
					t.Errorf("the mark reads %q", s.Attached())
				}
				if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
					t.Errorf("status of what is off: %+v, %v", reading, err)
				}
				if result, err := u.Probe(t.Context()); err != nil || result.Status != sdk.Degraded {
					t.Errorf("health of what is off: %+v, %v", result, err)
				}
				for range 2 {
					if reading, err := u.On(t.Context(), order(life)); err != nil || reading.Power != sdk.PowerOn || !s.On() {
						t.Fatalf("on: %+v, %v, on %v", reading, err, s.On())
					}
				}
				if result, err := u.Probe(t.Context()); err != nil || result.Status != sdk.OK {
					t.Errorf("health of what is on: %+v, %v", result, err)
				}
			})
		}
	}
}

// TestAllOutletsMustReadOff: one supply of two that stays on is no cut.
func TestAllOutletsMustReadOff(t *testing.T) {
	s := newSimulator(t, "rpdu", 2, 5)
	u := s.open(t, v2c+"outlets: [2, 5, 6]\n") // 6 is not ours, and stays
	if reading, err := u.Off(t.Context(), order(orderTime)); err != nil || reading.Power != sdk.PowerOff {
		t.Fatalf("%+v, %v", reading, err)
	}
	if err := s.Become("rpdu", 6); err != nil { // somebody presses a button
		t.Fatal(err)
	}
	_ = s.Switch(true)
	reading, err := u.Status(t.Context())
	if err != nil || reading.Power != sdk.PowerOn {
		t.Errorf("one of three is on: %+v, %v", reading, err)
	}
	if want := "outlet 2 reads off(2); outlet 5 reads off(2); outlet 6 reads on(1)"; reading.Message != want {
		t.Errorf("message %q", reading.Message)
	}
}

func TestOutletsByName(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"rpdu", "rpdu2", "masterswitch", "masterswitchplus", "epdu", "epdu-managed", "epdu-switched", "raritan", "raritan-px2", "tripplite-lx"} {
		for _, version := range []string{"1", "2c"} {
			t.Run(kind+" version "+version, func(t *testing.T) {
				s := newSimulator(t, kind, 3, 7)
				s.Name(3, "till-a")
				s.Name(7, "till-b")
				u := s.open(t, sections[version]+"outlets: [till-a, till-b]\n")
				if _, err := u.Off(t.Context(), order(orderTime)); err != nil || s.On() {
					t.Fatal(err)
				}
				if _, err := u.On(t.Context(), order(orderTime)); err != nil {
					t.Fatal(err)
				}
				s.Name(3, "spare") // the cable moved
				s.Name(4, "till-a")
				if _, err := u.Off(t.Context(), order(orderTime)); err != nil || !s.OutletOn(3) || s.OutletOn(4) {
					t.Errorf("after the name moved: %v, outlet 3 on %v, outlet 4 on %v", err, s.OutletOn(3), s.OutletOn(4))
				}
				s.Name(8, "till-a")
				u.unidentify()
				if _, err := u.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "2 outlets named") {
					t.Errorf("a name that two have: %v", err)
				}
			})
		}
	}
}

// TestUnknownKindIsSaidAndNeverGuessed.
func TestUnknownKindIsSaidAndNeverGuessed(t *testing.T) {
	s := newSimulator(t, "unheard-of")
	u := s.open(t, v2c)
	_, err := u.Off(t.Context(), order(time.Second))
	for _, word := range []string{"unknown kind of device", ".1.3.6.1.4.1.99999.7.1", "Storeward lab UPS simulator", "kind: apcups"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v lacks %q", err, word)
		}
	}
	if err := s.Become("rfc1628"); err != nil { // the card was exchanged
		t.Fatal(err)
	}
	if _, err := u.Off(t.Context(), order(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.Become("apcups"); err != nil {
		t.Fatal(err)
	}
	if reading, err := u.On(t.Context(), order(time.Second)); err != nil || !strings.Contains(reading.Message, "onLine") {
		t.Errorf("after the device was exchanged: %+v, %v", reading, err)
	}
	if err := s.Become("rpdu"); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "list the outlets") {
		t.Errorf("a PDU without outlets: %v", err)
	}
	u = s.open(t, v2c+"kind: epdu\noutlets: [1]\n")
	if _, err := u.Off(t.Context(), order(200*time.Millisecond)); err == nil || !s.On() {
		t.Errorf("a kind that it is not: %v", err)
	}
}

func TestPendingIsNotOff(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"rfc1628", "apcups", "rpdu", "rpdu2", "masterswitch", "epdu", "xups", "cyberpower"} {
		s := newSimulator(t, kind)
		k, _ := kindNamed(kind)
		section := v2c
		if k.hasOutlets() {
			section += "outlets: [1]\n"
		}
		u := s.open(t, section)
		s.SetBehaviour(upssim.Behaviour{Pending: time.Minute})
		reading, err := u.Off(t.Context(), order(200*time.Millisecond))
		if err == nil || reading.Power == sdk.PowerOff || !s.On() {
			t.Errorf("%s: a pending off: %+v, %v", kind, reading, err)
		}
		if reading, err = u.Status(t.Context()); err != nil || reading.Power == sdk.PowerOff {
			t.Errorf("%s: status: %+v, %v", kind, reading, err)
		}
	}
}

// TestTimedOff ends by itself, and counts as off only for who ordered it.
func TestTimedOff(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"rfc1628", "rpdu", "rpdu2", "masterswitch"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, kind)
			k, _ := kindNamed(kind)
			section := v2c + "timed_off: 1s\n"
			if k.hasOutlets() {
				section += "outlets: [1]\n"
			}
			u := s.open(t, section)
			described, err := u.Describe(t.Context())
			if err != nil || !described.TimedOff {
				t.Errorf("%+v, %v", described, err)
			}
			reading, err := u.Off(t.Context(), order(orderTime))
			if err != nil || reading.Power != sdk.PowerOff || s.On() {
				t.Fatalf("%+v, %v", reading, err)
			}
			if reading, err = u.Status(t.Context()); err != nil || reading.Power != sdk.PowerUnknown {
				t.Errorf("what is about to come back reads %+v, %v", reading, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for !s.On() {
				if !sdk.Pause(ctx, 10*time.Millisecond) {
					t.Fatal("it did not come back")
				}
			}
		})
	}
}

// TestOffLeavesTheCardOn: upsShutdownType decides whether the card goes off with the
// output, of an off with an end too (RFC 1628, upsControl 1 and 4).
func TestOffLeavesTheCardOn(t *testing.T) {
	for name, options := range map[string]string{"plain": "", "with an end": "timed_off: 30s\n"} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t, "rfc1628")
			u := s.open(t, v2c+options)
			s.set(t, u, oidShutdownType, 2)
			if reading, err := u.Off(t.Context(), order(orderTime)); err != nil || reading.Power != sdk.PowerOff || s.On() {
				t.Fatalf("%+v, %v, on %v", reading, err, s.On())
			}
			if _, err := u.On(t.Context(), order(orderTime)); err != nil || !s.On() {
				t.Errorf("on again: %v, on %v", err, s.On())
			}
		})
	}
}

// set writes one object behind the instance's back.
func (s *simulator) set(t *testing.T, u *instance, oid string, value int) {
	t.Helper()
	err := u.converse(t.Context(), func(_ context.Context, c *client) error {
		_, err := c.set(number(oid, value))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOnEndsACountdown: an output that is on and about to go off is an alarm, and is
// only said to be on once nothing counts down.
func TestOnEndsACountdown(t *testing.T) {
	s := newSimulator(t, "rfc1628")
	u := s.open(t, v2c)
	s.set(t, u, oidShutdownDelay, 60)
	reading, err := u.Status(t.Context())
	if err != nil || reading.Power != sdk.PowerOn || !slices.ContainsFunc(reading.Conditions, func(c sdk.Condition) bool { return c.Key == "shutdown-pending" }) {
		t.Errorf("about to switch off: %+v, %v", reading, err)
	}
	if _, err := u.On(t.Context(), order(orderTime)); err != nil {
		t.Fatal(err)
	}
	if reading, err := u.Status(t.Context()); err != nil || len(reading.Conditions) > 0 {
		t.Errorf("after the order: %+v, %v", reading, err)
	}
}

// TestPlainOffAbortsWhatIsPending: an output that would come back stays off.
func TestPlainOffAbortsWhatIsPending(t *testing.T) {
	for _, kind := range []string{"rfc1628", "rpdu", "rpdu2", "epdu"} {
		s := newSimulator(t, kind)
		k, _ := kindNamed(kind)
		section := v2c
		if k.hasOutlets() {
			section += "outlets: [1]\n"
		}
		if k.timed != nil {
			if _, err := s.open(t, section+"timed_off: 30s\n").Off(t.Context(), order(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		u := s.open(t, section)
		if reading, err := u.Off(t.Context(), order(time.Second)); err != nil || reading.Power != sdk.PowerOff {
			t.Errorf("%s: %+v, %v", kind, reading, err)
		}
		if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
			t.Errorf("%s: status %+v, %v", kind, reading, err)
		}
	}
}

// TestConditions: what a device tells of itself is named, each thing once, whoever
// tells it; that its output is off is none of them.
func TestConditions(t *testing.T) {
	for _, test := range []struct{ kind, version, worn string }{
		{"rfc1628", "2c", "replace-battery"},
		{"rfc1628", "3 authPriv", "replace-battery"},
		{"rfc1628", "1", ""}, // SNMPv1 has no packet for the table
		{"xups", "2c", "replace-battery"},
		{"apcups", "1", "replace-battery"},
		{"cyberpower", "2c", "replace-battery"},
	} {
		s := newSimulator(t, test.kind)
		u := s.open(t, sections[test.version]+patient)
		found := func() string {
			t.Helper()
			reading, err := u.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, c := range reading.Conditions {
				if c.Message == "" {
					t.Errorf("%s says nothing", c.Key)
				}
				keys = append(keys, c.Key)
			}
			return strings.Join(keys, " ")
		}
		expect := func(when, want string) {
			t.Helper()
			if got := found(); got != strings.TrimSpace(want) {
				t.Errorf("%s version %s, %s: %q, want %q", test.kind, test.version, when, got, want)
			}
		}
		expect("healthy", "")
		s.SetBehaviour(upssim.Behaviour{Worn: true})
		expect("a worn battery", test.worn)
		_ = s.SetMains(false)
		expect("a worn battery without mains", "on-battery "+test.worn)
		_ = s.SetMains(true)
		s.SetBehaviour(upssim.Behaviour{})
		_ = s.Switch(false)
		expect("an output that is off", "")
	}
	s := newSimulator(t, "rpdu", 1, 2)
	u := s.open(t, v2c+"outlets: [1, 2]\n")
	if _, err := s.open(t, v2c+"outlets: [1]\n").Off(t.Context(), order(time.Second)); err != nil {
		t.Fatal(err)
	}
	reading, err := u.Status(t.Context())
	if err != nil || len(reading.Conditions) != 1 || reading.Conditions[0].Key != "supply-lost" || reading.Power != sdk.PowerOn {
		t.Errorf("one supply of two: %+v, %v", reading, err)
	}
}

// TestManyAtOnce: probes beside an order.
func TestManyAtOnce(t *testing.T) {
	s := newSimulator(t, "rpdu2", 1, 2)
	u := s.open(t, authPriv+"outlets: [1, 2]\n")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := u.Probe(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if _, err := u.Off(t.Context(), order(2*time.Second)); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	if s.On() {
		t.Error("on")
	}
}

func TestEveryKindIsInTheReadme(t *testing.T) {
	readme := readFile(t, "README.md")
	for _, k := range kinds {
		if !strings.Contains(readme, "| `"+k.word+"` |") {
			t.Errorf("README.md lacks %s", k.word)
		}
	}
	for _, k := range upssim.Kinds() {
		if !slices.ContainsFunc(kinds, func(own kind) bool { return own.word == k }) && k != "unheard-of" {
			t.Errorf("the simulator's %s is no kind here", k)
		}
	}
}

func BenchmarkOff(b *testing.B) {
	for name, section := range map[string]string{"2c": v2c, "authPriv": authPriv} {
		b.Run(name, func(b *testing.B) {
			s := newSimulator(b, "rfc1628")
			u := s.open(b, section)
			for b.Loop() {
				b.StopTimer()
				if err := s.Switch(true); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := u.Off(b.Context(), order(time.Second)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
