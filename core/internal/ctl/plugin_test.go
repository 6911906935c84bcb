package ctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/conform"
)

type testSection struct {
	Port int `yaml:"port"`
}

// testPlugins are one that cannot be opened, and one that is as it should be.
var testPlugins = []sdk.Plugin{
	{
		Name: "cable", Version: "1", Summary: "A cable.", DefaultConfig: func() any { return &testSection{} },
		New: func(context.Context, sdk.Env, any) (sdk.Instance, error) { return nil, errors.New("there is no cable") },
	},
	{
		Name: "file", Version: "2", Summary: "Looks at a file.", DefaultConfig: func() any { return &testSection{} },
		New: func(context.Context, sdk.Env, any) (sdk.Instance, error) { return testProber{}, nil },
	},
}

type testProber struct{}

func (testProber) Probe(context.Context) (sdk.Result, error) {
	return sdk.Result{Status: sdk.OK, Message: "it is there"}, nil
}
func (testProber) Close() error { return nil }

// thirdParty is this test's own program as a third party's executable, in a folder below
// none that others may write to.
func thirdParty(t *testing.T) host.Allowed {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err == nil {
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, "storeward-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "plugins")
	if err := os.WriteFile(path, program, 0o700); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	return examined(t, path)
}

func examined(t *testing.T, path string) host.Allowed {
	t.Helper()
	a, err := host.Allow(t.Context(), "file", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// TestPluginCheck: the examinations one by one, and the allow file of a plugin that passes.
func TestPluginCheck(t *testing.T) {
	program := thirdParty(t)
	section := filepath.Join(t.TempDir(), "with.yaml")
	if err := os.WriteFile(section, []byte("port: 694\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{"plugin-good", []string{"--name", "file"}, 0},
		{"plugin-opened", []string{"--name", "file", "--with", section}, 0},
		{"plugin-json", []string{"--name", "file", "-o", "json"}, 0},
		{"plugin-wrong", []string{"--name", "cable", "--with", section}, 1},
		{"plugin-other-name", []string{"--name", "fil"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, printed := run(t, nil, append([]string{"plugin", "check", program.Path}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			printed = strings.NewReplacer(program.Path, "BINARY", program.SHA256, "HASH", section, "SECTION").Replace(printed)
			golden(t, c.name, printed)
		})
	}
	if code, printed := run(t, nil, "plugin", "check", "/bin/true"); code != 1 || !strings.Contains(printed, "WRONG   says who it is") {
		t.Errorf("a program that is no plugin: exit code %d: %s", code, printed)
	}
}

// TestAllowFileNamesASafePlace for an executable that others may write to, with a command
// that a shell takes as it is meant and the hash of what was examined.
func TestAllowFileNamesASafePlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's $(touch x); #1")
	path := filepath.Join(dir, "tool")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(path, []byte("\x7fELF"), 0o700)); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	a := examined(t, path)
	if err := os.WriteFile(path+".new", []byte("another"), 0o700); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	r := pluginReport{Name: "file"}
	if err := r.allow(a, "/etc/storeward/storeward.yaml"); err != nil {
		t.Fatal(err)
	}
	want := "plugin: file\npath: " + host.ForeignDir + "/file\nsha256: " + a.SHA256 + "\n"
	if r.Allow != want || r.AllowFile != "/etc/storeward/allow.d/file.yaml" {
		t.Errorf("report %+v", r)
	}
	words, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+r.Install).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "install\n-D\n-o\nroot\n-g\nroot\n-m\n755\n" + path + "\n" + host.ForeignDir + "/file\n"; string(words) != want {
		t.Errorf("a shell reads %q, want %q", words, want)
	}
}

// TestEachExaminationHasItsOwnTime: six slow questions, alone and at once, are not wrong
// for what they take together; one that is not answered in time is, and no other.
func TestEachExaminationHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answering := func(after time.Duration) func(context.Context) error {
			return func(ctx context.Context) error {
				select {
				case <-time.After(after):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		var calls []conform.Call
		for _, name := range []string{"probe", "monitor", "describe", "power status", "parameters", "evidence"} {
			calls = append(calls, conform.Call{Name: name, Ask: answering(examineBound - time.Second)})
		}
		calls[2].Ask = answering(time.Hour)
		e := examiner{about: &pluginReport{}}
		e.ask(t.Context(), calls)
		var wrong []string
		for _, f := range e.about.Findings {
			if f.Wrong != "" {
				wrong = append(wrong, f.What)
			}
		}
		if want := []string{"describe", "describe, 16 at once"}; len(e.about.Findings) != 12 || !slices.Equal(wrong, want) {
			t.Errorf("wrong of %d: %q, want %q", len(e.about.Findings), wrong, want)
		}
	})
}

// TestConfigCheckOfAThirdPartysPlugin: unknown without an allow file, good with one,
// refused in one sentence when it is another executable.
func TestConfigCheckOfAThirdPartysPlugin(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "storeward.yaml")
	text := smallStore + "probes:\n  - {name: marker, plugin: file, every: 1m, with: {port: 1}}\n"
	program := thirdParty(t)
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("storeward.yaml", text)
	check := func(want int, words string) {
		t.Helper()
		code, printed := run(t, nil, "--config", path, "config", "check", "--plugins", os.Args[0])
		if code != want || !strings.Contains(printed, words) {
			t.Errorf("exit code %d, want %d and %q in\n%s", code, want, words, printed)
		}
	}
	check(1, `probes[0].plugin: there is no plugin "file": known here: cable; a third party's needs an allow file on this node, which storewardctl plugin check prints`)
	allow := func() {
		t.Helper()
		text, err := program.Text()
		if err != nil {
			t.Fatal(err)
		}
		write("allow.d/file.yaml", text)
	}
	allow()
	check(0, "storeward.yaml is good.")
	write("allow.d/cable.yaml", "plugin: cable\n")
	check(0, "warning: "+dir+"/allow.d/cable.yaml is ignored: cable is a plugin of Storeward's own")
	write("allow.d/file.yml", "plugin: file\n")
	check(0, "warning: "+dir+"/allow.d/file.yml is ignored: an allow file is called PLUGIN.yaml")
	write("storeward.yaml", strings.Replace(text, "port: 1}", "prt: 1}", 1))
	check(1, "probes[0].with.prt: unknown key")
	program.Path = "/bin/true"
	allow()
	check(1, "probes[0].plugin: plugin file is refused: /bin/true is not the executable that was allowed: its SHA-256 is ")
}

// TestConfigCheckAsksThePlugins about their own sections; without their executable the
// rest is checked, and it is said what was not.
func TestConfigCheckAsksThePlugins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.yaml")
	text := strings.Replace(smallStore, "{name: lan, plugin: cable, with: {port:", "{name: lan, plugin: cable, with: {prt:", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed := run(t, nil, "config", "check", path, "--plugins", os.Args[0])
	if code != 1 || !strings.Contains(printed, `store.yaml:8:39: links[1].with.prt: unknown key: did you mean "port"?`) {
		t.Errorf("exit code %d: %s", code, printed)
	}
	for _, strict := range []bool{false, true} {
		code, printed = run(t, nil, "config", "check", path, "--plugins", "/no/such/program", fmt.Sprintf("--strict=%v", strict))
		if want := map[bool]int{true: 1}[strict]; code != want || !strings.Contains(printed, "not checked: the sections (with) of the plugins cable: find the plugins' executable: stat /no/such/program") ||
			!strings.Contains(printed, "is good as far as it was checked, and it was NOT checked in full.") {
			t.Errorf("strict %v: exit code %d: %s", strict, code, printed)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "prt:", "port:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, printed = run(t, nil, "config", "check", path, "--plugins", os.Args[0]); code != 0 || !strings.HasSuffix(printed, "store.yaml is good.\n") {
		t.Errorf("exit code %d: %s", code, printed)
	}
}

// TestPluginsAreFoundBesideTheTool, where no package installed them.
func TestPluginsAreFoundBesideTheTool(t *testing.T) {
	dir := t.TempDir()
	tool, installed := filepath.Join(dir, "storewardctl"), filepath.Join(dir, "libexec", "storeward-plugins")
	if got := pluginsProgram(tool, installed); got != installed {
		t.Errorf("with none anywhere: %s", got)
	}
	beside := filepath.Join(dir, "storeward-plugins")
	if err := os.WriteFile(beside, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := pluginsProgram(tool, installed); got != beside {
		t.Errorf("found %s", got)
	}
}
