package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
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
	path := filepath.Join(rootsDir(t), "toy")
	if err := os.WriteFile(path, text, 0o755); err != nil { //nolint:gosec // it is to be executed
		t.Fatal(err)
	}
	return path
}

// rootsDir is a folder below none that others may write to, as the one for temporary files is.
func rootsDir(t *testing.T) string {
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
	return dir
}

// examined is what Allow says of an executable.
func examined(t *testing.T, path string) Allowed {
	t.Helper()
	a, err := Allow(t.Context(), "toy", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// allowed is the same as an allow file says it.
func allowed(t *testing.T, path string) Allowed {
	t.Helper()
	a := examined(t, path)
	a.examined = nil
	return a
}

// fault is why the daemon would not run the plugin.
func fault(t *testing.T, a Allowed) error {
	t.Helper()
	f, err := a.open(t.Context())
	if err == nil {
		_ = f.Close()
	}
	return err
}

func text(t *testing.T, a Allowed) string {
	t.Helper()
	text, err := a.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// allowing writes an allow file and returns what a node reads.
func allowing(t *testing.T, plugin, text string) []Allowed {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, plugin+".yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read, _ := ReadAllowed(dir, []string{"ups"})
	return read
}

func TestAllowFileOfACheckLetsThePluginRun(t *testing.T) {
	a := allowed(t, foreign(t))
	r := newRig(t, func(o *Options) {
		o.Allowed, o.Command = allowing(t, "toy", text(t, a)), func(string) (string, []string) { return "", nil }
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
	a := allowed(t, path)
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

// TestRunningPluginOutlivesItsPath: a restart is of the executable that is held open, also
// when nothing lies at its path any more, or its folder is not root's alone by then.
func TestRunningPluginOutlivesItsPath(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"the file is gone":   os.Remove,
		"its folder is gone": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"others may write to its folder": func(path string) error {
			return os.Chmod(filepath.Dir(path), 0o777) //nolint:gosec // that is the point
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := foreign(t)
			a := allowed(t, path)
			r := newRig(t, func(o *Options) { o.Allowed = []Allowed{a} })
			in := r.open("toy", "one")
			r.wait(Started)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(r.pid(in), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if e := r.next(); e.Kind != Died {
				t.Fatalf("event %s: %v", e.Kind, e.Err)
			}
			if e := r.next(); e.Kind != Restarted {
				t.Fatalf("event %s: %v", e.Kind, e.Err)
			}
			r.pid(in)
		})
	}
}

// admitted is a third party's executable that is held open.
func admitted(t *testing.T) *program {
	t.Helper()
	path := foreign(t)
	a := allowed(t, path)
	p := &program{path: path, allowed: &a}
	t.Cleanup(p.release)
	if err := p.admit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestExecutableThatIsWrittenToIsRefused: the same file, other bytes.
func TestExecutableThatIsWrittenToIsRefused(t *testing.T) {
	p := admitted(t)
	if err := os.WriteFile(p.path, []byte("another program"), 0o755); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	if err := p.admit(t.Context()); !errors.Is(err, ErrRefused) || p.file != nil {
		t.Errorf("admitted: %v", err)
	}
}

func TestFaultyAllowFiles(t *testing.T) {
	path := foreign(t)
	a := allowed(t, path)
	script := filepath.Join(filepath.Dir(path), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	if _, err := Allow(t.Context(), "toy", script); err == nil || !strings.Contains(err.Error(), "is a script") {
		t.Errorf("a script: %v", err)
	}
	with := func(change ...string) string { return strings.NewReplacer(change...).Replace(text(t, a)) }
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":           {"plugin: [", "want plugin, path and sha256"},
		"an unknown key":    {text(t, a) + "user: root\n", "want plugin, path and sha256"},
		"a relative path":   {with(path, "bin/toy"), "want an absolute path"},
		"a short hash":      {with(a.SHA256, a.SHA256[:10]), "want 64 hexadecimal digits"},
		"another name":      {with("plugin: toy", "plugin: boy"), `allows plugin "boy": name the file boy.yaml`},
		"nothing there":     {with(path, "/no/such/program"), "no such file"},
		"a script":          {with(path, script), "is a script"},
		"another's program": {with(path, "/bin/true"), "is not the executable that was allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			read := allowing(t, "toy", c.text)
			if len(read) != 1 {
				t.Fatalf("allowed %v", read)
			}
			err := fault(t, read[0])
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "plugin toy is refused: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("fault %v, want %q in it", err, c.want)
			}
		})
	}
}

// TestIgnoredEntriesAreTold: whoever wrote one thinks that it works.
func TestIgnoredEntriesAreTold(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ups.yaml", "file.yml", ".yaml", "toy.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("plugin: ups\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read, ignored := ReadAllowed(dir, []string{"ups"})
	if len(read) != 1 || read[0].Plugin != "toy" {
		t.Errorf("allowed %v", read)
	}
	want := dir + "/.yaml is ignored: an allow file is called PLUGIN.yaml\n" +
		dir + "/file.yml is ignored: an allow file is called PLUGIN.yaml\n" +
		dir + "/ups.yaml is ignored: ups is a plugin of Storeward's own"
	if got := errors.Join(ignored...); got == nil || got.Error() != want {
		t.Errorf("told:\n%v\nwant:\n%s", got, want)
	}
	if read, ignored := ReadAllowed(filepath.Join(dir, "none"), nil); len(read)+len(ignored) != 0 {
		t.Errorf("no folder: %v, %v", read, ignored)
	}
	if read, ignored := ReadAllowed(filepath.Join(dir, "toy.yaml"), nil); len(read) != 0 || len(ignored) != 1 {
		t.Errorf("a folder that cannot be read: %v, %v", read, ignored)
	}
}

// TestWhatIsNoFileIsRefusedAtOnce: opening a FIFO waits for its writer, and a device never
// ends. The executable and the allow file are looked at before they are read.
func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	dir := rootsDir(t)
	fifo, huge := filepath.Join(dir, "toy.yaml"), filepath.Join(dir, "huge")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.WriteFile(huge, nil, 0o700), os.Truncate(huge, maxProgram+1)); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo: "is no regular file", "/dev/zero": "is no regular file", dir: "is no regular file", huge: "are the most",
	} {
		if _, err := Allow(t.Context(), "toy", path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("allow %s: %v", path, err)
		}
		err := fault(t, Allowed{Plugin: "toy", Path: path, SHA256: strings.Repeat("0", 64)})
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("start %s: %v", path, err)
		}
	}
	read, _ := ReadAllowed(dir, nil)
	if len(read) != 1 {
		t.Fatalf("allowed %v", read)
	}
	if err := fault(t, read[0]); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("an allow file that is a FIFO: %v", err)
	}
	r := newRig(t, func(o *Options) { o.Allowed = []Allowed{{Plugin: "toy", Path: fifo, SHA256: strings.Repeat("0", 64)}} })
	if _, err := r.host.Check(r.context(), "toy", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("check: %v", err)
	} // and the host closes
}

// TestHashingEndsWithItsContext, and an open executable is not let go of for that.
func TestHashingEndsWithItsContext(t *testing.T) {
	p := admitted(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.admit(over); !errors.Is(err, context.Canceled) || errors.Is(err, ErrRefused) || p.file == nil {
		t.Errorf("admitted: %v", err)
	}
	if err := fault(t, *p.allowed); err != nil {
		t.Error(err)
	}
}

// TestRefusedExecutableIsReadOnceForEachChange, and the allowed one at every look. Within a
// context that is over nothing can be read: what is judged then is judged from memory.
func TestRefusedExecutableIsReadOnceForEachChange(t *testing.T) {
	path := foreign(t)
	a := allowed(t, path)
	good, err := os.ReadFile(path) //nolint:gosec // just made
	if err != nil {
		t.Fatal(err)
	}
	bad := append(slices.Clone(good[:len(good)-1]), good[len(good)-1]+1)
	made, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	synctest.Test(t, func(t *testing.T) {
		look := func(ctx context.Context) error {
			f, err := a.open(ctx)
			if err == nil {
				_ = f.Close()
			}
			return err
		}
		for _, c := range []struct {
			name         string
			bytes        []byte
			age          time.Duration
			read, recall error
		}{
			{"a fresh one could still be written to unseen", bad, 0, ErrRefused, context.Canceled},
			{"refused", bad, time.Minute, ErrRefused, ErrRefused},
			{"allowed", good, time.Minute, nil, context.Canceled},
			{"refused again", bad, time.Minute, ErrRefused, ErrRefused},
		} {
			writeUnnoticed(t, path, c.bytes, made)
			<-time.After(time.Until(changed(t, path).Add(c.age))) // the bubble's time alone
			if err := look(over); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: judged unread: %v", c.name, err)
			}
			if err := look(t.Context()); !errors.Is(err, c.read) {
				t.Errorf("%s: read: %v", c.name, err)
			}
			if err := look(over); !errors.Is(err, c.recall) {
				t.Errorf("%s: looked at again: %v", c.name, err)
			}
		}
	})
}

// writeUnnoticed writes as many bytes in place as were there, and sets the file's time back.
func writeUnnoticed(t *testing.T, path string, bytes []byte, as os.FileInfo) {
	t.Helper()
	for before := changed(t, path); !changed(t, path).After(before); { // the file system's clock is coarse
		if err := errors.Join(os.WriteFile(path, bytes, as.Mode()), os.Chtimes(path, as.ModTime(), as.ModTime())); err != nil {
			t.Fatal(err)
		}
	}
}

// changed is when a file last changed by the clock of its file system.
func changed(t *testing.T, path string) time.Time {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return time.Unix(stat.Ctim.Unix())
}

// TestExaminedIsWhatRuns, whatever lies at its path by then.
func TestExaminedIsWhatRuns(t *testing.T) {
	path := foreign(t)
	a := examined(t, path)
	if err := errors.Join(os.WriteFile(path+".new", []byte("another program"), 0o755), os.Rename(path+".new", path)); err != nil { //nolint:gosec // an executable
		t.Fatal(err)
	}
	r := newRig(t, func(o *Options) { o.Allowed = []Allowed{a} })
	if _, err := r.host.Describe(r.context(), "toy"); err != nil {
		t.Errorf("the examined executable does not run: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again, err := Allow(t.Context(), "toy", path); err == nil {
		t.Errorf("allowed %v", again)
	}
}

// TestWhatOthersMayWriteToAllowsNothing: the executable, a folder above it, a sticky one
// too, one that a link leads through; the allow file, its folder.
func TestWhatOthersMayWriteToAllowsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		mode   os.FileMode
		target func(path, file string) string
	}{
		"the executable":          {0o777, func(path, _ string) string { return path }},
		"its folder":              {0o777, func(path, _ string) string { return filepath.Dir(path) }},
		"a sticky folder":         {0o777 | os.ModeSticky, func(path, _ string) string { return filepath.Dir(path) }},
		"the allow file":          {0o777, func(_, file string) string { return file }},
		"the folder of the files": {0o777, func(_, file string) string { return filepath.Dir(file) }},
	} {
		t.Run(name, func(t *testing.T) {
			real, links, dir := foreign(t), rootsDir(t), t.TempDir()
			link, file := filepath.Join(links, "toy"), filepath.Join(dir, "toy.yaml")
			if err := os.Symlink(real, link); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{real, link} {
				a := allowed(t, path)
				a.Path = path
				if err := os.WriteFile(file, []byte(text(t, a)), 0o600); err != nil {
					t.Fatal(err)
				}
				read := func() error { read, _ := ReadAllowed(dir, nil); return fault(t, read[0]) }
				if err := read(); err != nil {
					t.Fatal(err)
				}
				target := c.target(real, file)
				info, err := os.Stat(target)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(target, c.mode); err != nil {
					t.Fatal(err)
				}
				if err := read(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), " must belong to root and be writable by root alone") {
					t.Errorf("by %s: %v", path, err)
				}
				if err := os.Chmod(target, info.Mode()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestAllowFileIsReadAsItWasWritten, or not written: what allows another path than the one
// that was examined helps nobody.
func TestAllowFileIsReadAsItWasWritten(t *testing.T) {
	for path, fits := range map[string]bool{
		"/usr/local/libexec/storeward/a": true, "/a b": true, "/a: b": true, "/a #b": true, "/é": true, "/a'b\"c": true,
		"/a*\tb": false, "/a:\tb": false, "/a \rb": false, "/a\xff": false,
	} {
		text, err := Allowed{Plugin: "x", Path: path, SHA256: strings.Repeat("12", 32)}.Text()
		if read, _ := decodeAllow([]byte(text)); (err == nil) != fits || fits && read.Path != path {
			t.Errorf("%q: %v, read as %q", path, err, read.Path)
		}
	}
}
