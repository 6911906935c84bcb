package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// simRuns is how often the simulation's own benchmark is run.
const simRuns = 5

// Sim runs the simulation's own benchmark on one core: seeds of 60 simulated
// seconds, two nodes and their faults each, and the events in them.
func Sim(ctx context.Context, o Options) error {
	result := newOutcome("sim")
	command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkSeed$", "-cpu", "1", "-count", fmt.Sprint(simRuns), "./core/internal/sim")
	command.Dir = o.Root
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run the simulation's benchmark: %w: %s", err, out)
	}
	seeds, events := simSpeeds(out)
	if len(seeds) == 0 {
		return fmt.Errorf("run the simulation's benchmark: no result in %q", out)
	}
	t := table{title: "Speed of the simulation on one core", head: slices.Concat([]string{"of", "unit"}, summaryHead)}
	for _, f := range []Figure{figure("simulated events", "1/s", events), figure("seeds of 60 s", "1/s", seeds)} {
		result.figures = append(result.figures, f)
		t.add(slices.Concat([]string{f.Name, f.Unit}, f.summary())...)
	}
	result.tables = append(result.tables, t)
	return result.publish(o)
}

// simSpeeds reads the lines of go test -bench.
func simSpeeds(out []byte) (seeds, events []float64) {
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "BenchmarkSeed") {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			switch fields[i+1] {
			case "ns/op":
				seeds = append(seeds, 1e9/value)
			case "events/s":
				events = append(events, value)
			}
		}
	}
	return seeds, events
}
