package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/api"
)

// TestHungLinkPluginIsNoDeadPeer: a plugin that hangs makes every link silent at
// once. The node whose plugin it is cuts nobody; its peer, for whom it really is
// silent, may.
func TestHungLinkPluginIsNoDeadPeer(t *testing.T) {
	for _, hung := range []string{"alpha", "beta"} {
		t.Run(hung, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				w.boot("alpha")
				w.boot("beta")
				w.whole("alpha")
				w.mu.Lock()
				w.hung, w.hungAt = hung, w.clock().Now()
				w.mu.Unlock()
				daemon := w.at(hung)
				<-time.After(3 * time.Second) // many turns
				if kinds := daemon.sink.kinds(); strings.Contains(kinds, api.KindFenceOrdered) {
					t.Errorf("%s, whose plugin hung, cut its peer:\n%s", hung, kinds)
				}
			})
		})
	}
}

// TestHungDiskSilencesNobody: a disk that answers nothing any more, as with a dead
// controller, keeps neither events nor answers back; what waited for it is kept, in its
// order, once it does.
func TestHungDiskSilencesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.stayOff()
		resume := w.hang("beta")
		w.cut("alpha")
		w.until("it is told that beta took over", 5*time.Second, func() bool { return strings.Contains(beta.sink.kinds(), api.KindFailoverCompleted) })
		<-time.After(10 * time.Second)
		beta.engine.Tell(&api.Event{Kind: api.KindAlarm, Object: "node/beta", Condition: "news", Severity: major, Message: "Something new."})
		<-time.After(time.Second)
		if kinds := beta.sink.kinds(); !strings.HasSuffix(kinds, "alarm node/beta") {
			t.Errorf("the event is not told:\n%s", kinds)
		}
		state, err := beta.engine.State(context.Background())
		if err != nil || !strings.Contains(state.Incident, "took over") {
			t.Errorf("status: %q, %v", state.Incident, err)
		}
		if news := beta.engine.PeerSide().News(); len(news.GetIncidents()) != 1 {
			t.Errorf("the peer hears of %d incidents", len(news.GetIncidents()))
		}
		resume()
		<-time.After(time.Second)
		if text := beta.sink.all()[0].GetScenario(); !strings.Contains(strings.Join(replayed(t, "the takeover", text), " "), "start-") {
			t.Error("the scenario does not hold the takeover")
		}
		past, _ := beta.engine.History(context.Background(), historyBound)
		var want []string
		for _, entry := range slices.Backward(past) {
			want = append(want, entry.Message)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if diff := cmp.Diff(want, w.history["beta"]); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHungDiskStopsNoReading: what fence devices say goes on to the policy, and what was
// measured of them is kept later.
func TestHungDiskStopsNoReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta").engine
		w.whole("alpha")
		recorded := func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.records["beta/"+livesRecord]) > 0
		}
		w.until("the lives are kept", time.Minute, recorded)
		w.mu.Lock()
		clear(w.records)
		w.mu.Unlock()
		resume := w.hang("beta")
		beta.lives.urgent("ups-alpha")
		<-time.After(time.Minute)
		for name, d := range beta.devices {
			d.mu.Lock()
			if age := beta.Clock.Now() - d.regular.Taken; age > 10*time.Second {
				t.Errorf("%s was read %v ago", name, age)
			}
			d.mu.Unlock()
		}
		resume()
		w.until("the lives are kept", time.Minute, recorded)
	})
}

// TestWhatTheScribeCannotTakeIsTold: a disk that hangs for long is not waited for with
// all the memory there is.
func TestWhatTheScribeCannotTakeIsTold(t *testing.T) {
	e := tapOf(nil)
	log, said := test.NewNullLogger()
	e.Log = log
	kept := 0
	for range paperBound + 3 {
		e.paper.put(func() { kept++ })
	}
	e.doPaper()
	if last := said.LastEntry(); kept != paperBound || last == nil || !strings.Contains(last.Data["error"].(error).Error(), "3 pieces") {
		t.Errorf("%d kept, said %v", kept, last)
	}
}

// TestSlowServiceIsNotCut: the service takes longer to answer than an analysis. Its
// answer counts all the same: the peer of a node that serves behind a dead link cuts nobody.
func TestSlowServiceIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.slow, w.hung, w.hungAt = 300*time.Millisecond, "alpha", w.clock().Now()
		w.mu.Unlock()
		beta := w.at("beta")
		<-time.After(20 * time.Second)
		if kinds := beta.sink.kinds(); !strings.Contains(kinds, api.KindPeerSilent) || strings.Contains(kinds, api.KindFenceOrdered) {
			t.Errorf("beta, for whom alpha is silent and serves, told:\n%s", kinds)
		}
	})
}
