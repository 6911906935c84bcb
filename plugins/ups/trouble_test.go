package ups

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// TestDenialsAreNamed: what a device of version 3 says no with.
func TestDenialsAreNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ section, says string }{
		"user":    {strings.Replace(authPriv, "storeward", "stranger", 1), "wrong user"},
		"digest":  {strings.Replace(authPriv, "authentic1", "authentic2", 1), "wrong digest"},
		"privacy": {strings.Replace(authPriv, "private-1", "private-2", 1), "decryption error"},
		"level":   {strings.Replace(authPriv, "storeward", "signed", 1) + "auth_protocol: sha512\n", "unsupported security level"},
		"context": {authPriv + "context: elsewhere\n", "unknown context"},
		"right":   {strings.Replace(authPriv, "storeward", "reader", 1), "AuthorizationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, "rfc1628")
			u := s.open(t, test.section)
			reading, err := u.Off(t.Context(), order(2*time.Second)) // to its end: a denial may be forged
			if err == nil || reading.Power == sdk.PowerOff || !s.On() || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%+v, %v, want %q", reading, err, test.says)
			}
		})
	}
	s := newSimulator(t, "rfc1628")
	u := s.open(t, "version: \"3\"\nuser: open\nsecurity: noAuthNoPriv\n")
	if _, err := u.Off(t.Context(), order(time.Second)); err == nil || !strings.Contains(err.Error(), "noAuthNoPriv are refused") || !s.On() {
		t.Errorf("an order that anybody could send: %v", err)
	}
	if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOn || reading.Conditions[0].Key != "orders-refused" {
		t.Errorf("reading without authentication: %+v, %v", reading, err)
	}
}

// TestDenialIsNamedAfterTheEnd: of an order that expires just before it is sent again.
func TestDenialIsNamedAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, c := &instance{cfg: DefaultConfig().(*Config)}, &client{order: true}
		answers := []error{fmt.Errorf("%w: wrong digest", errDenied), sdk.ErrExpired}
		err := u.retry(t.Context(), c, func() error {
			err := answers[0]
			answers = answers[1:]
			return err
		})
		if !errors.Is(err, sdk.ErrExpired) || !errors.Is(err, errDenied) {
			t.Error(err)
		}
	})
}

// TestRefusalsAreNamed, by every version.
func TestRefusalsAreNamed(t *testing.T) {
	t.Parallel()
	for word := range upssim.Refusals {
		for _, version := range []string{"1", "2c", "3 authPriv"} {
			s := newSimulator(t, "rpdu2", 1)
			u := s.open(t, sections[version]+"outlets: [1]\n")
			s.SetBehaviour(upssim.Behaviour{Refuse: word})
			reading, err := u.Off(t.Context(), order(orderTime))
			if err == nil || reading.Power == sdk.PowerOff || !s.On() || !strings.Contains(err.Error(), "refused: ") {
				t.Errorf("%s, version %s: %+v, %v", word, version, reading, err)
			}
		}
	}
}

// TestOnProvesThatTheDeviceObeys: an output that is on is ordered on all the same, by a
// user or community that may only read in vain (a drill lives on it).
func TestOnProvesThatTheDeviceObeys(t *testing.T) {
	t.Parallel()
	for i := range kinds {
		k := &kinds[i]
		t.Run(k.word, func(t *testing.T) {
			t.Parallel()
			s, outlets := newSimulator(t, k.word), ""
			if k.hasOutlets() {
				s, outlets = newSimulator(t, k.word, 1), "outlets: [1]\n"
			}
			for _, section := range []string{strings.Replace(authPriv, "storeward", "reader", 1), "community: public\n"} {
				u := s.open(t, section+outlets)
				if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOn {
					t.Fatalf("who may read: %+v, %v", reading, err)
				}
				if reading, err := u.On(t.Context(), order(300*time.Millisecond)); err == nil {
					t.Errorf("who may only read: %+v", reading)
				}
			}
			if _, err := s.open(t, authPriv+outlets).On(t.Context(), order(orderTime)); err != nil {
				t.Errorf("who may order: %v", err)
			}
			s.SetBehaviour(upssim.Behaviour{Refuse: "genErr"})
			if reading, err := s.open(t, authPriv+outlets).On(t.Context(), order(orderTime)); err == nil || !strings.Contains(err.Error(), "refused: GenErr") {
				t.Errorf("a device that refuses: %+v, %v", reading, err)
			}
		})
	}
}

// TestOnWithACountdownThatGoesOn: what cannot be ended cuts the node in a moment, whoever
// was told that it is on.
func TestOnWithACountdownThatGoesOn(t *testing.T) {
	a := newAgent(t)
	a.with(func() {
		a.objects[oidShutdownDelay] = number(oidShutdownDelay, 40)
		a.refuse[oidShutdownDelay] = struct{}{}
	})
	u := openTest(t, a, t.TempDir(), nil)
	reading, err := u.On(t.Context(), order(200*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "unconfirmed: the output is on and the device is still about to switch off") {
		t.Errorf("%+v, %v", reading, err)
	}
	a.with(func() { a.objects[oidShutdownDelay] = number(oidShutdownDelay, 0) }) // so do some read that have none
	if _, err := u.On(t.Context(), order(orderTime)); err != nil {
		t.Error(err)
	}
}

// TestDeviceWithoutATimedOff: one that has no length of an off, or refuses it, gets an
// off without an end.
func TestDeviceWithoutATimedOff(t *testing.T) {
	const length = ".1.3.6.1.2.1.33.1.8.4.0" // upsRebootWithDuration
	for name, spoil := range map[string]func(*agent){
		"has none":   func(*agent) {},
		"refuses it": func(a *agent) { a.objects[length] = number(length, -1); a.refuse[length] = struct{}{} },
		"takes single alone": func(a *agent) {
			a.objects[length] = number(length, -1)
			a.refuse[length] = struct{}{}
			a.onlySingles = true
		},
	} {
		for _, version := range []string{"1", "2c"} {
			t.Run(name+" version "+version, func(t *testing.T) {
				a := newAgent(t)
				a.with(func() { spoil(a) })
				u := openTest(t, a, t.TempDir(), func(c *Config) { c.Version, c.TimedOff = version, sdk.Duration(30*time.Second) })
				reading, err := u.Off(t.Context(), order(orderTime))
				if err != nil || reading.Power != sdk.PowerOff || a.offOrders() == 0 {
					t.Fatalf("%+v, %v after %d orders to switch off", reading, err, a.offOrders())
				}
				if !strings.Contains(reading.Message, "refused an off with an end") || a.integer(oidAutoRestart) != autoRestartOn {
					t.Errorf("%q, auto-restart %d", reading.Message, a.integer(oidAutoRestart))
				}
			})
		}
	}
}

// TestOffIsOneAnswer: of two supplies that are never off at the same time, each is
// found off by an agent that answers short questions alone.
func TestOffIsOneAnswer(t *testing.T) {
	t.Parallel()
	const state, command = ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.", ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4."
	a := newAgent(t)
	a.with(func() {
		a.objects[oidSysObjectID] = gosnmp.SnmpPDU{Name: oidSysObjectID, Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.4.1.318.1.3.4.5"}
		a.objects[state+"1"], a.objects[state+"2"] = number(state+"1", 2), number(state+"2", 1)
		a.longest = 4 // two outlets and what is pending at them
		a.gotten = func(oid string) {
			if oid == state+"1" {
				a.objects[state+"1"], a.objects[state+"2"] = number(state+"1", 1), number(state+"2", 2)
			}
		}
	})
	u := openTest(t, a, t.TempDir(), func(c *Config) { c.Outlets = []string{"1", "2"} })
	if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOn {
		t.Errorf("%+v, %v", reading, err)
	}
	a.with(func() { a.objects[state+"1"], a.objects[state+"2"] = number(state+"1", 2), number(state+"2", 1) })
	reading, err := u.Off(t.Context(), order(time.Second))
	if err == nil || reading.Power == sdk.PowerOff || a.integer(command+"1") != 2 || a.integer(command+"2") != 2 {
		t.Errorf("%+v, %v, ordered %d and %d", reading, err, a.integer(command+"1"), a.integer(command+"2"))
	}
}

// TestCardRestartsInTheMiddle: the order is carried out or lost; either way the
// plugin finds out, also across a new boot of the engine.
func TestCardRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2c", "3 authPriv", "3 md5 des"} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("version %s lost %v", version, lost), func(t *testing.T) {
				t.Parallel()
				s := newSimulator(t, "apcups")
				u := s.open(t, sections[version])
				if _, err := u.Status(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.SetBehaviour(upssim.Behaviour{Reboot: 400 * time.Millisecond, Lost: lost})
				reading, err := u.Off(t.Context(), order(5*time.Second))
				if err != nil || reading.Power != sdk.PowerOff || s.On() || s.Load.Offs.Load() != 1 {
					t.Errorf("%+v, %v, on %v", reading, err, s.On())
				}
			})
		}
	}
	s := newSimulator(t, "apcups")
	u := s.open(t, authPriv)
	s.SetBehaviour(upssim.Behaviour{Reboot: 40 * time.Second, Lost: true})
	if reading, err := u.Off(t.Context(), order(500*time.Millisecond)); err == nil || reading.Power == sdk.PowerOff {
		t.Errorf("a card that is away confirmed: %+v", reading)
	}
}

// TestSlowDevice answers later than the first packet waits.
func TestSlowDevice(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2c", "3 authPriv"} {
		s := newSimulator(t, "rpdu", 1)
		u := s.open(t, sections[version]+"outlets: [1]\ntimeout: 50ms\n")
		s.SetBehaviour(upssim.Behaviour{Slow: 170 * time.Millisecond})
		if reading, err := u.Off(t.Context(), order(5*time.Second)); err != nil || s.On() {
			t.Errorf("version %s: %+v, %v", version, reading, err)
		}
	}
}
