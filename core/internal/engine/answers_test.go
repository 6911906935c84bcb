package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// TestServiceAnswersAsTheAnalysisEnds: the answer is told all the same. In real time: which of
// the two comes first is the scheduler's to say.
func TestServiceAnswersAsTheAnalysisEnds(t *testing.T) {
	w := newWorld(t)
	d := w.boot("alpha")
	d.stop()
	<-d.done
	e := d.engine
	e.ended = false // it answers without its loop
	e.life, e.die = context.WithCancel(context.Background())
	defer e.die()
	w.running["beta"] = map[string]int{"db": 1}
	w.slow = 2 * time.Millisecond
	sale := e.probes.all["sale"]
	sale.in = e.newInstance("http", "probe-sale", nil)
	sale.in.keep(&fakeInstance{w: w, node: "alpha", plugin: "http", name: "probe-sale"})
	for round := range 300 {
		for end := time.Now().Add(time.Second); e.asking.Load() && time.Now().Before(end); {
			<-time.After(50 * time.Microsecond)
		}
		ctx, cancel := context.WithTimeout(context.Background(), w.slow+time.Duration(round%40)*5*time.Microsecond)
		found := e.analyse(ctx, failover.Action{ID: "x", Kind: failover.Analyse}).(failover.Analysis).Service
		cancel()
		for end := time.Now().Add(time.Second); found != beat.Yes && time.Now().Before(end); {
			select {
			case f := <-e.inbox:
				if a, ok := f.event.(failover.Analysis); ok {
					if a.Service == beat.Yes {
						found = beat.Yes
					}
				}
			case <-time.After(100 * time.Millisecond):
			}
		}
		if found != beat.Yes {
			t.Fatalf("round %d: the answer is lost", round)
		}
		for len(e.inbox) > 0 {
			<-e.inbox
		}
	}
}

// TestUnreadDeviceMeasuresNothing: its last values are not said to be those of now.
func TestUnreadDeviceMeasuresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.battery["beta"] = map[string]float64{valueOnBattery: 0, valueCharge: .9, "power_on": 1}
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		fields := func() map[string]float64 {
			for _, p := range alpha.engine.points().GetPoints() {
				if p.GetMeasurement() == "fence" && p.GetTags()["device"] == "ups-beta" {
					return p.GetFields()
				}
			}
			return nil
		}
		<-time.After(3 * time.Second)
		if f := fields(); f["power_on"] != 1 || f[valueCharge] != .9 {
			t.Errorf("read: %v", f)
		}
		w.mu.Lock()
		w.unread["beta"] = true
		w.mu.Unlock()
		<-time.After(time.Minute)
		if f := fields(); f != nil {
			t.Errorf("not read for a minute: %v", f)
		}
	})
}
