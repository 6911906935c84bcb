package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// setting gives a switch of a model its value: a number, or the name of a bug.
type setting struct{ name, value string }

// search is how a model is searched.
type search string

const (
	every    search = "-DSAFETY"            // everything reachable
	shortest search = "-DSAFETY -DBFS"      // breadth first: the counterexample is as short as can be
	cycles   search = "-DNP"                // runs that never end
	packed   search = "-DSAFETY -DCOLLAPSE" // everything reachable, in less memory, more slowly
)

// result is what spin found.
type result struct {
	states, depth int
	// violated names the property that does not hold, and steps is the way there;
	// both are empty if everything holds.
	violated string
	steps    []string
	idle     []string // what the model would print where no run came to
}

// checker is a model's verifier, compiled once. Its switches are read from the
// environment, so that all bugs share one program.
type checker struct {
	model, dir string
	search     search
	bound      time.Duration
}

// spinVersion is part of every count: another version may count otherwise.
func spinVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "spin", "-V").Output()
	if err != nil {
		t.Fatalf("run spin: %v (make packages-model installs it)", err)
	}
	return strings.TrimSpace(string(out))
}

// build makes a model's verifier below dir, with memory for megabytes of states.
func build(ctx context.Context, dir, model string, how search, megabytes int, bound time.Duration) (*checker, error) {
	text, err := os.ReadFile(model)
	if err != nil {
		return nil, err
	}
	if dir, err = os.MkdirTemp(dir, "verifier"); err != nil {
		return nil, err
	}
	names := switches(string(text))
	for name, content := range map[string]string{model: string(text), "switches.h": header(names)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	generate := []string{"-a"}
	for _, name := range names {
		generate = append(generate, "-D"+name+"=c_expr{chosen_"+name+"}")
	}
	translate := append(strings.Fields(string(how)), "-O1", "-w", "-include", "switches.h", "-DNOFAIR", "-DMEMLIM="+strconv.Itoa(megabytes), "-o", "pan", "pan.c")
	if err := run(ctx, dir, "spin", append(generate, model)...); err != nil {
		return nil, err
	}
	if err := run(ctx, dir, "gcc", translate...); err != nil {
		return nil, err
	}
	return &checker{model: model, dir: dir, search: how, bound: bound}, nil
}

func run(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

var switchPattern = regexp.MustCompile(`(?m)^#ifndef (\w+)$`)

// switches are the names that a model lets its caller define.
func switches(text string) (names []string) {
	for _, m := range switchPattern.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// header reads the switches from the environment before the search begins.
func header(names []string) string {
	var b strings.Builder
	b.WriteString("#include <stdlib.h>\n")
	for _, name := range names {
		fmt.Fprintf(&b, "static int chosen_%s;\n", name)
	}
	b.WriteString("__attribute__((constructor)) static void choose(void)\n{\n")
	for _, name := range names {
		fmt.Fprintf(&b, "\tchosen_%s = atoi(getenv(\"%s\"));\n", name, name)
	}
	b.WriteString("}\n")
	return b.String()
}

// values completes settings by the model's defaults, as numbers.
func values(text string, set []setting) (environment []string) {
	define := func(name string) string {
		m := regexp.MustCompile(`(?m)^#define ` + name + ` +(\S+)`).FindStringSubmatch(text)
		if m == nil {
			return name
		}
		return m[1]
	}
	for _, name := range switches(text) {
		value := define(name)
		if i := slices.IndexFunc(set, func(s setting) bool { return s.name == name }); i >= 0 {
			value = set[i].value
		}
		environment = append(environment, name+"="+define(value))
	}
	return environment
}

var (
	countsPattern  = regexp.MustCompile(`depth reached (\d+), errors: (\d+)\s+(\S+) states, stored`)
	cutShort       = regexp.MustCompile(`(?i)out of memory|max search depth too small|search not completed`)
	linePattern    = regexp.MustCompile(`spin: \w+\.pml:(\d+), Error: assertion violated`)
	commentPattern = regexp.MustCompile(`/\* (.*?) \*/\s*$`)
	idlePattern    = regexp.MustCompile(`\w+\.pml:(\d+), state \d+, "printf`)
	printPattern   = regexp.MustCompile(`printf\("(.*?)\\n"`)
)

// check searches the model with these settings.
func (c *checker) check(ctx context.Context, set []setting) (result, error) {
	text, err := os.ReadFile(c.model)
	if err != nil {
		return result{}, err
	}
	work, err := os.MkdirTemp(c.dir, "run") // spin and its programs leave files where they run
	if err != nil {
		return result{}, err
	}
	if err := os.WriteFile(filepath.Join(work, c.model), text, 0o600); err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.bound)
	defer cancel()
	args := []string{}
	if c.search == cycles {
		args = []string{"-l"}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, "pan"), args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), values(string(text), set)...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return result{}, fmt.Errorf("search %s: not done within %s", c.model, c.bound)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return result{}, fmt.Errorf("search %s: %w", c.model, err)
	}
	m := countsPattern.FindStringSubmatch(string(out))
	if m == nil || m[2] == "0" && cutShort.Match(out) {
		return result{}, fmt.Errorf("search %s: not complete:\n%s", c.model, out)
	}
	var r result
	r.depth, _ = strconv.Atoi(m[1])
	states, _ := strconv.ParseFloat(m[3], 64)
	r.states = int(states)
	lines := strings.Split(string(text), "\n")
	if m[2] == "0" {
		for _, m := range idlePattern.FindAllStringSubmatch(string(out), -1) {
			n, _ := strconv.Atoi(m[1])
			r.idle = append(r.idle, printPattern.FindStringSubmatch(lines[n-1])[1])
		}
		return r, nil
	}
	return r, c.follow(ctx, work, set, lines, &r)
}

// follow replays a counterexample: the steps as the model prints them, and the property that they break.
func (c *checker) follow(ctx context.Context, work string, set []setting, lines []string, r *result) error {
	trails, _ := filepath.Glob(filepath.Join(work, "*.trail"))
	if len(trails) != 1 {
		return fmt.Errorf("replay %s: %d trails", c.model, len(trails))
	}
	args := []string{"-t", "-T", "-k", trails[0]}
	for _, s := range set {
		args = append(args, "-D"+s.name+"="+s.value)
	}
	cmd := exec.CommandContext(ctx, "spin", append(args, c.model)...)
	cmd.Dir = work
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("replay %s: %w", c.model, err)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if m := linePattern.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			if p := commentPattern.FindStringSubmatch(lines[n-1]); p != nil {
				r.violated = p[1]
				return nil
			}
			return fmt.Errorf("replay %s: line %d names no property", c.model, n)
		}
		switch {
		case line == "", strings.HasPrefix(line, "spin: warning"), strings.HasPrefix(line, "spin: couldn't find claim"):
			continue
		case strings.HasPrefix(line, "spin: trail ends") && c.search == cycles:
			r.violated = endless
			return nil
		case strings.HasPrefix(line, "spin:"):
			return fmt.Errorf("replay %s: the trail breaks no property:\n%s", c.model, out)
		}
		r.steps = append(r.steps, line)
	}
	return fmt.Errorf("replay %s: the trail breaks no property:\n%s", c.model, out)
}
