package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// foreignDir is where the documents have a third party's plugin installed.
const foreignDir = "/usr/local/libexec/storeward"

var goSample = regexp.MustCompile("(?ms)^```go\n(package main\n.*?)^```")

// foreignPlugin builds the plugin that the SDK's README shows, outside of our own plugins.
func foreignPlugin(t *testing.T) (folder string) {
	t.Helper()
	readme, err := os.ReadFile("../../core/sdk/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sample := goSample.FindSubmatch(readme)
	if sample == nil {
		t.Fatal("the SDK's README shows no plugin")
	}
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, sample[1], 0o600); err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "file"), source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the README's plugin: %v: %s", err, out)
	}
	return folder
}

// TestC1PluginOfAThirdParty: an executable that is none of ours is examined, allowed by
// its hash, and runs; unallowed or changed it is refused in one sentence, and neither
// ends a daemon nor moves the service.
func TestC1PluginOfAThirdParty(t *testing.T) {
	folder := foreignPlugin(t)
	s := openWith(t, harness.Options{}, func(n *lab.Node) {
		n.Binds = append(n.Binds, lab.Bind{Source: folder, Target: foreignDir})
	})
	active := s.whole()
	n := s.Store.Peer(active)
	program := filepath.Join(folder, "file")
	s.keep(n, "with.yaml", "file: /etc/storeward/node\n")

	// Nobody allowed it.
	s.edit(n, "probes:\n", "probes:\n  - {name: marker, plugin: file, every: 500ms, with: {file: /etc/storeward/node}}\n")
	s.misses(n, `there is no plugin "file": known here: `, "needs an allow file on this node")
	s.refuses(n, `there is no plugin "file"`, "config", "apply")

	// The check prints what allows it, to the letter.
	s.allow(n)
	if out, err := s.Ctl(t.Context(), n, "config", "check"); err != nil {
		t.Fatal(err, out)
	}
	s.restartDaemon(n)
	s.marker(n, "ok", "/etc/storeward/node is there")

	// Replaced while it runs: the process, and its restart, go on with what was allowed.
	good, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	s.put(program, append(good, "changed"...))
	restarts := s.told(n, "plugin.restarted", "plugin/file")
	if err := syscall.Kill(s.plugin(n, "file"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.historyHas(n, "plugin.restarted", "plugin/file", restarts+1)
	s.marker(n, "ok", "is there")

	// The daemon's next start finds another executable: it runs without the plugin, and says so.
	const refusal = "file is refused: " + foreignDir + "/file is not the executable that was allowed: its SHA-256 is "
	s.restartDaemon(n)
	s.alarm(n, "major", "plugin/file", refusal)
	s.marker(n, "unknown", "")
	s.misses(n, refusal)
	s.refuses(n, refusal, "config", "apply")
	if s.whole() != active {
		t.Error("the service moved")
	}

	// What was allowed is back: it runs without anybody's doing.
	s.put(program, good)
	s.marker(n, "ok", "is there")
	s.eventually(20*time.Second, "the alarm ends", func() (string, bool) {
		for _, a := range s.state(n).Alarms {
			if a.Object == "plugin/file" {
				return a.Message, false
			}
		}
		return "", true
	})

	// The new version is allowed anew.
	s.put(program, append(good, "changed"...))
	s.allow(n)
	s.restartDaemon(n)
	s.marker(n, "ok", "is there")
	if s.whole() != active || active.Boots() != 1 || n.Boots() != 1 {
		t.Error("the service moved, or a node was cut")
	}
}

// keep writes a file below a node's /etc/storeward.
func (s *store) keep(n *lab.Node, name, text string) {
	s.t.Helper()
	path := filepath.Join(n.Etc(), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

// put replaces an executable as a package manager does.
func (s *store) put(program string, text []byte) {
	s.t.Helper()
	if err := errors.Join(os.WriteFile(program+".new", text, 0o755), os.Rename(program+".new", program)); err != nil {
		s.t.Fatal(err)
	}
}

// allow examines the plugin on a node and installs the allow file that is printed.
func (s *store) allow(n *lab.Node) {
	s.t.Helper()
	text, err := s.Ctl(s.t.Context(), n, "plugin", "check", foreignDir+"/file", "--with", "/etc/storeward/with.yaml", "-o", "json")
	var report struct {
		Good                                      bool
		Version, Roles, Allow, AllowFile, Install string
	}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &report)); err != nil {
		s.t.Fatal(err, text)
	}
	if !report.Good || report.Version != "1.0.0" || report.Roles != "prober" || report.Install != "" {
		s.t.Fatalf("plugin check: %s", text)
	}
	s.keep(n, strings.TrimPrefix(report.AllowFile, "/etc/storeward/"), report.Allow)
}

// misses has config check find a fault that holds all words.
func (s *store) misses(n *lab.Node, words ...string) {
	s.t.Helper()
	out, err := s.Ctl(s.t.Context(), n, "config", "check")
	if err == nil {
		s.t.Errorf("config check at %s finds nothing wrong: %s", n.Name, out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			s.t.Errorf("config check at %s says nothing of %q: %s", n.Name, word, out)
		}
	}
}

// restartDaemon kills a node's daemon and waits until its next one answers.
func (s *store) restartDaemon(n *lab.Node) {
	s.t.Helper()
	old := s.daemon(n)
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.eventually(20*time.Second, "the daemon runs again", func() (string, bool) {
		found, err := n.Find("storewardd")
		return "", err == nil && len(found) == 1 && found[0].PID != old
	})
	s.whole()
}

// marker waits for what the third party's probe finds.
func (s *store) marker(n *lab.Node, health, words string) {
	s.t.Helper()
	s.eventually(20*time.Second, "the probe is "+health, func() (string, bool) {
		state, err := s.State(s.t.Context(), n)
		if err != nil {
			return err.Error(), false
		}
		for _, p := range state.GetProbes() {
			if p.GetName() == "marker" {
				return p.String(), p.GetHealth() == health && strings.Contains(p.GetMessage(), words)
			}
		}
		return "no such probe", false
	})
}
