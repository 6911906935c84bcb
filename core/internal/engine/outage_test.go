package engine

import (
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
)

// fall cuts a node whose recorder saw the service until then.
func (w *world) fall(node string) {
	w.served[node] = time.Now()
	w.cut(node)
}

// lose cuts both nodes, one after the other, and leaves them off.
func (w *world) lose(t *testing.T) (cut time.Time) {
	t.Helper()
	w.stayOff()
	w.boot("alpha")
	w.boot("beta")
	w.whole("alpha")
	w.fall("alpha")
	w.until("beta serves", 5*time.Second, func() bool { return w.runs("beta", "db") && w.at("beta").engine.viewOf().Failover.Done > 0 })
	w.fall("beta")
	return time.Now()
}

// again stops a node's daemon without a word and starts it anew beside what runs.
func (w *world) again(node string) {
	d := w.at(node)
	d.engine.die()
	<-d.done
	w.daemon(node, d.engine.Boot.KernelBoot)
}

// outages are those that a node told.
func (d *fakeDaemon) outages() (out []*api.Incident) {
	for _, i := range d.sink.all() {
		if i.GetKind() == api.IncidentOutage {
			out = append(out, i)
		}
	}
	return out
}

func (w *world) anyServes() bool { return w.runs("alpha", "db") || w.runs("beta", "db") }

// TestOutage: whoever starts a service that nobody handed over tells for how long nobody
// was active, and no more than it knows.
func TestOutage(t *testing.T) {
	for name, c := range map[string]struct {
		run     func(t *testing.T, w *world) (away time.Time) // what happens, until the pair is whole
		teller  string
		exactly bool   // else no recovery time is told
		title   string // begins with it
		phases  string
	}{
		"both down": {func(t *testing.T, w *world) time.Time {
			cut := w.lose(t)
			<-time.After(30 * time.Second)
			w.boot("alpha")
			w.boot("beta")
			return cut
		}, "beta", true, "Nobody was active for 3", "down agree address start verify announce"},
		"the recording is lost": {func(t *testing.T, w *world) time.Time {
			cut := w.lose(t)
			<-time.After(8 * time.Hour)
			clear(w.served)
			w.boot("alpha")
			w.boot("beta")
			return cut
		}, "beta", false, "Nobody was active, until beta started the service; for how long is not known", "agree address start verify announce"},
		"the clock is set before the service starts": {func(t *testing.T, w *world) time.Time {
			cut := w.lose(t)
			<-time.After(30 * time.Second)
			w.mu.Lock()
			w.behind["beta"] = 25 * time.Second
			w.mu.Unlock()
			w.boot("beta")
			<-time.After(300 * time.Millisecond)
			w.mu.Lock()
			w.behind["beta"] = 0
			w.mu.Unlock()
			w.boot("alpha")
			return cut
		}, "beta", true, "Nobody was active for 3", "down agree address start verify announce"},
		"a daemon starts anew before they agree": {func(t *testing.T, w *world) time.Time {
			cut := w.lose(t)
			<-time.After(30 * time.Second)
			w.boot("beta")
			<-time.After(time.Second)
			w.again("beta")
			w.boot("alpha")
			return cut
		}, "beta", true, "Nobody was active for 3", "down agree address start verify announce"},
		"the peer was up": {func(_ *testing.T, w *world) time.Time {
			w.boot("alpha")
			w.boot("beta")
			w.whole("alpha")
			w.mu.Lock()
			w.refuse, w.unread["alpha"] = true, true
			w.mu.Unlock()
			<-time.After(5 * time.Second)
			w.fall("alpha")
			cut := time.Now()
			<-time.After(time.Minute)
			w.boot("alpha")
			w.until("alpha serves", time.Minute, w.anyServes)
			w.mu.Lock()
			w.refuse, w.unread["alpha"] = false, false
			w.mu.Unlock()
			return cut
		}, "alpha", true, "Nobody was active for 1 min, until alpha started the service", "down agree address start verify announce"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				cut := c.run(t, w)
				w.until("a node serves", time.Minute, w.anyServes)
				away := time.Since(cut).Seconds()
				<-time.After(30 * time.Second)
				teller := w.at(c.teller)
				told := teller.outages()
				if len(told) != 1 {
					t.Fatalf("%d outages: alpha told %v\nbeta told %v", len(told), w.at("alpha").sink.all(), w.at("beta").sink.all())
				}
				i := told[0]
				if took := i.GetRecoverySeconds(); c.exactly && (took < away-.05 || took > away+.5) || !c.exactly && took != 0 {
					t.Errorf("recovery %v s after %v s without service", took, away)
				}
				if opened := i.GetOpened().AsTime(); c.exactly && opened.Sub(cut).Abs() > time.Millisecond {
					t.Errorf("opened %v, and the last node died at %v", opened, cut)
				}
				var phases []string
				for _, p := range i.GetPhases() {
					phases = append(phases, p.GetName())
				}
				if got := strings.Join(phases, " "); got != c.phases || i.GetPhases()[0].GetOffsetSeconds() != 0 {
					t.Errorf("phases %s, the first at %v", got, i.GetPhases()[0].GetOffsetSeconds())
				}
				if !strings.HasPrefix(i.GetTitle(), c.title) || i.GetFailedNode() != "" || i.GetSurvivor() != c.teller {
					t.Errorf("title %q, failed %q, told by %q", i.GetTitle(), i.GetFailedNode(), i.GetSurvivor())
				}
				measured := 0
				for _, p := range teller.sink.points {
					if p.GetMeasurement() == "failover" {
						measured++
					}
				}
				if want := map[bool]int{true: 1}[c.exactly]; measured != want {
					t.Errorf("%d recovery times in the series, want %d", measured, want)
				}
			})
		})
	}
}

// TestOutageAtMost: the peer was active in a generation that this node never saw.
func TestOutageAtMost(t *testing.T) {
	w := newWorld(t)
	e := &Engine{Options: Options{Node: "alpha", Clock: w.clock()}}
	i := newIncidents(e)
	now := e.Clock.Now()
	i.main = &api.Incident{Survivor: "alpha"}
	i.sight = sight{started: now - 10*time.Second, recorded: e.Clock.Wall().Add(-10 * time.Minute), generation: 6}
	i.reckon(observation{at: now, view: &viewed{View: failover.View{Peer: failover.PeerView{LastActive: 7}}}})
	if i.measurable() || i.main.GetKind() != api.IncidentOutage {
		t.Errorf("measured: %v", i.main)
	}
	if title := i.outageTitle(failover.Failover{Done: now, OK: true}); title != "Nobody was active for 10 min at most, until alpha started the service" {
		t.Errorf("title %q", title)
	}
}

// TestNoOutage: neither a first start, nor daemons that start anew beside what runs, nor what is handed over.
func TestNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		for _, node := range []string{"alpha", "beta"} {
			w.again(node)
			w.whole("alpha")
		}
		w.fall("alpha")
		w.whole("beta")
		if _, err := w.at("beta").engine.Command(t.Context(), control.Command{Name: "switchover", Operator: "kim"}); err != nil {
			t.Fatal(err)
		}
		w.whole("alpha")
		<-time.After(5 * time.Second)
		for _, node := range []string{"alpha", "beta"} {
			if told := w.at(node).outages(); len(told) > 0 {
				t.Errorf("%s: %v", node, told)
			}
		}
	})
}

// TestOutageOfNodesThatRun: it counts from the end of the service, however long ago the node booted.
func TestOutageOfNodesThatRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.fall("alpha")
		w.whole("beta")
		<-time.After(time.Minute)
		w.refuses(true)
		for _, node := range []string{"alpha", "beta"} {
			w.onBattery(node, .05)
		}
		w.until("nobody serves", 2*time.Minute, func() bool { return !w.anyServes() })
		away := time.Now()
		w.refuses(false)
		for _, node := range []string{"alpha", "beta"} {
			w.mu.Lock()
			w.battery[node] = map[string]float64{valueOnBattery: 0, valueCharge: .9}
			w.mu.Unlock()
		}
		w.until("a node serves", 3*time.Minute, w.anyServes)
		gap := time.Since(away).Seconds()
		<-time.After(30 * time.Second)
		told := append(w.at("alpha").outages(), w.at("beta").outages()...)
		for _, i := range told {
			if took := i.GetRecoverySeconds(); took > gap+10 {
				t.Errorf("%q: %v s, and nobody served for %v s", i.GetTitle(), took, gap)
			}
		}
	})
}

func (w *world) refuses(refuse bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = refuse
}

// TestAloneAfterABoot: who never heard its peer cannot know for how long that served,
// and tells no recovery time.
func TestAloneAfterABoot(t *testing.T) {
	for name, c := range map[string]struct {
		recorded     bool
		title, phase string
	}{
		"on record": {true, "beta was silent as alpha started; alpha took over 3? s after it last knew a node active", phaseDown},
		"nothing on record": {
			false, "beta was silent as alpha started; alpha took over ?.?? s after its start; for how long nobody was active is not known", "detect",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				w.lose(t)
				<-time.After(30 * time.Second)
				if !c.recorded {
					clear(w.served)
				}
				alpha := w.boot("alpha")
				w.until("alpha serves", time.Minute, func() bool { return w.runs("alpha", "db") && alpha.engine.viewOf().Failover.Done > 0 })
				<-time.After(2 * time.Second)
				i := alpha.sink.all()[0]
				if same, err := path.Match(c.title, i.GetTitle()); err != nil || !same || i.GetKind() != api.IncidentFailover || i.GetPhases()[0].GetName() != c.phase {
					t.Errorf("incident %v", i)
				}
				if slices.ContainsFunc(alpha.sink.points, func(p *api.Point) bool { return p.GetMeasurement() == "failover" }) || i.GetRecoverySeconds() != 0 {
					t.Errorf("a recovery time of %v s that nobody measured", i.GetRecoverySeconds())
				}
				if first := i.GetTimeline()[0]; c.recorded && (!strings.Contains(first.GetText(), "for the last time") || !first.GetTime().AsTime().Equal(w.served["alpha"])) {
					t.Errorf("first entry %v", first)
				}
			})
		})
	}
}

// TestStartOfASilentPeer: the node that waited for it in vain says that it came back, and tells no failover.
func TestStartOfASilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.lose(t)
		<-time.After(30 * time.Second)
		w.silence("beta", true) // alpha cannot make sure that beta is off
		alpha := w.boot("alpha")
		<-time.After(20 * time.Second)
		w.silence("beta", false)
		beta := w.boot("beta")
		w.until("beta serves", time.Minute, func() bool { return w.runs("beta", "db") })
		<-time.After(30 * time.Second)
		if told := beta.outages(); len(told) != 1 {
			t.Errorf("beta told %v", beta.sink.all())
		}
		for _, i := range alpha.sink.all() {
			if i.GetKind() == api.IncidentFailover && (i.GetRecoverySeconds() != 0 || !strings.HasPrefix(i.GetTitle(), "beta was silent and is active; alpha did not take over")) {
				t.Errorf("alpha told %q", i.GetTitle())
			}
		}
	})
}

// TestStandbyLostAfterAStart: the start is no failover of the node that fell.
func TestStandbyLostAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.lose(t)
		<-time.After(time.Minute)
		beta := w.boot("beta")
		w.boot("alpha")
		w.until("beta serves", time.Minute, func() bool { return w.runs("beta", "db") && beta.engine.viewOf().Failover.Done > 0 })
		w.cut("alpha")
		<-time.After(time.Minute)
		for _, i := range beta.sink.all() {
			if i.GetKind() == api.IncidentFailover || beta.engine.viewOf().Role != beat.Active {
				t.Errorf("%q", i.GetTitle())
			}
		}
	})
}

// TestScenarioHoldsTheTakeover: however long nobody could take over, the incident shows
// how somebody did in the end, while it is open and once it is closed.
func TestScenarioHoldsTheTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.lose(t)
		<-time.After(time.Minute)
		w.refuses(true)
		w.mu.Lock()
		w.power["beta"] = true // it hangs, and cannot be cut
		w.mu.Unlock()
		alpha := w.boot("alpha")
		<-time.After(10 * time.Minute)
		w.refuses(false)
		w.until("alpha serves", 3*time.Minute, func() bool { return w.runs("alpha", "db") && alpha.engine.viewOf().Failover.Done > 0 })
		<-time.After(2 * time.Second)
		holds := func(when string) {
			t.Helper()
			i := alpha.sink.all()[0]
			if got := replayed(t, i.GetTitle(), i.GetScenario()); !strings.Contains(strings.Join(got, " "), "start-") {
				t.Errorf("%s: the scenario of %q, of %d bytes, orders %v", when, i.GetTitle(), len(i.GetScenario()), got)
			}
		}
		holds("open")
		w.boot("beta")
		w.whole("alpha")
		w.until("it is closed", 10*time.Second, func() bool { return alpha.sink.all()[0].GetClosed() != nil })
		<-time.After(time.Second)
		holds("closed")
	})
}
