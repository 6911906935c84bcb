package upsserial

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/tests/fakes/serialline"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// TestMain lets many tests run at once: they wait for lines, and compute hardly anything.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		t.Run(d.word, func(t *testing.T) { // not in parallel: it looks for goroutines that stay
			s := newSimulator(t, d.word, serialline.Behaviour{})
			nobody, err := serialline.New(serialline.Behaviour{})
			if err != nil {
				t.Fatal(err)
			}
			defer nobody.Close()
			sdktest.Run(t, sdktest.Case{
				Plugin: New(), Config: s.section(),
				BlackHole: "device: " + nobody.Port(0) + "\nprotocol: " + d.word + "\n",
				Fence: &sdktest.Fence{
					Deadline: map[string]time.Duration{"apcsmart": 2200 * time.Millisecond, "megatec": 700 * time.Millisecond}[d.word],
					Output: func(on bool) {
						if err := s.Switch(on); err != nil {
							t.Error(err)
						}
					},
					Obey:   func(obey bool) { s.SetBehaviour(upssim.Behaviour{LieOn: !obey}) },
					Answer: func(answer bool) { s.SetBehaviour(upssim.Behaviour{Silent: !answer}) },
					Orders: s.port.Orders,
				},
			})
		})
	}
}

// TestCutAndComesBack at the rate of real devices.
func TestCutAndComesBack(t *testing.T) {
	t.Parallel()
	for i := range dialects {
		d := &dialects[i]
		t.Run(d.word, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, d.word, serialline.Behaviour{Baud: 2400})
			u := s.open(t, "")
			described, err := u.Describe(t.Context())
			if err != nil || !strings.HasPrefix(described.Kind, d.title+", ") || !strings.HasSuffix(described.Kind, " at 2400 baud") || described.OrderLife != d.life {
				t.Fatalf("described as %+v, %v", described, err)
			}
			for range 2 {
				reading, err := u.Off(t.Context(), within(orderTime))
				if err != nil || reading.Power != sdk.PowerOff || s.On() || s.load.Offs.Load() != 1 {
					t.Fatalf("off: %+v, %v, on %v, %d cuts", reading, err, s.On(), s.load.Offs.Load())
				}
				t.Log(reading.Message, reading.Values["cut_seconds"])
			}
			if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
				t.Errorf("status of what is off: %+v, %v", reading, err)
			}
			if result, err := u.Probe(t.Context()); err != nil || result.Status != sdk.Degraded {
				t.Errorf("health of what is off: %+v, %v", result, err)
			}
			for range 2 {
				if reading, err := u.On(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOn || !s.On() {
					t.Fatalf("on: %+v, %v, on %v", reading, err, s.On())
				}
			}
			began := time.Now()
			if result, err := u.Probe(t.Context()); err != nil || result.Status != sdk.OK {
				t.Errorf("health of what is on: %+v, %v", result, err)
			}
			t.Logf("a reading took %v", time.Since(began))
			if s.port.Orders() != 1 {
				t.Errorf("%d orders to switch off", s.port.Orders())
			}
		})
	}
}

// TestConditions: what a device tells of itself is named, each thing once.
func TestConditions(t *testing.T) {
	t.Parallel()
	for protocol, worn := range map[string]string{"apcsmart": "replace-battery", "megatec": ""} {
		s := newSimulator(t, protocol, serialline.Behaviour{})
		u := s.open(t, "")
		expect := func(when, want string) sdk.Reading {
			t.Helper()
			reading, err := u.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, c := range reading.Conditions {
				keys = append(keys, c.Key)
			}
			if got := strings.Join(keys, " "); got != strings.TrimSpace(want) {
				t.Errorf("%s, %s: %q, want %q", protocol, when, got, want)
			}
			return reading
		}
		reading := expect("healthy", "")
		if reading.Values["on_battery"] != 0 || reading.Values["load_ratio"] == 0 || reading.Values["input_volts"] != 230.4 || reading.Values["battery_volts"] == 0 {
			t.Errorf("%s: %v", protocol, reading.Values)
		}
		if charge := reading.Values["battery_charge_ratio"]; protocol == "apcsmart" && (charge != 1 || reading.Values["battery_seconds_remaining"] == 0) {
			t.Errorf("charge %v, %v s", charge, reading.Values["battery_seconds_remaining"])
		}
		s.SetBehaviour(upssim.Behaviour{Worn: true})
		_ = s.SetMains(false)
		if reading = expect("a worn battery without mains", "on-battery "+worn); reading.Values["on_battery"] != 1 {
			t.Errorf("%s: %v", protocol, reading.Values)
		}
		_ = s.SetMains(true)
		s.SetBehaviour(upssim.Behaviour{})
		_ = s.Switch(false)
		expect("an output that is off", "")
		items, err := u.Evidence(t.Context())
		if err != nil || len(items) != 1 || !strings.Contains(items[0].Text, "the output is off") {
			t.Errorf("%s: %+v, %v", protocol, items, err)
		}
	}
}

// TestWhatComesBackIsNotOff: a UPS that sleeps until mains or its own clock wakes it.
func TestWhatComesBackIsNotOff(t *testing.T) {
	t.Parallel()
	for protocol, sleep := range map[string]string{"apcsmart": "@100", "megatec": "S00R0010\r"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, protocol, serialline.Behaviour{})
			u := s.open(t, "")
			if _, err := u.Status(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := u.line.port.Write([]byte(sleep)); err != nil { // somebody else's order
				t.Fatal(err)
			}
			eventually(t, "the output is off", func() bool { return !s.On() })
			reading, err := u.Status(t.Context())
			if err != nil || reading.Power != sdk.PowerUnknown || !strings.Contains(reading.Message, "may come back by itself") {
				t.Errorf("asleep: %+v, %v", reading, err)
			}
			reading, err = u.Off(t.Context(), within(orderTime))
			if err != nil || reading.Power != sdk.PowerOff {
				t.Fatalf("off for good: %+v, %v", reading, err)
			}
			if reading, err = s.open2(t, u).Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
				t.Errorf("a new process reads: %+v, %v", reading, err)
			}
		})
	}
}

// open2 is an instance of another process on the same line.
func (s *simulator) open2(t *testing.T, before *instance) *instance {
	t.Helper()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	return s.open(t, "")
}

// TestLostOrderConfirmsNothing: what was asleep before, or about to be, comes back by
// itself, and an order that was lost changes nothing about that: the next one does.
func TestLostOrderConfirmsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		protocol, before string
		pending          time.Duration
	}{
		"apcsmart asleep":        {protocol: "apcsmart", before: "@100"},
		"megatec asleep":         {protocol: "megatec", before: "S00R0010\r"},
		"megatec about to sleep": {protocol: "megatec", before: "S00R0010\r", pending: 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, c.protocol, serialline.Behaviour{})
			u := s.open(t, "")
			if _, err := u.Status(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.SetBehaviour(upssim.Behaviour{Pending: c.pending})
			if _, err := u.line.port.Write([]byte(c.before)); err != nil { // somebody else's order
				t.Fatal(err)
			}
			eventually(t, "the order is taken", func() bool { return s.port.Orders() == 1 && s.On() == (c.pending > 0) })
			s.SetBehaviour(upssim.Behaviour{Reboot: 50 * time.Millisecond, Lost: true}) // once
			reading, err := u.Off(t.Context(), within(orderTime))
			if err != nil || reading.Power != sdk.PowerOff || s.port.Orders() < 3 {
				t.Errorf("%+v, %v after %d orders", reading, err, s.port.Orders())
			}
			if reading, err := s.open2(t, u).Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
				t.Errorf("confirmed, and another process reads: %+v, %v", reading, err)
			}
		})
	}
}

// TestShutdownActiveForEver: a Megatec that shows its own off as a countdown is read
// off by whoever ordered it, and by nobody else: it may be another's sleep.
func TestShutdownActiveForEver(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	s.SetBehaviour(upssim.Behaviour{Sticky: true})
	u := s.open(t, "")
	if reading, err := u.Off(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOff {
		t.Fatalf("%+v, %v", reading, err)
	}
	if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
		t.Errorf("who ordered it: %+v, %v", reading, err)
	}
	other := s.open2(t, u)
	if reading, err := other.Status(t.Context()); err != nil || reading.Power != sdk.PowerUnknown {
		t.Errorf("who did not: %+v, %v", reading, err)
	}
	s.cannot(t, other, 3*time.Second, "unconfirmed")
}

// TestCountdownIsNotOursForEver: after an order to switch on, whatever came of it, a
// countdown may end in on; and an order to switch off replaces any.
func TestCountdownIsNotOursForEver(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	s.SetBehaviour(upssim.Behaviour{Sticky: true})
	u := s.open(t, "")
	for orders := int64(1); orders <= 2; orders++ {
		if reading, err := u.Off(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOff || int64(s.port.Orders()) != orders {
			t.Fatalf("%+v, %v after %d orders, want %d", reading, err, s.port.Orders(), orders)
		}
	}
	s.SetBehaviour(upssim.Behaviour{Sticky: true, Refuse: "genErr"})
	if reading, err := u.On(t.Context(), within(orderTime)); err == nil {
		t.Fatalf("a refusal: %+v", reading)
	}
	if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerUnknown {
		t.Errorf("after an order to switch on: %+v, %v", reading, err)
	}
}

// TestOrderComesFirst: an order does not wait for a reading of a device that is silent.
func TestOrderComesFirst(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	u := s.open(t, "timeout: 5s\n")
	s.SetBehaviour(upssim.Behaviour{Silent: true})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var readings sync.WaitGroup
	for range 4 {
		readings.Go(func() { _, _ = u.Status(ctx) })
	}
	eventually(t, "a reading runs", func() bool { return s.cable.Taken(0) > 0 })
	s.SetBehaviour(upssim.Behaviour{})
	began := time.Now()
	if _, err := u.Off(t.Context(), within(4*time.Second)); err != nil {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	cancel()
	readings.Wait()
}

func TestNoLine(t *testing.T) {
	config, err := New().Configure([]byte("{device: none, protocol: apcsmart}"))
	if err != nil {
		t.Fatal(err)
	}
	if targets := config.(*Config).Targets(); targets != nil {
		t.Errorf("no line leads to %v", targets)
	}
	u := newInstance(nil, config.(*Config))
	began := time.Now()
	if _, err := u.Status(t.Context()); !errors.Is(err, errNoLine) || time.Since(began) > time.Second {
		t.Error(err)
	}
}

func TestConfigurationFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{protocol: apcsmart}":                                       "device: missing",
		"{device: ttyS0, protocol: apcsmart}":                        "want the port's full path below /dev",
		"{device: /dev/ttyS0}":                                       "protocol: missing: want what the UPS speaks, one of apcsmart, megatec",
		"{device: /dev/ttyS0, protocol: smart}":                      `protocol: "smart" is not known`,
		"{device: /dev/ttyS0, protocol: megatec, baud: 2401}":        "baud: 2401: want one of [1200 2400",
		"{device: /dev/ttyS0, protocol: apcsmart, off_delay: 12s}":   "apcsmart switches off at once",
		"{device: /dev/ttyS0, protocol: megatec, off_delay: 13s}":    "want steps of 6s",
		"{device: /dev/ttyS0, protocol: megatec, off_delay: 6s}":     "off_delay: 6s is out of range",
		"{device: /dev/ttyS0, protocol: megatec, timeout: 1ms}":      "timeout: 1ms is out of range",
		"{device: /dev/ttyS0, protocol: megatec, low_charge: 50}":    "low_charge: 50 is no ratio",
		"{device: /dev/ttyS0, protocol: megatec, protocoll: apcups}": "protocoll",
	} {
		if _, err := New().Configure([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestEveryDialectIsInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dialects {
		if !strings.Contains(string(readme), "| `"+d.word+"` |") {
			t.Errorf("README.md lacks %s", d.word)
		}
	}
}

// eventually waits for a condition, with a bound.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	limit, tick := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}
