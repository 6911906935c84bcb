package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
)

// lose cuts both nodes, one after the other, and has their recorders know when the
// service was seen last.
func (w *world) lose(t *testing.T) (cut time.Time) {
	t.Helper()
	w.stayOff()
	w.boot("alpha")
	w.boot("beta")
	w.whole("alpha")
	w.served["alpha"] = time.Now()
	w.cut("alpha")
	w.until("beta serves", 5*time.Second, func() bool { return w.runs("beta", "db") && w.at("beta").engine.viewOf().Failover.Done > 0 })
	w.served["beta"] = time.Now()
	w.cut("beta")
	return time.Now()
}

// TestBothNodesDownIsOneOutage: the node that starts the service tells for how long nobody served.
func TestBothNodesDownIsOneOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		cut := w.lose(t)
		<-time.After(30 * time.Second)
		w.boot("alpha")
		beta := w.boot("beta")
		w.until("a node serves", time.Minute, func() bool { return w.runs("alpha", "db") || w.runs("beta", "db") })
		away := time.Since(cut).Seconds()
		w.whole("beta") // it served last
		<-time.After(2 * time.Second)
		incidents := beta.sink.all()
		if len(incidents) != 1 {
			t.Fatalf("%d incidents: %v", len(incidents), incidents)
		}
		i := incidents[0]
		if i.GetKind() != api.IncidentOutage || i.GetFailedNode() != "" || i.GetSurvivor() != "beta" || i.GetClosed() == nil {
			t.Errorf("incident %v", i)
		}
		if took := i.GetRecoverySeconds(); took < away-.05 || took > away+.5 {
			t.Errorf("recovery %v s after %v s without service", took, away)
		}
		if opened := i.GetOpened().AsTime(); opened.Sub(cut).Abs() > time.Millisecond {
			t.Errorf("opened %v, and the last node died at %v", opened, cut)
		}
		if first := i.GetPhases()[0]; first.GetName() != phaseDown || first.GetOffsetSeconds() != 0 || first.GetDurationSeconds() < 30 {
			t.Errorf("first phase %v", first)
		}
		if title := i.GetTitle(); !strings.Contains(title, "nobody served for 3") {
			t.Errorf("title %q", title)
		}
	})
}

// TestAnOutageOfUnknownLength: without a flight recording nothing is claimed of the time before the start.
func TestAnOutageOfUnknownLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.lose(t)
		<-time.After(30 * time.Second)
		clear(w.served)
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("beta")
		<-time.After(2 * time.Second)
		i := beta.sink.all()[0]
		if i.GetRecoverySeconds() > 20 || i.GetPhases()[0].GetName() != phaseAgree || !strings.Contains(i.GetTitle(), "not known") {
			t.Errorf("incident %v", i)
		}
	})
}

// TestAloneAfterABoot: who never heard its peer cannot know for how long that served.
func TestAloneAfterABoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.lose(t)
		<-time.After(30 * time.Second)
		alpha := w.boot("alpha")
		w.until("alpha serves", time.Minute, func() bool { return w.runs("alpha", "db") && alpha.engine.viewOf().Failover.Done > 0 })
		<-time.After(2 * time.Second)
		i := alpha.sink.all()[0]
		if i.GetKind() != api.IncidentFailover || !strings.HasPrefix(i.GetTitle(), "beta was silent as alpha started; alpha took over in ") {
			t.Errorf("incident %v", i)
		}
		if first := i.GetTimeline()[0]; !strings.Contains(first.GetText(), "for the last time") || !first.GetTime().AsTime().Equal(w.served["alpha"]) {
			t.Errorf("first entry %v", first)
		}
	})
}

// TestAFirstStartIsNoOutage: neither of a new store, nor of daemons that start anew beside what runs.
func TestAFirstStartIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		for _, node := range []string{"alpha", "beta"} {
			boot := w.at(node).engine.Boot.KernelBoot
			w.at(node).engine.die()
			<-w.at(node).done
			w.daemon(node, boot)
			w.whole("alpha")
		}
		for _, node := range []string{"alpha", "beta"} {
			for _, i := range w.at(node).sink.all() {
				if i.GetKind() == api.IncidentOutage {
					t.Errorf("%s: %v", node, i)
				}
			}
		}
	})
}
