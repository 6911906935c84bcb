package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// cutsNobody waits for longer than a silence takes to be noticed, and sees that no daemon
// ordered off a node that left as planned.
func cutsNobody(t *testing.T, daemons ...*fakeDaemon) {
	t.Helper()
	<-time.After(5 * time.Second)
	for _, d := range daemons {
		if kinds := d.sink.kinds(); strings.Contains(kinds, api.KindFenceOrdered) {
			t.Errorf("%s orders a node off that left as planned:\n%s", d.engine.Node, kinds)
		}
	}
}

// TestStoppingActiveHandsOver: a daemon that is asked to stop on the active node
// gives the right away first, and nobody is cut (S7).
func TestStoppingActiveHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		alpha.stop()
		<-alpha.done
		w.until("beta serves", 5*time.Second, func() bool {
			return beta.engine.viewOf().Role == beat.Active && w.runs("beta", "db")
		})
		if w.runs("alpha", "db") {
			t.Error("the data run on alpha, too")
		}
		cutsNobody(t, beta)
	})
}

// TestTheGrantOfAStoppingNodeIsRepeated: the beats that first carry it are lost on every link.
// The daemon ends once its peer is active, at the bound where it never hears that; nobody is cut.
func TestTheGrantOfAStoppingNodeIsRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		lost   int // beats that carry the grant
		silent bool
		within time.Duration
	}{
		"one is lost":            {lost: 1, within: time.Second},
		"two are lost":           {lost: 2, within: time.Second},
		"nothing is heard again": {silent: true, within: handOverBound + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				alpha, beta := w.boot("alpha"), w.boot("beta")
				w.whole("alpha")
				seen, granted := map[uint64]bool{}, false
				w.mu.Lock()
				w.loses = func(node string, wire []byte) bool {
					if node == "beta" {
						return c.silent && granted
					}
					b, err := beta.engine.codec.Decode(wire)
					if err != nil {
						t.Error(err)
					}
					granted = granted || b.Grant.Generation > 0
					if granted && len(seen) < c.lost {
						seen[b.Sequence] = true // on each link
					}
					return seen[b.Sequence]
				}
				w.mu.Unlock()
				began := time.Now()
				alpha.stop()
				<-alpha.done
				if took := time.Since(began); took > c.within || c.silent && took < handOverBound {
					t.Errorf("the daemon took %v to end", took)
				}
				if role := beta.engine.viewOf().Role; role != beat.Active {
					t.Errorf("alpha left, and beta is %v", role)
				}
				cutsNobody(t, alpha, beta)
				if w.runs("alpha", "db") || !w.runs("beta", "db") {
					t.Error("the service does not run on beta alone")
				}
			})
		})
	}
}

// TestStoppingActiveWithoutPeer: with nobody to hand over to, the daemon ends at once and its service stays.
func TestStoppingActiveWithoutPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.cut("beta")
		w.until("beta is off", 20*time.Second, func() bool { return alpha.engine.viewOf().Peer.Off })
		began := time.Now()
		alpha.stop()
		<-alpha.done
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the daemon took %v to end", took)
		}
		if !w.runs("alpha", "db") {
			t.Error("the service was stopped although nobody else serves")
		}
	})
}

// TestALeavingNodeEndsNoStop: what takes its time to come down, each within its stop_timeout,
// is waited for, however long all of it takes; so is a start that has to end before.
func TestALeavingNodeEndsNoStop(t *testing.T) {
	for name, c := range map[string]struct {
		stops  map[string]time.Duration
		starts time.Duration // how long the database starts anew when the daemon is told to stop
		least  time.Duration
	}{
		"one after the other": {stops: map[string]time.Duration{"db": 16 * time.Second, "ip": 16 * time.Second}, least: 32 * time.Second},
		"after a start":       {starts: 40 * time.Second, least: 35 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				alpha, beta := w.boot("alpha"), w.boot("beta")
				w.whole("alpha")
				w.mu.Lock()
				w.stops, w.starts = c.stops, c.starts
				w.mu.Unlock()
				if c.starts > 0 {
					w.say("alpha", "restart", "db")
					<-time.After(time.Second)
				}
				began := time.Now()
				alpha.stop()
				<-alpha.done
				if took := time.Since(began); took < c.least || took > c.least+10*time.Second {
					t.Errorf("the daemon took %v to end", took)
				}
				if role := beta.engine.viewOf().Role; role != beat.Active {
					t.Errorf("alpha left, and beta is %v", role)
				}
				cutsNobody(t, beta)
			})
		})
	}
}

// TestAStandbyLeavesInAHandOver: the daemon of a standby is stopped while it is given the
// service. The store is not dark for the silence that it announces, and nobody is cut.
func TestAStandbyLeavesInAHandOver(t *testing.T) {
	for name, c := range map[string]struct {
		slow  string // the node whose disk is slow
		until func(w *world, alpha, beta *fakeDaemon) bool
	}{
		"before the grant": {slow: "alpha", until: func(w *world, _, _ *fakeDaemon) bool { return !w.runs("alpha", "ip") }},
		"with the grant": {slow: "beta", until: func(_ *world, _, beta *fakeDaemon) bool {
			return strings.Contains(beta.engine.viewOf().Decision, "becoming active")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				alpha, beta := w.boot("alpha"), w.boot("beta")
				w.whole("alpha")
				w.mu.Lock()
				w.saves = map[string]time.Duration{c.slow: 300 * time.Millisecond}
				w.mu.Unlock()
				w.say("alpha", "switchover", "")
				w.until("the hand-over is there", 5*time.Second, func() bool { return c.until(w, alpha, beta) })
				beta.stop()
				<-beta.done
				w.until("alpha serves", 5*time.Second, func() bool {
					return alpha.engine.viewOf().Role == beat.Active && w.runs("alpha", "db")
				})
				cutsNobody(t, alpha)
			})
		})
	}
}

// TestBothDaemonsAreStopped: the active node's first, so that its hand-over is given up as its
// peer leaves, too. That one is back in a moment, and serves.
func TestBothDaemonsAreStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha, beta := w.boot("alpha"), w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.stops = map[string]time.Duration{"db": 2 * time.Second}
		w.mu.Unlock()
		began := time.Now()
		alpha.stop()
		<-time.After(100 * time.Millisecond)
		beta.stop()
		<-beta.done
		beta = w.boot("beta")
		<-alpha.done
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the daemon took %v to end", took)
		}
		if role := beta.engine.viewOf().Role; role != beat.Active {
			t.Errorf("alpha left, and beta is %v", role)
		}
		cutsNobody(t, beta)
	})
}

// TestWhatALeavingNodeWaitsFor: a stop that failed may fail for ever.
func TestWhatALeavingNodeWaitsFor(t *testing.T) {
	failed := []failover.Alarm{{Object: "resource/db", Key: "blocked"}, {Object: "resource/db", Key: "stop-failed"}}
	for _, c := range []struct {
		ip, db string
		alarms []failover.Alarm
		want   bool
	}{
		{ip: "started", db: "stopping", want: true},
		{ip: "starting", db: "stopped", want: true},
		{ip: "stopped", db: "unknown", want: false},
		{ip: "started", db: "stopping", alarms: failed[:1], want: true},
		{ip: "started", db: "stopping", alarms: failed, want: false},
		{ip: "stopping", db: "stopping", alarms: failed, want: true},
	} {
		v := failover.View{Resources: []failover.ResourceView{{Name: "ip", State: c.ip}, {Name: "db", State: c.db}}, Alarms: c.alarms}
		if got := comesDown(v); got != c.want {
			t.Errorf("ip %s, db %s, %v: %v", c.ip, c.db, c.alarms, got)
		}
	}
}
