package upssim

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestKindsAreTrees: every kind's objects are sorted, each once, and readable.
func TestKindsAreTrees(t *testing.T) {
	for _, kind := range Kinds() {
		a, _, _ := newAgentOf(t, kind)
		objects := a.objects()
		for i, o := range objects {
			if i > 0 && slices.Compare(objects[i-1].name, o.name) >= 0 {
				t.Errorf("%s: %v follows %v", kind, o.name, objects[i-1].name)
			}
			if b := a.value(o); b.value.tag != o.tag {
				t.Errorf("%s: %v reads tag %#x, want %#x", kind, o.name, b.value.tag, o.tag)
			}
		}
	}
}

func TestSupplyHangsOnSeveralOutlets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const control = "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4."
		a, device, supply := newAgentOf(t, "rpdu", 2, 5)
		order := func(outlet string, value int64) {
			ask(t, a, version1, "private", tagSet, 0, 0, integerBinding(control+outlet, value))
			synctest.Wait()
		}
		order("2", 2)
		if !device.On() || supply.Offs.Load() != 0 || device.OutletOn(2) {
			t.Fatal("one of two supplies cut the machine")
		}
		order("1", 2) // somebody else's
		order("5", 2)
		if device.On() || supply.Offs.Load() != 1 {
			t.Fatal("both supplies are off and the machine runs")
		}
		order("2", 1)
		order("5", 1)
		if !device.On() || supply.Ons.Load() != 1 || device.OutletOn(1) {
			t.Fatal("the machine did not start once")
		}
	})
}

func TestPendingOffReadsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const epdu = "1.3.6.1.4.1.534.6.6.7.6.6.1."
		a, device, _ := newAgentOf(t, "epdu", 3)
		status := func() int64 {
			answer, _ := ask(t, a, version2c, "public", tagGet, 0, 0, integerBinding(epdu+"2.0.3", 0))
			n, _ := answer.bindings[0].value.integer()
			return n
		}
		device.SetBehaviour(Behaviour{Pending: 5 * time.Second})
		ask(t, a, version2c, "private", tagSet, 0, 0, integerBinding(epdu+"3.0.3", 0))
		synctest.Wait()
		if got := status(); got != 2 || !device.On() {
			t.Fatalf("status %d", got)
		}
		<-time.After(6 * time.Second)
		synctest.Wait()
		if got := status(); got != 0 || device.On() {
			t.Fatalf("status %d", got)
		}
	})
}

func TestCardRestartsInTheMiddle(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, device, supply := newAgent(t)
			device.SetBehaviour(Behaviour{Reboot: 40 * time.Second, Lost: lost})
			if _, answered := ask(t, a, version2c, "private", tagSet, 0, 0, integerBinding(upsMIB+"8.2.0", 0)); answered {
				t.Fatal("the card answered while it restarted")
			}
			synctest.Wait()
			if device.On() != lost || (supply.Offs.Load() == 0) != lost {
				t.Fatalf("lost %v: on %v", lost, device.On())
			}
			<-time.After(39 * time.Second)
			if _, answered := ask(t, a, version2c, "public", tagGet, 0, 0, integerBinding(upsMIB+"4.1.0", 0)); answered {
				t.Fatal("the card is back too early")
			}
			<-time.After(2 * time.Second)
			if source := get(t, a, "4.1.0"); (source == sourceNone) == lost {
				t.Fatalf("lost %v: source %d", lost, source)
			}
			if a.usm.boots() != 2 {
				t.Errorf("boots %d", a.usm.boots())
			}
		})
	}
}

func TestBecomesAnotherKind(t *testing.T) {
	a, device, supply := newAgent(t)
	_ = device.Switch(false)
	if err := device.Become("rpdu", 3, 4); err != nil {
		t.Fatal(err)
	}
	if device.On() || device.OutletOn(3) || device.OutletOn(4) {
		t.Error("power came from nowhere")
	}
	_ = device.Switch(true)
	if !device.On() || supply.Ons.Load() != 1 || !device.OutletOn(4) {
		t.Error("not on")
	}
	answer, _ := ask(t, a, version2c, "public", tagGet, 0, 0, integerBinding("1.3.6.1.2.1.1.2.0", 0))
	if id, err := answer.bindings[0].value.oid(); err != nil || id.String() != "1.3.6.1.4.1.318.1.3.4.5" {
		t.Errorf("sysObjectID %v, %v", id, err)
	}
	for _, bad := range [][]int{{0}, {9}, {1, 1}} {
		if device.Become("rpdu", bad...) == nil {
			t.Errorf("outlets %v were taken", bad)
		}
	}
	if device.Become("toaster") == nil {
		t.Error("a kind that is none was taken")
	}
}
