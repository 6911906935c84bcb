package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// foreign is an executable of a third party: this test's own program in another place.
func foreign(t *testing.T) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "toy")
	if err := os.WriteFile(path, text, 0o755); err != nil { //nolint:gosec // it is to be executed
		t.Fatal(err)
	}
	return path
}

// allowing writes an allow file and returns what a node reads.
func allowing(t *testing.T, plugin, text string) []Allowed {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, plugin+".yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadAllowed(dir, []string{"ups"})
}

func TestAllowFileOfACheckLetsThePluginRun(t *testing.T) {
	a, err := Allow("toy", foreign(t))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(o *Options) {
		o.Allowed, o.Command = allowing(t, "toy", a.Text()), func(string) (string, []string) { return "", nil }
	})
	in := r.open("toy", "one")
	if r.wait(Started).PID != r.pid(in) {
		t.Error("the event is of another process")
	}
	if _, err := r.host.Describe(r.context(), "other"); !errors.Is(err, ErrUnknownPlugin) {
		t.Errorf("a plugin that nobody allowed: %v", err)
	}
}

// TestChangedPluginIsRefused until it is the allowed one again; a process that runs, and
// its restart, go on with the executable that was looked at.
func TestChangedPluginIsRefused(t *testing.T) {
	path := foreign(t)
	a, err := Allow("toy", path)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path) //nolint:gosec // just made
	if err != nil {
		t.Fatal(err)
	}
	put := func(text []byte) { // as a package manager does
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", text, 0o755), os.Rename(path+".new", path)); err != nil { //nolint:gosec // an executable
			t.Fatal(err)
		}
	}
	r := newRig(t, func(o *Options) { o.Allowed = []Allowed{a} })
	in := r.open("toy", "one")
	r.wait(Started)
	put(append(good, "changed"...))
	if err := syscall.Kill(r.pid(in), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.wait(Restarted)

	r = newRig(t, func(o *Options) { o.Allowed = []Allowed{a} })
	if _, err := r.host.Check(r.context(), "toy", nil); !errors.Is(err, ErrRefused) ||
		!strings.HasPrefix(err.Error(), "plugin toy is refused: "+path+" is not the executable that was allowed: its SHA-256 is ") {
		t.Errorf("a changed executable: %v", err)
	}
	in, err = r.host.Open(r.context(), "toy", "one", nil, Env{})
	if in == nil || !errors.Is(err, ErrRefused) {
		t.Fatalf("open: %v, %v", in, err)
	}
	r.wait(Refused)
	put(good)
	r.wait(Restarted)
	if _, err := in.Probe(r.context()); err != nil {
		t.Errorf("probe of a plugin that is the allowed one again: %v", err)
	}
}

// TestExecutableThatIsWrittenToIsRefused: the same file, other bytes.
func TestExecutableThatIsWrittenToIsRefused(t *testing.T) {
	path := foreign(t)
	a, err := Allow("toy", path)
	if err != nil {
		t.Fatal(err)
	}
	p := program{path: path, allowed: &a}
	defer p.release()
	if err := p.admit(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another program"), 0o755); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	if err := p.admit(); !errors.Is(err, ErrRefused) || p.file != nil {
		t.Errorf("admitted: %v", err)
	}
}

func TestFaultyAllowFiles(t *testing.T) {
	path := foreign(t)
	a, err := Allow("toy", path)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	if _, err := Allow("toy", script); err == nil || !strings.Contains(err.Error(), "is a script") {
		t.Errorf("a script: %v", err)
	}
	with := func(change ...string) string { return strings.NewReplacer(change...).Replace(a.Text()) }
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":           {"plugin: [", "want plugin, path and sha256"},
		"an unknown key":    {a.Text() + "user: root\n", "want plugin, path and sha256"},
		"a relative path":   {with(path, "bin/toy"), "want an absolute path"},
		"a short hash":      {with(a.SHA256, a.SHA256[:10]), "want 64 hexadecimal digits"},
		"another name":      {with("plugin: toy", "plugin: boy"), `allows plugin "boy": name the file boy.yaml`},
		"nothing there":     {with(path, "/no/such/program"), "no such file"},
		"a script":          {with(path, script), "is a script"},
		"another's program": {with(path, "/bin/true"), "is not the executable that was allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := allowing(t, "toy", c.text)
			if len(allowed) != 1 {
				t.Fatalf("allowed %v", allowed)
			}
			err := allowed[0].Fault()
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "plugin toy is refused: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("fault %v, want %q in it", err, c.want)
			}
		})
	}
	if own := allowing(t, "ups", with("plugin: toy", "plugin: ups")); len(own) != 0 {
		t.Errorf("Storeward's own plugin was replaced: %v", own)
	}
	if none := ReadAllowed("/no/such/folder", nil); len(none) != 0 {
		t.Errorf("allowed %v", none)
	}
}

// TestWhatOthersMayWriteToAllowsNothing: the executable, the allow file, their folder.
func TestWhatOthersMayWriteToAllowsNothing(t *testing.T) {
	for _, open := range []string{"executable", "allow file", "folder"} {
		path, dir := foreign(t), t.TempDir()
		a, err := Allow("toy", path)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "toy.yaml")
		if err := os.WriteFile(file, []byte(a.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ReadAllowed(dir, nil)[0].Fault(); err != nil {
			t.Fatal(err)
		}
		target := map[string]string{"executable": path, "allow file": file, "folder": dir}[open]
		if err := os.Chmod(target, 0o777); err != nil { //nolint:gosec // to be refused
			t.Fatal(err)
		}
		if err := ReadAllowed(dir, nil)[0].Fault(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), target+" must belong to root and be writable by root alone") {
			t.Errorf("the %s is open to others: %v", open, err)
		}
	}
}
