// Package bench measures the product in the lab, and its peers beside it: how
// long a failover takes, whether anything is taken over that nobody asked for,
// how late beats are on a busy machine, what a node's processes cost, how fast
// the simulation is. A benchmark prints a table, writes build/bench/NAME.json,
// and never passes or fails by its figures: they depend on the machine.
package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options says where the programs are and how much to measure.
type Options struct {
	Programs, Root string
	Out            io.Writer
	Trials         int
	For            time.Duration // how long calm, beats and idle watch
	Rows           []string      // which rows; none: all
	Lab            string        // the lab's name; two at once need two
	Write          bool          // put the tables and the plot into tests/bench
}

// Figure is one measured quantity.
type Figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	N      int     `json:"n"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
}

// figure sums up samples.
func figure(name, unit string, samples []float64) Figure {
	f := Figure{Name: name, Unit: unit, N: len(samples)}
	if f.N == 0 {
		return f
	}
	sorted := slices.Sorted(slices.Values(samples))
	f.Min, f.Max = sorted[0], sorted[f.N-1]
	f.Median = (sorted[(f.N-1)/2] + sorted[f.N/2]) / 2
	f.P95 = quantile(sorted, 0.95)
	return f
}

// quantile is the least sample that a share q of all do not exceed (nearest rank).
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// outcome is what a benchmark found: figures for programs, tables for people.
type outcome struct {
	name    string
	began   string // the machine's load then
	figures []Figure
	tables  []table
	plot    string // an SVG, if any
}

func newOutcome(name string) *outcome { return &outcome{name: name, began: load()} }

// publish prints the tables and writes the files.
func (r *outcome) publish(o Options) error {
	machine := machineLine(r.began)
	fmt.Fprintln(o.Out, "\n"+machine)
	for _, t := range r.tables {
		fmt.Fprintln(o.Out)
		if err := t.text(o.Out); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(r.figures, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Join(o.Root, "build", "bench")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, r.name+".json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if o.Write {
		return r.write(filepath.Join(o.Root, "tests", "bench"), machine)
	}
	return nil
}
