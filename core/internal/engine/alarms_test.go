package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/sdk"
)

// TestAlarmsOfADeadNodeEnd: a node that told of a device and lost its power ends, once it
// is back, what does not hold any more, and nothing else.
func TestAlarmsOfADeadNodeEnd(t *testing.T) {
	for _, holds := range []bool{false, true} {
		t.Run(fmt.Sprintf("holds %v", holds), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := calmWorld(t)
				defer w.close()
				w.boot("alpha")
				beta := w.boot("beta")
				w.whole("alpha")
				w.complain("alpha", sdk.Condition{Key: api.ConditionOnBattery, Message: "the UPS runs on its battery"})
				w.until("beta tells", 10*time.Second, func() bool { return len(beta.engine.clerk.alarms.list()) == 1 })
				w.cut("beta")
				<-beta.done
				if !holds {
					w.complain("alpha")
				}
				<-time.After(5 * time.Second)
				beta = w.boot("beta")
				<-time.After(policyWait(beta.engine.Config) + 5*time.Second)
				ends := 0
				beta.sink.mu.Lock()
				for _, e := range beta.sink.events {
					if e.GetObject() == "fence/ups-alpha" && e.GetSeverity() == cleared {
						ends++
						if e.GetKind() != api.KindUPSOnBattery || e.GetCondition() != api.ConditionOnBattery || !strings.Contains(e.GetMessage(), "started anew") {
							t.Errorf("its end is told as %v", e)
						}
					}
				}
				beta.sink.mu.Unlock()
				if want := map[bool]int{false: 1, true: 0}[holds]; ends != want {
					t.Errorf("%d ends, want %d", ends, want)
				}
			})
		})
	}
}

// TestFormerAlarms: what is told anew, ended, the peer's, or not known is not ended for
// the daemon before; what no daemon lived to end is there for the next one.
func TestFormerAlarms(t *testing.T) {
	w := calmWorld(t)
	log, _ := test.NewNullLogger()
	start := func() *alarms {
		return newAlarms(&Engine{Options: Options{Node: "alpha", Records: fakeRecords{w, "alpha"}, Log: log}})
	}
	tell := func(a *alarms, key string, severity api.Severity) {
		a.take(time.Now(), &api.Event{Kind: api.KindAlarm, Object: "x/y", Condition: key, Severity: severity, Message: key + "."})
		a.write()
	}
	first := start()
	if none := first.list(); none == nil || len(none) > 0 { // JSON's [], not null
		t.Errorf("nothing stands: %v", none)
	}
	for _, key := range []string{"again", "over", "peers", "left", "ended", "unknown", "forgotten"} {
		tell(first, key, major)
	}
	tell(first, "ended", cleared)
	second := start() // which dies before it can settle anything
	tell(second, "new", major)
	third := start()
	tell(third, "again", minor)
	tell(third, "over", cleared)
	third.forget("x/y", "forgotten")
	var got []string
	for _, e := range third.settle([]control.Alarm{{Object: "x/y", Condition: "peers"}}, func(a control.Alarm) bool { return a.Condition != "unknown" }) {
		got = append(got, e.GetCondition())
	}
	third.write()
	if again := third.settle(nil, func(a control.Alarm) bool { return a.Condition != "unknown" }); len(again) != 0 {
		t.Errorf("ended again: %v", again)
	}
	if text := strings.Join(got, " "); text != "left new" {
		t.Errorf("ended %q", text)
	}
	if left := start().former; len(left) != 2 || left["x/y again"].Severity != "minor" || left["x/y unknown"].Severity != "major" {
		t.Errorf("kept for the next daemon: %v", left)
	}
}

// TestKeptAlarmsThatNothingEnds: a document with an entry that no event could be about.
func TestKeptAlarmsThatNothingEnds(t *testing.T) {
	w := calmWorld(t)
	log, _ := test.NewNullLogger()
	w.leave("alpha", control.Alarm{Object: "probe/gone"}, control.Alarm{Condition: api.ConditionUnwell}, control.Alarm{}, control.Alarm{Object: "x/y", Condition: "c"})
	a := newAlarms(&Engine{Options: Options{Node: "alpha", Records: fakeRecords{w, "alpha"}, Log: log}})
	if _, sound := a.former["x/y c"]; len(a.former) != 1 || !sound {
		t.Errorf("alarms of the past: %v", a.former)
	}
}

// TestKeptAlarms: the document follows what changes of an alarm, and is bounded.
func TestKeptAlarms(t *testing.T) {
	w := calmWorld(t)
	log, _ := test.NewNullLogger()
	e := &Engine{Options: Options{Node: "alpha", Records: fakeRecords{w, "alpha"}, Log: log}}
	a := newAlarms(e)
	wrote := func() bool {
		select {
		case <-a.change:
			a.write()
			return true
		default:
			return false
		}
	}
	for i, c := range []struct {
		kind     string
		severity api.Severity
		message  string
		wrote    bool
	}{
		{api.KindProbeDegraded, minor, "Slow.", true},
		{api.KindProbeDegraded, minor, "Slow.", false},
		{api.KindProbeDegraded, minor, "Slower.", true},
		{api.KindProbeDown, minor, "Slower.", true},
		{api.KindProbeDown, major, "Slower.", true},
	} {
		a.take(time.Now(), &api.Event{Object: "probe/sale", Condition: api.ConditionUnwell, Kind: c.kind, Severity: c.severity, Message: c.message})
		if got := wrote(); got != c.wrote {
			t.Errorf("event %d written: %v", i, got)
		}
		kept := newAlarms(e).former["probe/sale unwell"]
		if kept.Kind != c.kind || kept.Message != c.message || kept.Severity != severityWord(c.severity) {
			t.Errorf("after event %d kept is %v", i, kept)
		}
	}
	for i := range 2 * alarmsKept {
		a.take(time.Now(), &api.Event{Object: fmt.Sprintf("x/%d", i), Condition: "c", Severity: minor, Message: strings.Repeat("ä", wordsKept)})
	}
	a.write()
	kept := newAlarms(e).former
	if _, worst := kept["probe/sale unwell"]; len(kept) != alarmsKept || !worst {
		t.Errorf("%d alarms kept, the worst: %v", len(kept), worst)
	}
	if size := len(w.records["alpha/alarms"]); size > alarmsKept*(wordsKept+300) {
		t.Errorf("%d bytes kept", size)
	}
}

// TestAlarmsOfAFullDisk: what was told while the disk took nothing is kept once it takes
// something, although nothing more is told.
func TestAlarmsOfAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.fill(true)
		w.complain("alpha", sdk.Condition{Key: api.ConditionOnBattery, Message: "the UPS runs on its battery"})
		w.until("beta tells", 10*time.Second, func() bool { return beta.stands("fence/ups-alpha", api.ConditionOnBattery) })
		<-time.After(time.Minute)
		w.fill(false)
		w.until("it is kept", time.Minute, func() bool {
			text, _ := fakeRecords{w, "beta"}.Load(alarmsRecord)
			return strings.Contains(string(text), api.ConditionOnBattery)
		})
	})
}

// TestAlarmsLeaveTheDiskToATakeover, but not for ever.
func TestAlarmsLeaveTheDiskToATakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		<-time.After(5 * time.Second)
		saves, busy := 0, 0
		w.mu.Lock()
		w.onSave = func(node, name string) {
			if node == "beta" && name == alarmsRecord {
				saves++
				if takingOver(beta.engine.view.Load()) {
					busy++
				}
			}
		}
		w.mu.Unlock()
		w.silence("alpha", true)
		w.cut("alpha")
		<-time.After(keepWithin / 2)
		w.mu.Lock()
		if saves > 0 {
			t.Errorf("%d writes while the peer's power was not read off", saves)
		}
		w.mu.Unlock()
		w.silence("alpha", false)
		w.until("beta serves", time.Minute, func() bool { return beta.engine.view.Load().Failover.Done > 0 })
		w.until("alarms are kept", 10*time.Second, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return saves > 0 && busy == 0
		})
	})
}

// TestAlarmsOfALongSilence are kept although the peer is never read off.
func TestAlarmsOfALongSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.silence("alpha", true)
		w.cut("alpha")
		w.until("beta tells", time.Minute, func() bool { return beta.stands("node/alpha", "silent") })
		w.until("it is kept", keepWithin+2*keepAfter, func() bool {
			text, _ := fakeRecords{w, "beta"}.Load(alarmsRecord)
			return strings.Contains(string(text), `"silent"`)
		})
	})
}

// TestKeptAlarmsOfSomebodyElse: a document without the kinds, or longer than any of ours.
func TestKeptAlarmsOfSomebodyElse(t *testing.T) {
	w := calmWorld(t)
	log, _ := test.NewNullLogger()
	var many []string
	for i := range 3 * alarmsKept {
		many = append(many, fmt.Sprintf(`{"object": "x/%d", "condition": "c"}`, i))
	}
	w.records["alpha/"+alarmsRecord] = []byte("[" + strings.Join(many, ",") + "]")
	a := newAlarms(&Engine{Options: Options{Node: "alpha", Records: fakeRecords{w, "alpha"}, Log: log}})
	ends := a.settle(nil, func(control.Alarm) bool { return true })
	if len(ends) != alarmsKept || ends[0].GetKind() != api.KindAlarm {
		t.Errorf("%d ends, the first %v", len(ends), ends[0])
	}
}

// TestWordsOfAnEvent: what a plugin or a configuration says at length would be refused by
// a broker, and hold up whatever is told after it.
func TestWordsOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		alpha.engine.Tell(&api.Event{
			Kind: api.KindAlarm, Object: "x/y", Condition: "c", Severity: minor,
			Message: strings.Repeat("ä", 8<<20), Attributes: map[string]string{"log": strings.Repeat("x", 8<<20)},
		})
		w.until("it is told", 10*time.Second, func() bool { return alpha.stands("x/y", "c") })
		alpha.sink.mu.Lock()
		defer alpha.sink.mu.Unlock()
		for _, e := range alpha.sink.events {
			if size := proto.Size(e); size > 3*wordsTold {
				t.Errorf("%s has %d bytes", e.GetKind(), size)
			}
		}
		for _, i := range alpha.sink.incidents {
			if size := proto.Size(i); size > 1<<20 {
				t.Errorf("an incident has %d bytes", size)
			}
		}
	})
}
