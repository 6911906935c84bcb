package ctl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/storeward/storeward/core/internal/host"
)

// TestPluginCheck: the examinations one by one, and the allow file of a plugin that passes.
func TestPluginCheck(t *testing.T) {
	program, err := host.Allow("file", os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
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

// TestAllowFileNamesASafePlace for an executable that others may write to.
func TestAllowFileNamesASafePlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path, []byte("\x7fELF"), 0o777); err != nil { //nolint:gosec // open to others
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // open to others
		t.Fatal(err)
	}
	r := pluginReport{Name: "file", Binary: path}
	if err := r.allow("/etc/storeward/storeward.yaml"); err != nil {
		t.Fatal(err)
	}
	want := "install -D -o root -g root -m 755 " + path + " " + host.ForeignDir + "/file"
	if r.Install != want || !strings.Contains(r.Allow, "\npath: "+host.ForeignDir+"/file\n") || r.AllowFile != "/etc/storeward/allow.d/file.yaml" {
		t.Errorf("report %+v", r)
	}
}

// TestConfigCheckOfAThirdPartysPlugin: unknown without an allow file, good with one,
// refused in one sentence when it is another executable.
func TestConfigCheckOfAThirdPartysPlugin(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "storeward.yaml")
	text := smallStore + "probes:\n  - {name: marker, plugin: file, every: 1m, with: {port: 1}}\n"
	program, err := host.Allow("file", os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
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
	write("allow.d/file.yaml", program.Text())
	check(0, "storeward.yaml is good.")
	write("storeward.yaml", strings.Replace(text, "port: 1}", "prt: 1}", 1))
	check(1, "probes[0].with.prt: unknown key")
	program.Path = "/bin/true"
	write("allow.d/file.yaml", program.Text())
	check(1, "probes[0].plugin: plugin file is refused: /bin/true is not the executable that was allowed: its SHA-256 is ")
}
