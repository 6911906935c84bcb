package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

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
				w := newWorld(t)
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
				<-time.After(settleAfter + 2*growEvery)
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

// TestFormerAlarms: what is told anew, ended or the peer's is not ended for the daemon
// before; what no daemon lived to end is there for the next one.
func TestFormerAlarms(t *testing.T) {
	w := newWorld(t)
	log, _ := test.NewNullLogger()
	start := func() *alarms {
		return newAlarms(&Engine{Options: Options{Node: "alpha", Records: fakeRecords{w, "alpha"}, Log: log}})
	}
	tell := func(a *alarms, key string, severity api.Severity) {
		a.take(time.Now(), &api.Event{Kind: api.KindAlarm, Object: "x/y", Condition: key, Severity: severity, Message: key + "."})
		a.write()
	}
	first := start()
	for _, key := range []string{"again", "over", "peers", "left", "ended"} {
		tell(first, key, major)
	}
	tell(first, "ended", cleared)
	second := start() // which dies before it can settle anything
	tell(second, "new", major)
	third := start()
	tell(third, "again", minor)
	tell(third, "over", cleared)
	var got []string
	for _, e := range third.settle([]control.Alarm{{Object: "x/y", Condition: "peers"}}) {
		got = append(got, e.GetCondition())
		tell(third, e.GetCondition(), cleared)
	}
	if text := strings.Join(got, " "); text != "left new" {
		t.Errorf("ended %q", text)
	}
	if left := start().former; len(left) != 1 {
		t.Errorf("kept for the next daemon: %v", left)
	}
}
