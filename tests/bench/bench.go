// Package bench measures the product in the lab: how long a failover takes, what
// a node's processes cost, whether anything is taken over that nobody asked for.
// A benchmark prints a table, writes build/bench/NAME.json, and never passes or
// fails by its figures: they depend on the machine.
package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// Figure is one measured quantity.
type Figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	N      int     `json:"n"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// figure sums up samples.
func figure(name, unit string, samples []float64) Figure {
	f := Figure{Name: name, Unit: unit, N: len(samples)}
	if f.N == 0 {
		return f
	}
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	f.Min, f.Max = sorted[0], sorted[f.N-1]
	f.Median = sorted[f.N/2]
	if f.N%2 == 0 {
		f.Median = (sorted[f.N/2-1] + sorted[f.N/2]) / 2
	}
	return f
}

// publish prints the table and writes the file.
func publish(out io.Writer, root, name string, figures []Figure) error {
	fmt.Fprintln(out, "\n"+machineLine())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "figure\tunit\tn\tmin\tmedian\tmax\t")
	for _, f := range figures {
		fmt.Fprintf(table, "%s\t%s\t%d\t%.4g\t%.4g\t%.4g\t\n", f.Name, f.Unit, f.N, f.Min, f.Median, f.Max)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "build", "bench")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o644)
}

// machineLine says what the figures were measured on, and how busy it was.
func machineLine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("machine: %d x %s, Linux %s, %s, load %s", runtime.NumCPU(), model,
		strings.TrimSpace(string(kernel)), runtime.Version(), strings.Join(firstFields(string(load), 3), " "))
}

func firstFields(text string, n int) []string {
	fields := strings.Fields(text)
	return fields[:min(n, len(fields))]
}

// byName sorts figures of phases in the order of a failover.
func byPhase(a, b Figure) int {
	order := []string{"detect", "analyse", "fence", "address", "storage", "start", "verify", "announce"}
	place := func(f Figure) int {
		words := strings.Fields(f.Name)
		return slices.Index(order, words[len(words)-1])
	}
	return cmp.Compare(place(a), place(b))
}
