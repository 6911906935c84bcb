package lab

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/storeward/storeward/tests/fakes/upssim"
)

// TestWrongOrdersChangeNothing: an order that is refused was not begun, and nobody is told of it.
func TestWrongOrdersChangeNothing(t *testing.T) {
	var told atomic.Int64
	l, alpha, beta := newLab(t, "wrong", func(o *Options) {
		o.Fences = map[string]Fence{"beta": {Serial: upssim.Serials()[0]}}
		o.Told = func(Happening) { told.Add(1) }
	})
	before := told.Load()
	for _, words := range []string{
		"", "dance", "kill", "kill gamma", "kill alpha beta", "power-on s2/alpha", "down now",
		"cut nonsense", "cut lan-gamma", "cut lan-ups-alpha", "cut lan-ups-beta", "cut lan-serial", "cut lan-lan-alpha", "mend gamma",
		"cut ups-alpha",                                                 // no such cable
		"cut serial", "mend serial", "serial garble", "serial cross s1", // nobody uses it
		"serial melt", "serial hoard s2", "serial hoard s1 s1",
		"loss beta cable much", "loss beta cable 101", "loss beta cable -1", "loss beta wan 5", "loss gamma lan 5",
		"ups alpha", "ups gamma off", "ups alpha battery 150", "ups alpha battery -1", "ups alpha battery low", "ups alpha battery 15 16",
		"ups alpha mains 5", "ups alpha on 7", "ups alpha off now", "ups alpha well enough", "ups alpha silent extra",
		"ups alpha refuse politely", "ups alpha refuse genErr twice", "ups alpha slow", "ups alpha slow down", "ups alpha slow -5",
		"ups alpha pending 1 2", "ups alpha reboot 4 found", "ups alpha reboot",
		"ups alpha kind=toaster", "ups alpha kind=rpdu outlets=9", "ups alpha kind=rpdu outlets=1,1", "ups alpha kind=rpdu outlets=",
		"ups alpha kind=rpdu outlets=1 outlets=2", "ups alpha kind=rpdu inlets=1",
	} {
		if err := l.Do(t.Context(), strings.Fields(words)...); err == nil {
			t.Errorf("%q was obeyed", words)
		}
		u := alpha.UPS()
		switch {
		case told.Load() != before:
			t.Fatalf("%q was refused, and told of", words)
		case !alpha.Alive() || !beta.Alive() || !u.On() || u.OnBattery() || u.Behaviour() != (upssim.Behaviour{}) || len(l.Status().Stores[0].Cut) > 0:
			t.Fatalf("%q was refused, and carried out in part", words)
		}
	}
}

// TestOrdersThatLackAWord: who forgot one is told which, and not everything that there is.
func TestOrdersThatLackAWord(t *testing.T) {
	l, _, _ := newLab(t, "lacking")
	for words, want := range map[string]string{
		"kill":      "kill which node? there are alpha and beta",
		"power-on":  "power-on which node? there are alpha and beta",
		"mend":      "mend which link? there are cable, serial, wan,",
		"ups alpha": "what is the UPS of alpha to do? well|",
		"serial":    "what is the serial cable to do? well|",
	} {
		if err := l.Do(t.Context(), strings.Fields(words)...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
}

func TestOrders(t *testing.T) {
	l, alpha, _ := newLab(t, "orders", func(o *Options) { o.Fences = map[string]Fence{"beta": {Serial: upssim.Serials()[0]}} })
	port, err := l.Store(1).Serial.Plug(1)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	u := alpha.UPS()
	for _, c := range []struct {
		words string
		done  func() bool
	}{
		{"ups s1/alpha battery", u.OnBattery},
		{"ups alpha mains", func() bool { return !u.OnBattery() }},
		{"ups alpha battery 0", u.OnBattery},
		{"ups alpha refuse", func() bool { return u.Behaviour().Refuse == "genErr" }},
		{"ups alpha reboot 4 lost", func() bool { return u.Behaviour().Lost }},
		{"ups alpha well", func() bool { return u.Behaviour() == upssim.Behaviour{} }},
		{"ups alpha kind=rpdu outlets=2,5", u.On},
		{"ups alpha off", func() bool { return !u.OutletOn(2) && !u.OutletOn(5) && u.OutletOn(1) && !alpha.Alive() }},
		{"power-on alpha", alpha.Alive},
		{"serial garble s1", func() bool { return l.Store(1).Serial.Behaviour().Garble > 0 }},
		{"serial well", func() bool { return l.Store(1).Serial.Behaviour().Garble == 0 }},
		{"cut serial", func() bool { return l.Store(1).Serial.Behaviour().Cut }},
		{"mend serial", func() bool { return !l.Store(1).Serial.Behaviour().Cut }},
		{"cut ups-beta", func() bool { return l.Store(1).UPSes[1].Cable.Behaviour().Cut }},
	} {
		if err := l.Do(t.Context(), strings.Fields(c.words)...); err != nil || !c.done() {
			t.Errorf("%s: not done: %v", c.words, err)
		}
	}
}
