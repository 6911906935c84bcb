package upssim

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func newAgent(t *testing.T) (*Agent, *Device, *Load) {
	t.Helper()
	return newAgentOf(t, "rfc1628")
}

func newAgentOf(t testing.TB, kind string, feeds ...int) (*Agent, *Device, *Load) {
	t.Helper()
	supply := &Load{}
	device, err := NewDevice(Options{Name: "ups-alpha", Kind: kind, Feeds: feeds, Supply: supply, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(device.Close)
	return NewAgent(device, Access{Write: "private", Users: testUsers}), device, supply
}

// ask sends one request through the wire form and returns the answer.
func ask(t *testing.T, a *Agent, version int64, community string, kind byte, first, second int64, bindings ...binding) (request, bool) {
	t.Helper()
	r := request{version: version, community: community, id: 77}
	packet := r.response(int(first), int(second), bindings)
	packet[indexOfResponse(packet)] = kind
	reply := a.Handle(packet)
	if reply == nil {
		return request{}, false
	}
	answer, err := decode(reply)
	if err != nil || answer.id != 77 || answer.kind != tagResponse {
		t.Fatalf("answer %+v: %v", answer, err)
	}
	return answer, true
}

// indexOfResponse finds the tag of the PDU after version and community.
func indexOfResponse(packet []byte) int {
	outer, _, _ := next(packet)
	_, rest, _ := next(outer.body)
	_, rest, _ = next(rest)
	return len(packet) - len(rest)
}

func integerBinding(name string, value int64) binding {
	e, _, _ := next(encodeInteger(tagInteger, value))
	return binding{ParseOID(name), e}
}

func set(t *testing.T, a *Agent, name string, value int64) request {
	t.Helper()
	answer, ok := ask(t, a, version2c, "private", tagSet, 0, 0, integerBinding(upsMIB+name, value))
	if !ok {
		t.Fatal("no answer")
	}
	return answer
}

func get(t *testing.T, a *Agent, name string) int64 {
	t.Helper()
	answer, ok := ask(t, a, version2c, "public", tagGet, 0, 0, integerBinding(upsMIB+name, 0))
	if !ok || answer.first != noError {
		t.Fatalf("get %s: %+v", name, answer)
	}
	n, err := answer.bindings[0].value.integer()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestShutdownCountsDownAndCutsTheSupply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, supply := newAgent(t)
		set(t, a, "8.2.0", 3)
		<-time.After(1500 * time.Millisecond)
		if left := get(t, a, "8.2.0"); left != 2 || get(t, a, "4.1.0") != sourceNormal {
			t.Fatalf("%d s left", left)
		}
		<-time.After(1600 * time.Millisecond)
		synctest.Wait()
		if device.On() || supply.Offs.Load() != 1 || get(t, a, "4.1.0") != sourceNone || get(t, a, "8.2.0") != -1 {
			t.Fatal("output is still on")
		}
		set(t, a, "8.3.0", 0)
		synctest.Wait()
		if !device.On() || supply.Ons.Load() != 1 {
			t.Fatal("output is still off")
		}
	})
}

func TestShutdownCanBeAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, _ := newAgent(t)
		set(t, a, "8.2.0", 3)
		set(t, a, "8.2.0", -1)
		<-time.After(10 * time.Second)
		if !device.On() {
			t.Fatal("an aborted shutdown took place")
		}
	})
}

func TestRebootComesBackByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, supply := newAgent(t)
		set(t, a, "8.4.0", 10)
		<-time.After(5 * time.Second)
		if device.On() || get(t, a, "8.3.0") != 5 {
			t.Fatal("not off for the time of the reboot")
		}
		<-time.After(6 * time.Second)
		synctest.Wait()
		if !device.On() || supply.Offs.Load() != 1 || supply.Ons.Load() != 1 {
			t.Fatal("did not come back")
		}
	})
}

// TestShutdownOfTheSystem takes the card along, a reboot too; the type counts when the
// countdown ends.
func TestShutdownOfTheSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, _ := newAgent(t)
		deaf := func(when string, after time.Duration, want bool) {
			t.Helper()
			<-time.After(after)
			synctest.Wait()
			if device.deaf() != want {
				t.Errorf("%s: deaf %v", when, device.deaf())
			}
		}
		set(t, a, "8.4.0", 5)
		<-time.After(time.Second)
		set(t, a, "8.1.0", shutdownSystem)
		deaf("rebooted by type output, which changed since", 0, false)
		<-time.After(5 * time.Second)
		set(t, a, "8.4.0", 5)
		deaf("rebooted by type system", time.Second, true)
		deaf("back again", 5*time.Second, false)
		set(t, a, "8.1.0", shutdownOutput)
		set(t, a, "8.2.0", 0)
		deaf("off by type output", time.Second, false)
	})
}

func TestAutoRestartAfterPowerCut(t *testing.T) {
	for _, test := range []struct {
		setting int64
		back    bool
	}{{restartOn, true}, {restartOff, false}} {
		synctest.Test(t, func(t *testing.T) {
			a, device, _ := newAgent(t)
			set(t, a, "8.5.0", test.setting)
			_ = device.SetMains(false)
			if get(t, a, "4.1.0") != sourceBattery || get(t, a, "6.1.0") != 1 {
				t.Fatal("not on battery")
			}
			<-time.After(27 * time.Minute)
			if charge, status := get(t, a, "2.4.0"), get(t, a, "2.1.0"); charge != 40 || status != 2 {
				t.Fatalf("charge %d status %d", charge, status)
			}
			set(t, a, "8.2.0", 0)
			synctest.Wait()
			_ = device.SetMains(true)
			if device.On() != test.back {
				t.Fatalf("auto restart %d: output on is %v", test.setting, device.On())
			}
		})
	}
}

func TestSicknesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, supply := newAgent(t)
		for word, status := range Refusals {
			device.SetBehaviour(Behaviour{Refuse: word})
			if answer := set(t, a, "8.2.0", 0); answer.first != int64(status) {
				t.Fatalf("refusal by %s answered %d", word, answer.first)
			}
		}
		device.SetBehaviour(Behaviour{LieOn: true})
		if answer := set(t, a, "8.2.0", 0); answer.first != noError {
			t.Fatalf("lie answered %d", answer.first)
		}
		set(t, a, "8.4.0", 1)
		<-time.After(time.Minute)
		if !device.On() || supply.Offs.Load() != 0 || get(t, a, "4.1.0") != sourceNormal {
			t.Fatal("a device that lies must stay on")
		}
	})
}

func TestErrors(t *testing.T) {
	a, device, _ := newAgent(t)
	for _, test := range []struct {
		name      string
		version   int64
		community string
		kind      byte
		binding   binding
		status    int64
	}{
		{"read only", version2c, "private", tagSet, integerBinding(upsMIB+"4.1.0", 2), notWritable},
		{"read only v1", version1, "private", tagSet, integerBinding(upsMIB+"4.1.0", 2), noSuchName},
		{"read community", version2c, "public", tagSet, integerBinding(upsMIB+"8.2.0", 0), noAccess},
		{"out of range", version2c, "private", tagSet, integerBinding(upsMIB+"8.5.0", 3), wrongValue},
		{"out of range v1", version1, "private", tagSet, integerBinding(upsMIB+"8.5.0", 3), badValue},
		{"wrong type", version2c, "private", tagSet, integerBinding(upsMIB+"1.6.0", 3), wrongType},
		{"unknown v1", version1, "public", tagGet, integerBinding(upsMIB+"99.0", 0), noSuchName},
		{"unknown v2c", version2c, "public", tagGet, integerBinding(upsMIB+"99.0", 0), noError},
		{"end of view v1", version1, "public", tagGetNext, integerBinding("1.4", 0), noSuchName},
		{"bulk v1", version1, "public", tagGetBulk, integerBinding("1.3", 0), genErr},
	} {
		answer, ok := ask(t, a, test.version, test.community, test.kind, 0, 0, test.binding)
		if !ok || answer.first != test.status {
			t.Errorf("%s: status %d, want %d", test.name, answer.first, test.status)
		}
	}
	if _, ok := ask(t, a, version2c, "guess", tagGet, 0, 0, integerBinding(upsMIB+"4.1.0", 0)); ok {
		t.Error("answered to a wrong community")
	}
	if !device.On() {
		t.Error("a refused SET had an effect")
	}
}

func TestSetIsAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, _ := newAgent(t)
		mark := binding{ParseOID(upsMIB + "1.6.0"), element{tagOctetString, []byte("cut by beta")}}
		answer, _ := ask(t, a, version2c, "private", tagSet, 0, 0, mark, integerBinding(upsMIB+"8.2.0", -7))
		if answer.first != wrongValue || answer.second != 2 || device.Attached() != "node" {
			t.Fatalf("status %d index %d attached %q", answer.first, answer.second, device.Attached())
		}
		ask(t, a, version2c, "private", tagSet, 0, 0, mark, integerBinding(upsMIB+"8.2.0", 0))
		synctest.Wait()
		if device.On() || device.Attached() != "cut by beta" {
			t.Fatal("the SET had no effect")
		}
	})
}

func FuzzHandle(f *testing.F) {
	r := request{version: version2c, community: "private", id: 1}
	for _, kind := range []byte{tagGet, tagGetNext, tagGetBulk, tagSet} {
		packet := r.response(0, 5, []binding{integerBinding(upsMIB+"4.1.0", 2)})
		packet[indexOfResponse(packet)] = kind
		f.Add(packet)
	}
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Add(discovery(7))
	f.Fuzz(func(t *testing.T, packet []byte) {
		a, _, _ := newAgentOf(t, "rpdu")
		reply := a.Handle(packet)
		if reply == nil {
			return
		}
		_, err := decode(reply)
		if version, _, _ := versionOf(reply); version == version3 {
			_, err = decodeSecure(reply)
		}
		if err != nil {
			t.Fatalf("own answer is not readable: %v", err)
		}
	})
}
