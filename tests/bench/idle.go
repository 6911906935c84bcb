package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	site, err := harness.Start(ctx, harness.Options{
		Lab: lab.Options{Name: "bench"}, Programs: o.Programs, Root: o.Root,
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
	var figures []Figure
	nodes := map[string]*lab.Node{"active": active, "standby": site.Store.Peer(active)}
	before := map[string]float64{}
	for role, n := range nodes {
		before[role], err = cpuSeconds(n)
		if err != nil {
			return err
		}
	}
	started := time.Now()
	memory := map[string][]float64{}
	for time.Since(started) < o.For {
		for role, n := range nodes {
			pss, count, err := memoryOf(n)
			if err != nil {
				return err
			}
			if len(memory[role]) == 0 {
				fmt.Fprintf(o.Out, "%s node: %d processes\n", role, count)
			}
			memory[role] = append(memory[role], pss)
		}
		if err := pause(ctx, min(10*time.Second, o.For)); err != nil {
			return err
		}
	}
	for _, role := range []string{"active", "standby"} {
		after, err := cpuSeconds(nodes[role])
		if err != nil {
			return err
		}
		share := (after - before[role]) / time.Since(started).Seconds() * 100
		figures = append(figures, figure(role+" node: memory (PSS)", "MiB", memory[role]), figure(role+" node: processor", "% of a core", []float64{share}))
	}
	return publish(o.Out, o.Root, "idle", figures)
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
func memoryOf(n *lab.Node) (mib float64, count int, err error) {
	processes, err := own(n)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range processes {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "smaps_rollup"))
		if err != nil {
			return 0, 0, err
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "Pss:" {
				kib, err := strconv.ParseFloat(fields[1], 64)
				if err != nil {
					return 0, 0, err
				}
				mib += kib / 1024
			}
		}
	}
	return mib, len(processes), nil
}

// cpuSeconds sums what the scheduler counted for every thread of the product's processes.
func cpuSeconds(n *lab.Node) (float64, error) {
	processes, err := own(n)
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, p := range processes {
		stats, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p.PID), "task", "*", "schedstat"))
		if err != nil {
			return 0, err
		}
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
	}
	return total, nil
}
