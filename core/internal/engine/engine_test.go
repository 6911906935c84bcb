package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/sdk"
)

// whole waits until a node serves, the pair is redundant and both have proven their orders' lives.
func (w *world) whole(active string) {
	w.t.Helper()
	w.until(active+" serves and the pair is whole", 60*time.Second, func() bool {
		e := w.at(active).engine
		v := e.viewOf()
		return v.Role == beat.Active && v.Redundant && w.runs(active, "db") && w.proven("alpha") && w.proven("beta")
	})
}

func (w *world) proven(node string) bool {
	for _, d := range w.at(node).engine.Status().GetFenceDevices() {
		if !d.GetProven() {
			return false
		}
	}
	return true
}

func TestFencedFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		cut := time.Now()
		w.cut("alpha")
		w.until("beta serves", 5*time.Second, func() bool { return w.runs("beta", "db") })
		if took := time.Since(cut); took > 700*time.Millisecond {
			t.Errorf("beta served after %v", took)
		}
		w.whole("beta")
		<-time.After(2 * time.Second)
		incidents := beta.sink.all()
		if len(incidents) != 1 {
			t.Fatalf("%d incidents: %v\n%s", len(incidents), incidents, beta.sink.kinds())
		}
		i := incidents[0]
		if i.GetKind() != api.IncidentFailover || i.GetFailedNode() != "alpha" || i.GetSurvivor() != "beta" || i.GetClosed() == nil || i.GetRedundant() == nil {
			t.Errorf("incident %v", i)
		}
		if i.GetRecoverySeconds() <= 0 || i.GetRecoverySeconds() > .8 {
			t.Errorf("recovery %v s", i.GetRecoverySeconds())
		}
		var phases []string
		for _, p := range i.GetPhases() {
			phases = append(phases, p.GetName())
		}
		if got := strings.Join(phases, " "); !strings.Contains(got, "fence") || !strings.Contains(got, "verify") {
			t.Errorf("phases %s", got)
		}
		kinds := beta.sink.kinds()
		for _, kind := range []string{
			api.KindPeerSilent, api.KindFenceOrdered, api.KindFailoverFenced, api.KindFailoverActive,
			api.KindFailoverCompleted, api.KindNodePowered, api.KindRedundancyRestored,
		} {
			if !strings.Contains(kinds, kind) {
				t.Errorf("no event %s in\n%s", kind, kinds)
			}
		}
		if text := i.GetScenario(); !strings.Contains(text, " beat on=") || !strings.Contains(text, "\n") {
			t.Errorf("scenario %.200q", text)
		} else if _, err := failover.RunScenario(strings.NewReader(text)); err != nil {
			t.Errorf("replay: %v", err)
		}
	})
}

// TestOneActiveNodeInTheSeries: whoever read its peer off says for it that it is not
// active, at once and for as long as it is off, and never otherwise.
func TestOneActiveNodeInTheSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		if active, _ := beta.sink.said("beta", "alpha"); active != -1 {
			t.Errorf("beta said of a living alpha that it is active: %v", active)
		}
		w.cut("alpha")
		w.until("beta serves", 5*time.Second, func() bool { return w.runs("beta", "db") })
		<-time.After(100 * time.Millisecond)
		if active, _ := beta.sink.said("beta", "alpha"); active != 0 {
			t.Errorf("beta said of alpha, which it read off, that it is active: %v", active)
		}
		if active, at := beta.sink.said("beta", "beta"); active != 1 || time.Since(at) > time.Second {
			t.Errorf("beta said of itself that it is active: %v, at %v", active, at)
		}
		w.whole("beta")
		_, last := beta.sink.said("beta", "alpha")
		<-time.After(30 * time.Second)
		if _, at := beta.sink.said("beta", "alpha"); at != last {
			t.Errorf("beta speaks for alpha, which is back since %v, at %v", last, at)
		}
	})
}

// TestServingPointsTellChangesOnly: a takeover within a millisecond writes each series
// once, whatever order its two halves come in.
func TestServingPointsTellChangesOnly(t *testing.T) {
	e := &Engine{Options: Options{Node: "beta"}, peer: "alpha"}
	for _, c := range []struct {
		before, now serving
		want        string
	}{
		{serving{}, serving{}, ""},
		{serving{}, serving{peerOff: true}, "alpha=0"},
		{serving{peerOff: true}, serving{self: true, peerOff: true}, "beta=1"},
		{serving{}, serving{self: true, peerOff: true}, "beta=1 alpha=0"},
		{serving{self: true, peerOff: true}, serving{self: true}, ""}, // it is back, and speaks for itself
		{serving{self: true}, serving{}, "beta=0"},
	} {
		var got []string
		for _, p := range e.servingPoints(c.before, c.now, time.Now()) {
			got = append(got, fmt.Sprintf("%s=%v", p.GetTags()[api.TagNode], p.GetFields()["active"]))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v to %+v: %v, want %q", c.before, c.now, got, c.want)
		}
	}
}

func TestRefusingFenceDeviceAndTheOperatorsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.refuse = true
		w.power["alpha"] = false // dead, but its supply reads on: see Status below
		w.mu.Unlock()
		w.cut("alpha")
		w.until("a critical alarm", 20*time.Second, func() bool {
			for _, a := range beta.engine.clerk.alarms.list() {
				if a.Severity == "critical" {
					return true
				}
			}
			return false
		})
		for _, a := range beta.engine.clerk.alarms.list() {
			if a.Condition == api.ConditionNotRedundant && strings.Contains(a.Message, "serves") {
				t.Errorf("nobody serves, and an alarm says %q", a.Message)
			}
		}
	})
}

// TestStatusTellsWhenAFailbackIsDue, and at that moment it comes.
func TestStatusTellsWhenAFailbackIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.policy = "failback: auto, failback_after: 1m, "
		defer w.close()
		alpha, beta := w.boot("alpha"), w.boot("beta")
		w.whole("alpha")
		if due := alpha.engine.Status().GetFailback(); due != nil {
			t.Errorf("the primary is to hand back at %s", due.AsTime())
		}
		if _, err := alpha.engine.Command(t.Context(), control.Command{Name: "switchover", Operator: "kim"}); err != nil {
			t.Fatal(err)
		}
		w.whole("beta")
		<-time.After(10 * time.Second)
		left := time.Until(beta.engine.Status().GetFailback().AsTime())
		if left < 40*time.Second || left > 50*time.Second {
			t.Fatalf("due in %s", left)
		}
		<-time.After(left - time.Second)
		w.whole("beta")
		<-time.After(2 * time.Second)
		w.whole("alpha")
		if due := beta.engine.Status().GetFailback(); due != nil {
			t.Errorf("done, and due at %s", due.AsTime())
		}
	})
}

// TestMaintenanceIsNoLossOfRedundancy: it is ordered, and has an alarm of its own.
func TestMaintenanceIsNoLossOfRedundancy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha, beta := w.boot("alpha"), w.boot("beta")
		w.whole("alpha")
		<-time.After(wholeAfter)
		lost := alpha.sink.count(api.KindRedundancyLost) + beta.sink.count(api.KindRedundancyLost)
		short := "a mode lasts a minute at least, not 59 s"
		if _, err := alpha.engine.Command(context.Background(), control.Command{Name: "maintenance", Target: "on", Seconds: 59}); !errors.Is(err, control.ErrRefused) || !strings.HasSuffix(err.Error(), short) {
			t.Errorf("too short: %v", err)
		}
		if r := alpha.engine.PeerSide().Command(context.Background(), &peerpb.CommandRequest{Name: "standby", Target: "beta", DurationSeconds: 59}); r.GetAccepted() || r.GetMessage() != short {
			t.Errorf("too short, from the peer: %v", r)
		}
		if _, err := alpha.engine.Command(context.Background(), control.Command{Name: "maintenance", Target: "on", Seconds: 60}); err != nil {
			t.Fatal(err)
		}
		<-time.After(30 * time.Second)
		if alpha.engine.Status().GetRedundant() {
			t.Fatal("there is no maintenance")
		}
		w.whole("alpha")
		<-time.After(wholeAfter)
		if now := alpha.sink.count(api.KindRedundancyLost) + beta.sink.count(api.KindRedundancyLost); now != lost {
			t.Errorf("maintenance was told as a loss of redundancy, %d times", now-lost)
		}
	})
}

// TestSlowSwitchoverIsToldToItsEnd: the pair is whole before the service has been verified.
func TestSlowSwitchoverIsToldToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.starts = 700 * time.Millisecond
		alpha, beta := w.boot("alpha"), w.boot("beta")
		w.whole("alpha")
		if _, err := alpha.engine.Command(t.Context(), control.Command{Name: "switchover", Operator: "kim"}); err != nil {
			t.Fatal(err)
		}
		w.whole("beta")
		<-time.After(5 * time.Second)
		i := beta.sink.all()[0]
		if !strings.HasPrefix(i.GetTitle(), "beta took the service over as planned in 1.4") || i.GetClosed() == nil || i.GetRecoverySeconds() < 1.4 {
			t.Errorf("incident %v", i)
		}
	})
}

// TestEvidenceMayComeAfterTheEnd: a planned change is over before a device that does not
// answer has held its evidence up for as long as it may.
func TestEvidenceMayComeAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.gathers = gatherBound
		defer w.close()
		alpha := w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		if _, err := alpha.engine.Command(t.Context(), control.Command{Name: "switchover", Operator: "kim"}); err != nil {
			t.Fatal(err)
		}
		w.whole("beta")
		<-time.After(2 * gatherBound)
		incidents := beta.sink.all()
		if len(incidents) != 1 || incidents[0].GetClosed() == nil || len(incidents[0].GetSnapshots()) == 0 || incidents[0].GetScenario() == "" {
			t.Errorf("incidents %v", incidents)
		}
	})
}

func TestSwitchoverByCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha, beta := w.boot("alpha"), w.boot("beta")
		w.whole("alpha")
		reply, err := alpha.engine.Command(context.Background(), control.Command{Name: "switchover", Operator: "kim"})
		if err != nil {
			t.Fatalf("switchover: %v", err)
		}
		if reply.Message == "" {
			t.Error("no message")
		}
		w.whole("beta")
		if w.runs("alpha", "db") {
			t.Error("alpha still runs the database")
		}
		<-time.After(2 * time.Second)
		incidents := beta.sink.all()
		if len(incidents) != 1 || incidents[0].GetKind() != api.IncidentSwitchover {
			t.Errorf("incidents %v", incidents)
		}
		_, err = beta.engine.Command(context.Background(), control.Command{Name: "switchover", Generation: 999})
		if !errors.Is(err, control.ErrRefused) {
			t.Errorf("a command for another generation: %v", err)
		}
		if _, err := beta.engine.Command(context.Background(), control.Command{Name: "dance"}); !errors.Is(err, control.ErrRefused) {
			t.Errorf("an unknown command: %v", err)
		}
	})
}

func TestDeadProcessIsRestartedWithBothPIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		delete(w.running["alpha"], "db")
		w.mu.Unlock()
		w.until("the database runs again", 20*time.Second, func() bool { return w.runs("alpha", "db") })
		w.until("the restart is told", 5*time.Second, func() bool {
			return strings.Contains(alpha.sink.kinds(), api.KindResourceRestarted)
		})
		<-time.After(12 * time.Second)
		incidents := alpha.sink.all()
		if len(incidents) != 1 || incidents[0].GetKind() != api.IncidentService {
			t.Errorf("incidents %v", incidents)
		}
	})
}

// TestAnOperatorsModeIsNoFailure: it opens no incident, and does not rename the one that is open.
func TestAnOperatorsModeIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		order := func(name, on string) {
			t.Helper()
			if _, err := alpha.engine.Command(context.Background(), control.Command{Name: name, Target: on, Operator: "kim"}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		order("unmanage", "db")
		w.until("it is told", 5*time.Second, func() bool { return alpha.stands("resource/db", "unmanaged mode") })
		<-time.After(12 * time.Second)
		if incidents := alpha.sink.all(); len(incidents) != 0 {
			t.Errorf("an order opened %v", incidents)
		}
		order("manage", "db")
		w.complain("alpha", sdk.Condition{Key: api.ConditionOnBattery, Message: "the UPS runs on its battery"})
		w.until("beta tells", 10*time.Second, func() bool { return beta.stands("fence/ups-alpha", api.ConditionOnBattery) })
		order("unmanage", "db")
		<-time.After(12 * time.Second)
		incidents := beta.sink.all()
		if len(incidents) != 1 || incidents[0].GetKind() != api.IncidentDegraded || !strings.Contains(incidents[0].GetTitle(), "battery") {
			t.Errorf("incidents %v", incidents)
		}
	})
}

func TestBadReloadKeepsTheRunningConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		before := alpha.engine.cfg.Load()
		_, err := alpha.engine.Reload(context.Background())
		if !errors.Is(err, control.ErrRefused) || !strings.Contains(err.Error(), "store.yaml:3:1") {
			t.Errorf("error %v", err)
		}
		if alpha.engine.cfg.Load() != before {
			t.Error("the configuration changed")
		}
	})
}

// TestReloadReachesThePingGroup: a shorter isolation_time has two answers in it from then
// on; what plugin reach was told at the start is taken at the next one.
func TestReloadReachesThePingGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		reload := func(old, now string) error {
			alpha.engine.ReadConfig = func() (*config.Config, error) {
				return config.Parse("store.yaml", []byte(strings.Replace(storeFile, old, now, 1)))
			}
			_, err := alpha.engine.Reload(context.Background())
			return err
		}
		if err := reload("analyse: 50ms", "analyse: 300ms"); !errors.Is(err, control.ErrRefused) || !strings.Contains(err.Error(), "timing.analyse") {
			t.Errorf("the time of an analysis: %v", err)
		}
		if err := reload("policy: {", "policy: {isolation_time: 1s, "); err != nil {
			t.Fatal(err)
		}
		asked := func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.pings["alpha"]
		}
		<-time.After(2 * pingMost)
		before := asked()
		<-time.After(20 * time.Second)
		if n := asked() - before; n < 39 {
			t.Errorf("asked %d times in 20 s", n)
		}
	})
}

func TestDaemonRestartKeepsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		pid := w.running["alpha"]["db"]
		w.mu.Unlock()
		boot := alpha.engine.Boot.KernelBoot
		alpha.engine.die() // killed: it announces nothing
		<-alpha.done
		w.daemon("alpha", boot)
		w.whole("alpha")
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.running["alpha"]["db"] != pid {
			t.Errorf("process %d became %d", pid, w.running["alpha"]["db"])
		}
	})
}
