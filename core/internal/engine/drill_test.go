package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
)

// drillWorld is a pair that is whole, alpha active; the world's time begins at midnight, on a Saturday.
func drillWorld(t *testing.T, extra string) (w *world, alpha, beta *fakeDaemon) {
	w = calmWorld(t)
	alpha, beta = w.forDrills(extra)
	return w, alpha, beta
}

func (w *world) forDrills(extra string) (alpha, beta *fakeDaemon) {
	w.extra, w.behind["beta"] = extra, time.Second
	w.t.Cleanup(w.close)
	alpha, beta = w.boot("alpha"), w.boot("beta")
	w.whole("alpha")
	return alpha, beta
}

// drill gives an operator's command and returns the refusal.
func (d *fakeDaemon) drill(anyway bool) string {
	_, err := d.engine.Command(context.Background(), control.Command{Name: "drill", Operator: "kim", Anyway: anyway})
	return errText(err)
}

// hear brings what one node knows to the other, as the peer channel does.
func hear(from, to *fakeDaemon) {
	from.engine.told.Store(from.engine.Status())
	to.engine.PeerSide().Heard(from.engine.PeerSide().News())
}

// count is how often a kind of event was told.
func (s *fakeSink) count(kind string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.GetKind() == kind && e.GetSeverity() != cleared {
			n++
		}
	}
	return n
}

func (d *fakeDaemon) complains() string {
	for _, a := range d.engine.clerk.alarms.list() {
		if a.Object == "store/s0001" && a.Condition == api.ConditionDrill {
			return a.Severity + ": " + a.Message
		}
	}
	return ""
}

func TestDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, beta := drillWorld(t, "")
		if err := alpha.drill(false); err != "" {
			t.Fatal(err)
		}
		w.whole("beta")
		<-time.After(2 * time.Second)
		hear(beta, alpha)
		for _, d := range []*fakeDaemon{alpha, beta} {
			s := d.engine.Status().GetDrill()
			if s.GetEnded() == nil || !s.GetOk() || s.GetTaker() != "beta" || s.GetTookSeconds() <= 0 || s.GetTookSeconds() > 1 || s.GetNext() != nil {
				t.Errorf("%s says %v", d.engine.Node, s)
			}
		}
		incidents := beta.sink.all()
		if len(incidents) != 1 || len(alpha.sink.all()) != 0 {
			t.Fatalf("beta tells %v\nalpha tells %v", incidents, alpha.sink.all())
		}
		i := incidents[0]
		var phases []string
		for _, p := range i.GetPhases() {
			phases = append(phases, p.GetName())
		}
		if i.GetKind() != api.IncidentDrill || i.GetClosed() == nil || i.GetRecoverySeconds() <= 0 ||
			strings.Join(phases, " ") != "stop address start verify announce devices" || !strings.Contains(i.GetTitle(), "beta took the service over in a drill in 0.") {
			t.Errorf("incident %q of kind %s, phases %v", i.GetTitle(), i.GetKind(), phases)
		}
		beta.sink.mu.Lock()
		for _, title := range beta.sink.recovered {
			if !strings.HasPrefix(title, "beta took the service over in a drill in 0.") {
				t.Errorf("once the service was back a revision was called %q", title)
			}
		}
		beta.sink.mu.Unlock()
		if !strings.Contains(alpha.sink.kinds(), api.KindDrillBegun) || !strings.Contains(beta.sink.kinds(), api.KindDrillCompleted) {
			t.Errorf("alpha told %s\nbeta told %s", alpha.sink.kinds(), beta.sink.kinds())
		}
	})
}

// TestScheduledDrill is held once although the taker's clock shows the hour a second
// later, and moves the store back at the next one.
func TestScheduledDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, beta := drillWorld(t, `drills: {cron: "5 * * * *"}`)
		if next := alpha.engine.Status().GetDrill().GetNext().AsTime(); next.Minute() != 5 {
			t.Errorf("the next is at %v", next)
		}
		w.later(4 * time.Minute)
		<-time.After(55 * time.Second)
		if n := alpha.sink.count(api.KindDrillBegun); n != 0 {
			t.Errorf("%d drills before the hour", n)
		}
		<-time.After(7 * time.Second)
		w.whole("beta")
		hear(beta, alpha)
		<-time.After(time.Minute)
		if a, b := alpha.sink.count(api.KindDrillBegun), beta.sink.count(api.KindDrillBegun); a != 1 || b != 0 {
			t.Errorf("drills begun by alpha: %d, by beta: %d", a, b)
		}
		w.later(58 * time.Minute)
		<-time.After(time.Minute)
		w.whole("alpha")
		if a, b := alpha.sink.count(api.KindDrillBegun), beta.sink.count(api.KindDrillBegun); a != 1 || b != 1 {
			t.Errorf("drills begun by alpha: %d, by beta: %d", a, b)
		}
		if alpha.complains()+beta.complains() != "" {
			t.Errorf("complaints %q, %q", alpha.complains(), beta.complains())
		}
	})
}

func TestDrillInOpeningHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, _ := drillWorld(t, `drills: {opening_hours: ["sat 00:00-06:00"]}`)
		if err := alpha.drill(false); !strings.Contains(err, "the store is open") {
			t.Errorf("refused with %q", err)
		}
		if err := alpha.drill(true); err != "" {
			t.Fatal(err)
		}
		w.whole("beta")
	})
}

// TestOverdueDrill: the pair is not whole when a drill is due; the alarm outlives the
// daemon and ends with a drill.
func TestOverdueDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, _ := drillWorld(t, `drills: {cron: "5 0,1,2,3,4,5 * * *"}`)
		w.stayOff()
		w.cut("beta")
		w.later(4 * time.Minute)
		<-time.After(2 * time.Minute)
		if n := alpha.sink.count(api.KindDrillSkipped); n != 1 || alpha.complains() != "" {
			t.Errorf("told %d times that a drill was not begun, and complained %q", n, alpha.complains())
		}
		w.later(drillApart)
		<-time.After(time.Minute)
		if got := alpha.complains(); !strings.HasPrefix(got, "warning: A drill is overdue: the one of Sat 2000-01-01 00:05") {
			t.Errorf("complaint %q", got)
		}
		alpha.engine.die()
		<-alpha.done
		alpha = w.daemon("alpha", alpha.engine.Boot.KernelBoot)
		w.until("the new daemon complains too", 2*time.Minute, func() bool { return alpha.complains() != "" })
		if s := alpha.engine.Status().GetDrill(); !s.GetOverdue() || s.GetBegan() != nil {
			t.Errorf("status %v", s)
		}
		w.mu.Lock()
		w.dark = false
		w.mu.Unlock()
		beta := w.boot("beta")
		w.whole("alpha")
		<-time.After(time.Minute)
		if got := alpha.complains(); got == "" {
			t.Error("the complaint ended without a drill")
		}
		if err := alpha.drill(false); err != "" {
			t.Fatal(err)
		}
		w.whole("beta")
		hear(beta, alpha)
		<-time.After(time.Minute)
		if alpha.complains()+beta.complains() != "" {
			t.Errorf("complaints %q, %q", alpha.complains(), beta.complains())
		}
	})
}

// TestScheduleThatComesLater: of a schedule that a running daemon gets, nothing is
// overdue but what was due since.
func TestScheduleThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, _ := drillWorld(t, "")
		w.later(time.Hour)
		for _, cron := range []string{"5 0 * * *", "10 0 * * *"} {
			cfg := *alpha.engine.cfg.Load()
			cfg.Drills.Cron = cron
			alpha.engine.use(&cfg)
			if s := alpha.engine.Status().GetDrill(); s.GetOverdue() || s.GetNext() == nil {
				t.Errorf("%q: status %v at once", cron, s)
			}
			<-time.After(2 * time.Minute)
			if s, said := alpha.engine.Status().GetDrill(), alpha.complains(); s.GetOverdue() || said != "" {
				t.Errorf("%q: status %v, complaint %q", cron, s, said)
			}
		}
	})
}

func TestDrillOfADeviceThatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, beta := drillWorld(t, "")
		w.mu.Lock()
		w.refuse = true
		w.mu.Unlock()
		if err := alpha.drill(false); err != "" {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		s := alpha.engine.Status().GetDrill()
		if s.GetOk() || s.GetEnded() == nil || !strings.Contains(s.GetMessage(), "ups-beta") {
			t.Errorf("status %v", s)
		}
		if got := alpha.complains(); !strings.HasPrefix(got, "major: the drill failed: ups-beta") {
			t.Errorf("complaint %q", got)
		}
		incidents := alpha.sink.all()
		if len(incidents) != 1 || incidents[0].GetKind() != api.IncidentDrill || incidents[0].GetClosed() == nil || !strings.HasPrefix(incidents[0].GetTitle(), "A drill failed: ups-beta") {
			t.Errorf("incidents %v", incidents)
		}
		w.mu.Lock()
		w.refuse = false
		w.mu.Unlock()
		<-time.After(time.Minute)
		if n := alpha.sink.count(api.KindDrillFailed); n != 1 {
			t.Errorf("the failure was told %d times", n)
		}
		hear(alpha, beta)
		if err := alpha.drill(false); err != "" {
			t.Fatal(err)
		}
		w.whole("beta")
		<-time.After(2 * time.Minute)
		if alpha.complains()+beta.complains() != "" {
			t.Errorf("complaints %q, %q", alpha.complains(), beta.complains())
		}
	})
}

// TestDrillWhoseTakerDies once it is active: the giver tells of the failure, and of the
// failover as an incident of its own.
func TestDrillWhoseTakerDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, alpha, beta := drillWorld(t, "")
		w.stayOff()
		if err := alpha.drill(false); err != "" {
			t.Fatal(err)
		}
		w.until("beta is active", 5*time.Second, func() bool { return beta.engine.viewOf().Role == beat.Active })
		w.cut("beta")
		w.until("alpha serves again", 10*time.Second, func() bool { return w.runs("alpha", "db") })
		<-time.After(2 * time.Minute)
		if s := alpha.engine.Status().GetDrill(); s.GetOk() || s.GetEnded() == nil || s.GetMessage() != "beta is silent" || s.GetTaker() != "beta" {
			t.Errorf("status %v", s)
		}
		if got := alpha.complains(); !strings.HasPrefix(got, "major: the drill failed: beta is silent") {
			t.Errorf("complaint %q", got)
		}
		incidents := alpha.sink.all()
		if len(incidents) != 1 || incidents[0].GetKind() != api.IncidentFailover {
			t.Errorf("incidents %v", incidents)
		}
	})
}

// TestDrillWhoseGiverDies: the taker's own incident does not swallow the loss.
func TestDrillWhoseGiverDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t) // which notices the death before the drill is over
		alpha, beta := w.forDrills("")
		w.stayOff()
		if err := alpha.drill(false); err != "" {
			t.Fatal(err)
		}
		w.until("beta is active", 5*time.Second, func() bool { return beta.engine.viewOf().Role == beat.Active })
		w.cut("alpha")
		<-time.After(time.Minute)
		incidents := beta.sink.all()
		if len(incidents) != 2 || incidents[0].GetKind() != api.IncidentDrill || incidents[0].GetClosed() == nil || incidents[0].GetRedundant() != nil ||
			incidents[1].GetKind() != api.IncidentDegraded || incidents[1].GetFailedNode() != "alpha" {
			t.Errorf("incidents %v", incidents)
		}
	})
}
