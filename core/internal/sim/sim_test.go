package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/storeward/storeward/core/internal/sim"
)

var (
	seeds = flag.Uint64("seeds", 2000, "how many seeds to simulate")
	first = flag.Uint64("first", 1, "the first seed")
)

// TestMain spends memory for speed: a run leaves a lot of garbage and little that lives.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	m.Run()
}

// each runs seeds on every core and hands their results over until one says stop.
func each(first, count uint64, o sim.Options, result func(uint64, sim.Result) (stop bool)) {
	var next atomic.Uint64
	var stopped atomic.Bool
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stopped.Load() {
				i := next.Add(1) - 1
				if i >= count {
					return
				}
				run := o
				run.Seed = first + i
				r := sim.Run(run)
				mu.Lock()
				if result(run.Seed, r) {
					stopped.Store(true)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestSeeds: whatever is lost, late, duplicated, crashed or restarted, safety
// holds after every step, and a mended store is served. A failing seed leaves
// its log, whose lines tell what each node heard and did.
func TestSeeds(t *testing.T) {
	var events, takeovers, failbacks, cuts, open, failed int
	started := time.Now()
	each(*first, *seeds, sim.Options{}, func(seed uint64, r sim.Result) bool {
		events += r.Events
		takeovers += r.Takeovers
		failbacks += r.Failbacks
		cuts += r.Cuts
		if r.Open {
			open++
		}
		if r.Faults < 3 {
			t.Errorf("seed %d had only %d faults", seed, r.Faults)
		}
		if r.Err == nil {
			return false
		}
		failed++
		name := filepath.Join(os.TempDir(), fmt.Sprintf("storeward-seed-%d.log", seed))
		if err := os.WriteFile(name, []byte(r.Log), 0o600); err != nil {
			t.Error(err)
		}
		t.Errorf("%v\nlog in %s; replay with -first %d -seeds 1", r.Err, name, seed)
		return failed >= 10
	})
	took := time.Since(started)
	t.Logf("%d seeds, %d events, %d takeovers, %d failbacks, %d cuts, %d ended with what is open in %v: %.0f seeds/s", *seeds, events, takeovers, failbacks, cuts, open, took.Round(time.Millisecond), float64(*seeds)/took.Seconds())
	if *seeds > 100 && (takeovers < int(*seeds) || failbacks < int(*seeds)/20 || cuts < int(*seeds)/10 || open > int(*seeds)/1000) {
		t.Errorf("%d takeovers, %d failbacks, %d cuts and %d open ends in %d seeds: the simulation does not do its work", takeovers, failbacks, cuts, open, *seeds)
	}
}

// TestCalm: everyday loss and delay alone never make anybody cut or take over.
func TestCalm(t *testing.T) {
	each(1, 100, sim.Options{Calm: true}, func(seed uint64, r sim.Result) bool {
		if r.Err != nil {
			t.Errorf("%v\n%s", r.Err, r.Log)
		} else if r.Takeovers != 1 || r.Cuts != 0 {
			t.Errorf("seed %d: %d takeovers and %d cuts with nothing broken\n%s", seed, r.Takeovers, r.Cuts, r.Log)
		}
		return t.Failed()
	})
}

// TestMainsLost: a store that loses its mains and nothing else is served again when
// they are back, and nobody who ran was cut because of it.
func TestMainsLost(t *testing.T) {
	ended := 0
	each(1, 200, sim.Options{Mains: true}, func(seed uint64, r sim.Result) bool {
		if strings.Contains(r.Log, "battery is empty") {
			ended++
		}
		if r.Err != nil || r.LiveCuts != 0 {
			t.Errorf("seed %d: %d cuts, error %v\n%s", seed, r.LiveCuts, r.Err, r.Log)
		}
		return t.Failed()
	})
	if ended < 40 {
		t.Errorf("a battery ran out in %d runs only", ended)
	}
}

// TestLies: where an operator or a device says that a living node is off, two nodes
// may be active, until a link brings the first beat again.
func TestLies(t *testing.T) {
	dual := 0
	each(1, 300, sim.Options{Lies: true}, func(seed uint64, r sim.Result) bool {
		if r.Dual {
			dual++
		}
		if r.Err != nil {
			t.Errorf("seed %d: %v\n%s", seed, r.Err, r.Log)
		}
		return t.Failed()
	})
	if dual < 50 {
		t.Errorf("both nodes were active in %d runs only: nobody was believed", dual)
	}
}

// TestSameSeedSameRun: without this no failing seed could be looked into.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(5) {
		a := sim.Run(sim.Options{Seed: seed, Trace: true})
		b := sim.Run(sim.Options{Seed: seed, Trace: true})
		if a.Log != b.Log || a.Events != b.Events {
			t.Fatalf("seed %d ran differently the second time", seed)
		}
	}
}

// TestDeliberateBugs: the simulation can fail. Each bug is put in on purpose and must be found.
func TestDeliberateBugs(t *testing.T) {
	for name, bug := range map[string]sim.Bug{
		"unconfirmed-fence":    sim.UnconfirmedFence,
		"forgotten-generation": sim.ForgottenGeneration,
		"overlapping-turns":    sim.OverlappingTurns,
		"stale-confirmation":   sim.StaleConfirmation,
		"no-boot-rule":         sim.NoBootRule,
		"lapsing-grant":        sim.LapsingGrant,
	} {
		t.Run(name, func(t *testing.T) {
			var found error
			each(1, 10000, sim.Options{Bug: bug}, func(_ uint64, r sim.Result) bool {
				if r.Err != nil && found == nil {
					found = r.Err
				}
				return found != nil
			})
			if found == nil {
				t.Error("10,000 seeds did not find it")
			} else {
				t.Log(found)
			}
		})
	}
}

func BenchmarkSeed(b *testing.B) {
	events := 0
	for i := range b.N {
		events += sim.Run(sim.Options{Seed: uint64(i)}).Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
