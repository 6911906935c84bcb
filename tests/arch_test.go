// Package tests holds what concerns the whole tree. The files here judge its
// shape (who may import whom, what stays pure, what may lie where) and the examples
// that users paste from.
package tests

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/storeward/storeward"

type goPackage struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Deps       []string
}

// packages lists every package of the module with its direct imports and all it depends on.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-json=ImportPath,Imports,GoFiles,Deps", "./...")
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	var all []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module+"/")
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages listed: the test looks at the wrong place", len(all))
	}
	return all
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// importRules says what a part of the tree may import of the module's own
// packages. Core owns the language; plugins and console learn it; core knows
// neither, and they never meet; mibs is a leaf.
var importRules = []struct {
	part, why string
	may       []string
}{
	{"core/sdk", "a plugin's author imports it: it must not drag the core along", []string{"core/sdk"}},
	{"core/api", "the language stands alone", []string{"core/api"}},
	{"core", "core owns the language and knows neither plugins nor console", []string{"core", "mibs"}},
	{"plugins", "plugins learn the language from the SDK and never meet the console or the core's inside", []string{"core/sdk", "plugins"}},
	{"console", "the console learns the language and never meets plugins or the core's inside", []string{"core/api", "core/config", "console", "mibs"}},
	{"mibs", "mibs is a leaf", []string{"mibs"}},
	{"contrib", "examples use what an ISV may use", []string{"core/sdk", "core/api", "contrib"}},
}

func TestImportRule(t *testing.T) {
	for _, p := range packages(t) {
		rule := slices.IndexFunc(importRules, func(r struct {
			part, why string
			may       []string
		},
		) bool {
			return within(p.ImportPath, r.part)
		})
		if rule < 0 {
			continue
		}
		r := importRules[rule]
		for _, imp := range p.Imports {
			own, ok := strings.CutPrefix(imp, module+"/")
			if ok && !slices.ContainsFunc(r.may, func(m string) bool { return within(own, m) }) {
				t.Errorf("%s imports %s: %s", p.ImportPath, own, r.why)
			}
		}
	}
}

// TestPluginsNeverMeet: one plugin's folder never imports another's; what two
// need lies below plugins/internal.
func TestPluginsNeverMeet(t *testing.T) {
	for _, p := range packages(t) {
		name, ok := strings.CutPrefix(p.ImportPath, "plugins/")
		if !ok || within(p.ImportPath, "plugins/cmd") {
			continue
		}
		name, _, _ = strings.Cut(name, "/")
		for _, imp := range p.Imports {
			other, ok := strings.CutPrefix(imp, module+"/plugins/")
			if ok && !within(other, name) && !within(other, "internal") {
				t.Errorf("%s imports plugins/%s: plugins never meet", p.ImportPath, other)
			}
		}
	}
}

// pure packages decide; they must give the same answer to the same input for
// ever, so nothing that reads a clock, a file, a socket or chance may reach them.
var pure = map[string][]string{
	"core/internal/failover": {"core/internal/beat", "core/sdk/spoken"},
	"core/internal/schedule": nil,
	"core/internal/beat":     nil,
	"core/internal/timing":   {"core/internal/beat", "core/sdk/spoken"},
	"core/sdk/spoken":        nil,
	"core/internal/findings": {"core/api", "core/internal/beat", "core/internal/failover"},
}

var impureImports = []string{"os", "net", "time.Now", "math/rand", "math/rand/v2", "crypto/rand", "os/exec", "syscall", "io/ioutil", "log", "golang.org/x/sys/unix"}

func TestPurity(t *testing.T) {
	for _, p := range packages(t) {
		allowed, isPure := pure[p.ImportPath]
		if !isPure {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(impureImports, imp) {
				t.Errorf("%s imports %s: it must stay free of clocks, chance and the world", p.ImportPath, imp)
			}
			if own, ok := strings.CutPrefix(imp, module+"/"); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s: a pure package leans on pure packages only", p.ImportPath, own)
			}
		}
		for _, f := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join("..", p.ImportPath, f))
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{"time.Now(", "time.Since(", "time.After(", "time.NewTimer(", "time.Sleep(", "go func("} {
				if strings.Contains(string(text), word) {
					t.Errorf("%s/%s holds %q: pure packages have no clock and no goroutine", p.ImportPath, f, word)
				}
			}
		}
	}
}

// TestMainsAreShort: what a program does lives in packages that tests can reach.
func TestMainsAreShort(t *testing.T) {
	mains, err := filepath.Glob("../*/cmd/*/main.go")
	if err != nil || len(mains) < 3 {
		t.Fatalf("found %d mains, error %v", len(mains), err)
	}
	for _, m := range mains {
		text, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n >= 60 {
			t.Errorf("%s has %d lines: a main under 60 lines parses flags and calls an app", m, n)
		}
	}
}

var rootMay = []string{
	"core", "plugins", "mibs", "console", "tests", "packaging", "contrib", "build",
	"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md",
}

func TestRoot(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(rootMay, e.Name()) {
			t.Errorf("%s lies in the root: only %s may", e.Name(), strings.Join(rootMay, ", "))
		}
	}
}

func TestReadmePerFolder(t *testing.T) {
	for _, dir := range []string{"core", "plugins", "mibs", "console", "tests", "packaging", "contrib"} {
		if _, err := os.Stat(filepath.Join("..", dir, "README.md")); err != nil {
			t.Errorf("%s has no README.md: what it is, map, rule, how to test", dir)
		}
	}
	plugins, err := filepath.Glob("../plugins/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plugins {
		dir := filepath.Dir(f)
		if base := filepath.Base(dir); base == "cmd" || base == "internal" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
			t.Errorf("%s has no README.md", strings.TrimPrefix(dir, "../"))
		}
	}
}
