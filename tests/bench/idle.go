package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// idleProbes is how many probes run every 10 s, besides those that a store has anyway.
const idleProbes = 50

// Idle measures what one node's own processes cost while nothing happens, at the
// default timing: memory as PSS, processor time as the scheduler counts it.
func Idle(ctx context.Context, o Options) (err error) {
	result := newOutcome("idle")
	site, err := harness.Start(ctx, harness.Options{
		Lab: lab.Options{Name: o.Lab}, Programs: o.Programs, Root: o.Root,
		Timing: harness.Default, Services: harness.Shop, ExtraProbes: idleProbes, Console: true,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Down()) }()
	waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	active, err := site.Whole(waiting)
	if err != nil {
		return err
	}
	if err := pause(ctx, 10*time.Second); err != nil { // starting up is not idling
		return err
	}
	nodes := map[string]*lab.Node{"active": active, "standby": site.Store.Peer(active)}
	before := map[string]map[string]float64{}
	for role, n := range nodes {
		if before[role], err = cpuSeconds(n); err != nil {
			return err
		}
	}
	started := time.Now()
	memory, err := watchMemory(ctx, nodes, o.For)
	if err != nil {
		return err
	}
	watched := time.Since(started).Seconds()
	for _, role := range []string{"active", "standby"} {
		after, err := cpuSeconds(nodes[role])
		if err != nil {
			return err
		}
		result.figures = append(result.figures, figure(role+" node: memory (PSS)", "MiB", memory[role]))
		result.figures = append(result.figures, shares(role, before[role], after, watched)...)
	}
	t := table{title: fmt.Sprintf("One node's processes over %v, at the default timing with %d more probes at 10 s", o.For, idleProbes), head: slices.Concat([]string{"of", "unit"}, summaryHead)}
	for _, f := range result.figures {
		t.add(slices.Concat([]string{f.Name, f.Unit}, f.summary())...)
	}
	result.tables = append(result.tables, t)
	return result.publish(o)
}

// shares turns processor times into shares of a core: the node's, then each process's.
func shares(role string, before, after map[string]float64, watched float64) []Figure {
	total := 0.0
	var each []Figure
	for name, seconds := range after {
		share := (seconds - before[name]) / watched * 100
		total += share
		each = append(each, figure(role+" node: "+name, "% of a core", []float64{share}))
	}
	slices.SortFunc(each, func(a, b Figure) int { return cmp.Compare(b.Median, a.Median) })
	return append([]Figure{figure(role+" node: processor, all processes", "% of a core", []float64{total})}, each...)
}

// watchMemory reads the memory of the nodes' processes every 10 s.
func watchMemory(ctx context.Context, nodes map[string]*lab.Node, span time.Duration) (map[string][]float64, error) {
	memory := map[string][]float64{}
	for started := time.Now(); time.Since(started) < span; {
		for role, n := range nodes {
			pss, err := memoryOf(n)
			if err != nil {
				return nil, err
			}
			memory[role] = append(memory[role], pss)
		}
		if err := pause(ctx, min(10*time.Second, span)); err != nil {
			return nil, err
		}
	}
	return memory, nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// own lists the product's processes of a node: the daemon and its plugins.
func own(n *lab.Node) ([]lab.Process, error) {
	all, err := n.Processes()
	if err != nil {
		return nil, err
	}
	var ours []lab.Process
	for _, p := range all {
		program, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.PID), "exe"))
		if err != nil {
			continue
		}
		if name := filepath.Base(program); name == "storewardd" || name == "storeward-plugins" {
			ours = append(ours, p)
		}
	}
	if len(ours) == 0 {
		return nil, fmt.Errorf("no process of the product runs on %s", n.ID())
	}
	return ours, nil
}

// memoryOf sums the proportional set size of the product's processes, in MiB.
func memoryOf(n *lab.Node) (mib float64, err error) {
	processes, err := own(n)
	if err != nil {
		return 0, err
	}
	for _, p := range processes {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "smaps_rollup"))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "Pss:" {
				kib, err := strconv.ParseFloat(fields[1], 64)
				if err != nil {
					return 0, err
				}
				mib += kib / 1024
			}
		}
	}
	return mib, nil
}

// cpuSeconds is what the scheduler counted for every thread of the product's
// processes, by plugin.
func cpuSeconds(n *lab.Node) (map[string]float64, error) {
	processes, err := own(n)
	if err != nil {
		return nil, err
	}
	seconds := map[string]float64{}
	for _, p := range processes {
		name := filepath.Base(p.Arguments[0])
		if name == "storeward-plugins" && len(p.Arguments) > 1 {
			name = p.Arguments[1]
		}
		spent, err := threadSeconds(p.PID)
		if err != nil {
			return nil, err
		}
		seconds[name] += spent
	}
	return seconds, nil
}

func threadSeconds(pid int) (float64, error) {
	stats, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "schedstat"))
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			nanoseconds, err := strconv.ParseFloat(fields[0], 64)
			if err != nil {
				return 0, err
			}
			total += nanoseconds / 1e9
		}
	}
	return total, nil
}
