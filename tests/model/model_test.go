// Package model holds the failover policy as a model for spin, and the test that
// searches it. It has no other code.
package model

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	smallEvents = 4
	bugEvents   = 3 // enough for every bug
)

var (
	events  = flag.Int("events", smallEvents, "how often the world interferes; each one more takes about eight times as long")
	rewrite = flag.Bool("rewrite", false, "write testdata/results.txt anew; read the difference before you commit it")
)

// TestModel searches everything, compares the verdicts, and keeps each counterexample as text in build/model.
func TestModel(t *testing.T) {
	version := spinVersion(t)
	trails := filepath.Join("..", "..", "build", "model")
	if err := os.MkdirAll(trails, 0o755); err != nil { //nolint:gosec // for people to read
		t.Fatal(err)
	}
	rows := slices.Concat(holds(), turns(), dropped(), open())
	results := make([]result, len(rows))
	verifier := builder(t.TempDir())
	t.Run("rows", func(t *testing.T) {
		for i, w := range rows {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				c, err := verifier(t.Context(), w.model+".pml", w.search)
				if err != nil {
					t.Fatal(err)
				}
				r, err := c.check(t.Context(), w.set)
				if err != nil {
					t.Fatal(err)
				}
				results[i] = r
				t.Log(w.line(&r))
				if r.violated != w.broken {
					t.Errorf("%q does not hold, want %q:\n%s", r.violated, w.broken, strings.Join(r.steps, "\n"))
				}
				if r.violated != "" {
					w.keep(t, trails, &r)
				}
			})
		}
	})
	if t.Failed() || slices.ContainsFunc(results, func(r result) bool { return r.states == 0 }) {
		return // -run chose some of the rows
	}
	table := table(version, rows, results)
	if *events == smallEvents {
		compare(t, version, table)
	}
	if err := os.WriteFile(filepath.Join(trails, "results.txt"), []byte(table), 0o644); err != nil { //nolint:gosec // for people to read
		t.Fatal(err)
	}
}

// builder makes each verifier when it is first asked for.
func builder(dir string) func(ctx context.Context, model string, how search) (*checker, error) {
	megabytes, bound := 2000, 5*time.Minute
	if *events > smallEvents {
		megabytes, bound = 16000, 4*time.Hour
	}
	var (
		lock sync.Mutex
		made = map[string]*checker{}
	)
	return func(ctx context.Context, model string, how search) (*checker, error) {
		lock.Lock()
		defer lock.Unlock()
		key := model + string(how)
		if made[key] == nil {
			c, err := build(ctx, dir, model, how, megabytes, bound)
			if err != nil {
				return nil, err
			}
			made[key] = c
		}
		return made[key], nil
	}
}

// table is what is kept of all results. It ends with the steps that no run of a
// policy that holds ever takes: those of bugs, and no rule.
func table(version string, rows []row, results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", version)
	idle := map[string][]string{}
	for i := range rows {
		w, r := &rows[i], &results[i]
		fmt.Fprintln(&b, w.line(r))
		if before, seen := idle[w.model]; w.broken == "" {
			idle[w.model] = slices.DeleteFunc(slices.Clone(r.idle), func(step string) bool { return seen && !slices.Contains(before, step) })
		}
	}
	for _, model := range slices.Sorted(maps.Keys(idle)) {
		if len(idle[model]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\nnever taken in %s:\n\t%s\n", model, strings.Join(idle[model], "\n\t"))
	}
	return b.String()
}

// line is the row of the table of results.
func (w *row) line(r *result) string {
	words := []string{}
	for _, s := range w.set {
		if s.value != w.name {
			words = append(words, s.name+"="+s.value)
		}
	}
	verdict := "holds"
	if r.violated != "" {
		verdict = fmt.Sprintf("BROKEN in %d steps: %s", len(r.steps), r.violated)
	}
	return strings.TrimRight(fmt.Sprintf("%-42s %-40s %9d states, depth %4d  %s", w.name, strings.Join(words, " "), r.states, r.depth, verdict), " ")
}

// keep writes a counterexample for people.
func (w *row) keep(t *testing.T, dir string, r *result) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: broken: %s\n", w.name, r.violated)
	if w.scenario != "" {
		fmt.Fprintf(&b, "The machine here: core/internal/failover/testdata/%s.txt\n", w.scenario)
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(r.steps, "\n"))
	name := strings.NewReplacer(", ", "-", " ", "-").Replace(w.name) + ".txt"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o644); err != nil { //nolint:gosec // for people to read
		t.Fatal(err)
	}
}

var countPattern = regexp.MustCompile(` +\d+ states, depth +\d+|in \d+ steps`)

// compare holds the table against the golden one. Verdicts must agree under
// every version of spin, counts under the one that made the file.
func compare(t *testing.T, version, got string) {
	t.Helper()
	file := filepath.Join("testdata", "results.txt")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	if made, _, _ := strings.Cut(want, "\n"); made != version {
		want = countPattern.ReplaceAllString(strings.TrimPrefix(want, made), "")
		got = countPattern.ReplaceAllString(strings.TrimPrefix(got, version), "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTable: every bug of the model has its row, and every scenario that a row names exists.
func TestTable(t *testing.T) {
	text, err := os.ReadFile("failover.pml")
	if err != nil {
		t.Fatal(err)
	}
	rows := slices.Concat(dropped(), open())
	bugs := regexp.MustCompile(`(?m)^#define (\w+) +\d+ +/\*`).FindAllStringSubmatch(string(text), -1)
	if len(bugs) < 28 {
		t.Errorf("only %d bugs found in the model", len(bugs))
	}
	for _, bug := range bugs {
		if name := bug[1]; !slices.Contains(switches(string(text)), name) && name != "MOST" && name != "FENCES" &&
			!slices.ContainsFunc(rows, func(w row) bool { return w.name == name }) {
			t.Errorf("%s: no row", name)
		}
	}
	for _, w := range rows {
		if w.scenario == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", "..", "core", "internal", "failover", "testdata", w.scenario+".txt")); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
	}
}
