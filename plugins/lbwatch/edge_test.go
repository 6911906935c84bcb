package lbwatch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

// dscontrol makes a program that prints a report, for want of IBM's own.
func dscontrol(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dscontrol")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700))
	return path
}

func openEdge(t *testing.T, command string) *instance {
	t.Helper()
	c := DefaultConfig()
	c.Edge.Command = command
	check(t, c.Validate())
	return opened(t, sdk.Env{StateDir: t.TempDir()}, c)
}

func opened(t *testing.T, env sdk.Env, c *Config) *instance {
	t.Helper()
	i, err := open(env, c)
	check(t, err)
	return i.(*instance)
}

const report = `High Availability Status:
-------------------------
Role ................ Primary
Recovery strategy ... Auto
State ............... %s
Sub-state ........... %s
Port ................ 12345
Preferred target .... 192.0.2.2

Heartbeat Status:
-----------------
Count ................ 1
Source/destination ... 192.0.2.1/192.0.2.2
State ................ Standby
`

func TestEdgeReports(t *testing.T) {
	sandbox.Need(t)
	for name, c := range map[string]struct {
		script string
		status sdk.Status
		says   string
		here   float64
	}{
		"active":            {"test \"$*\" = 'highavailability status' && cat <<E\n" + fmt.Sprintf(report, "Active", "Synchronized") + "E", sdk.OK, "(primary) is active", 1},
		"standby":           {"cat <<E\n" + fmt.Sprintf(report, "Standby", "Synchronized") + "E", sdk.OK, "is standby", 0},
		"not synchronized":  {"cat <<E\n" + fmt.Sprintf(report, "Active", "Not Synchronized") + "E", sdk.Degraded, "is active, and not synchronized", 1},
		"idle":              {"cat <<E\n" + fmt.Sprintf(report, "Idle", "Not Synchronized") + "E", sdk.Degraded, "is alone", 1},
		"listening":         {"echo 'State: Listen'", sdk.Degraded, "listens for its partner", 0},
		"other punctuation": {"echo '| State : ACTIVE |'; echo '| Sub-State : Synchronized |'", sdk.OK, "is active", 1},
	} {
		result, err := openEdge(t, dscontrol(t, c.script)).Probe(t.Context())
		if err != nil || result.Status != c.status || !strings.Contains(result.Message, c.says) || result.Values["active"] != c.here {
			t.Errorf("%s: %+v %v", name, result, err)
		}
	}
	for name, script := range map[string]string{
		"the server does not run": "echo 'Error: Server not responding.' >&2; exit 1",
		"an unknown state":        "echo 'State ..... Dreaming'",
		"no state":                "echo nothing to say",
		"nothing":                 "",
		"more than a report":      "echo 'State: Active'; seq 1 20000; echo 'State: Standby'",
	} {
		if result, err := openEdge(t, dscontrol(t, script)).Probe(t.Context()); err == nil {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

// Only what root alone could have put there is run.
func TestEdgeProgramOfOthersIsNotRun(t *testing.T) {
	sandbox.Need(t)
	ran := filepath.Join(t.TempDir(), "ran")
	for name, spoil := range map[string]func(path string) error{
		"writable by all":        func(path string) error { return os.Chmod(path, 0o777) },
		"another's":              func(path string) error { return os.Chown(path, 1, 1) },
		"in a folder of another": func(path string) error { return os.Chown(filepath.Dir(path), 1, 1) },
		"in a writable folder":   func(path string) error { return os.Chmod(filepath.Dir(path), 0o775) },
		"not there":              os.Remove,
	} {
		path := dscontrol(t, "touch "+ran+"; echo 'State: Active'")
		check(t, spoil(path))
		if result, err := openEdge(t, path).Probe(t.Context()); err == nil {
			t.Errorf("%s: %+v", name, result)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it was run")
	}
}

func TestEdgeCommandThatHangs(t *testing.T) {
	sandbox.Need(t)
	hang := dscontrol(t, "sleep 60 & wait")
	well := dscontrol(t, "echo 'State: Active'; echo 'Sub-state: Synchronized'")
	sdktest.Run(t, sdktest.Case{
		Plugin:    New(),
		Config:    "edge: {command: " + well + "}",
		BlackHole: "edge: {command: " + hang + "}",
		Deadline:  time.Second,
	})
}

// FuzzReport: no report makes it panic, or is active without saying so.
func FuzzReport(f *testing.F) {
	f.Add(fmt.Sprintf(report, "Active", "Synchronized"))
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseReport(text)
		if err == nil && v.here && !strings.Contains(strings.ToLower(text), "active") && !strings.Contains(strings.ToLower(text), "idle") {
			t.Errorf("%q: %+v", text, v)
		}
	})
}

func TestConfigurationFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "0 balancers are named: want one of vrrp, haproxy and edge",
		"{vrrp: {interface: e, id: 1}, edge: {command: /x}}": "2 balancers are named",
		"{vrrp: {id: 300}}":                                          "vrrp.interface: missing",
		"{vrrp: {interface: e, id: 300}}":                            "1:23: vrrp.id: 300: want",
		"{vrrp: {interface: e, id: 3, family: inet}}":                `vrrp.family: "inet": want ipv4 or ipv6`,
		"{haproxy: {socket: run/x}}":                                 "want a full path",
		"{haproxy: {socket: /run/x, url: \"http://x/\"}}":            "haproxy.url: socket is given too",
		"{haproxy: {url: \"ftp://x/\"}}":                             "want an address like",
		"{haproxy: {url: \"http://me:hush@x/\"}}":                    "haproxy.url: holds a password: use user and password",
		"{haproxy: {url: \"http://me:%hush@x/\"}}":                   "haproxy.url: want an address like",
		"{haproxy: {url: \"http://x/\", password: hush}}":            "haproxy.user: is missing beside a password",
		"{haproxy: {socket: /run/x, user: me}}":                      "a socket knows no users",
		"{haproxy: {socket: /run/x, password: hush}}":                "a socket knows no users",
		"{haproxy: {backends: [shop]}}":                              "haproxy.socket: \"\": want a full path, or a url",
		"{vrrp: {interface: e, id: 1}, haproxy: {backends: [shop]}}": "2 balancers are named",
		"{vrrp: {family: ipv6}, haproxy: {socket: /run/x}}":          "2 balancers are named",
		"{haproxy: {socket: /run/x}, edge: {timeout: 3s}}":           "2 balancers are named",
		"{edge: {command: dscontrol}}":                               "want the full path",
		"{edge: {command: /x, timeout: 1ms}}":                        "edge.timeout: 1ms: want 100ms to 1m",
		"{vrrp: {interface: e, id: 1, intervall: 1s}}":               `did you mean "interval"?`,
	} {
		_, err := New().Configure([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s\nthe password is shown: %v", text, err)
		}
	}
}
