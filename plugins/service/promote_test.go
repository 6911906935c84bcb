package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

// sh is a command of the role's, made of a script.
func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

// twoRoles keeps the role of a service in a file, as its exit code.
func twoRoles(file string) func(*Config) {
	return func(c *Config) {
		c.Command = []string{"/bin/sh", "-c", fmt.Sprintf("echo 0 >%s; exec sleep 1000", file)}
		c.Promote = sh("echo 8 >" + file)
		c.Demote = sh("echo 0 >" + file)
		c.Role = sh("exit $(cat " + file + ")")
	}
}

func openTwoRoles(t *testing.T, change func(*Config)) (*promotable, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "role")
	s := openTest(t, t.TempDir(), func(c *Config) {
		twoRoles(file)(c)
		change(c)
	})
	return &promotable{s}, file
}

func TestRoleIsReadNotAssumed(t *testing.T) {
	p, file := openTwoRoles(t, func(*Config) {})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code     string
		promoted bool
		status   sdk.Status
		fault    string
	}{
		{"0", false, sdk.OK, ""},
		{"8", true, sdk.OK, ""},
		{"9", true, sdk.Down, ""},
		{"7", false, 0, "the role cannot be told"},
		{"1", false, 0, "ended with 1"},
	} {
		if err := os.WriteFile(file, []byte(c.code), 0o600); err != nil {
			t.Fatal(err)
		}
		state, err := p.Monitor(t.Context())
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("role %s: error %v, want %q", c.code, err, c.fault)
			}
			continue
		}
		if err != nil || !state.Running || state.Promoted != c.promoted || state.Status != c.status {
			t.Errorf("role %s: %+v, %v", c.code, state, err)
		}
	}
}

// TestRoleOfWhatADeadProcessLeft: where nobody can tell it, it may have the data, and
// has to be stopped; what can be told is believed.
func TestRoleOfWhatADeadProcessLeft(t *testing.T) {
	for code, promoted := range map[string]bool{"0": false, "8": true, "1": true} {
		p, file := openTwoRoles(t, func(c *Config) { c.Command = sh("echo 0 >ROLE; sleep 1001 & echo ready; exec sleep 1000") })
		p.cfg.Command[2] = strings.ReplaceAll(p.cfg.Command[2], "ROLE", file)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return p.run.lastLines(t.Context(), 1) == "ready" })
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unix.Kill(monitor(t, p.instance).PID, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return monitor(t, p.instance).PID == 0 })
		state, err := p.Monitor(t.Context())
		if err != nil || !state.Running || state.Promoted != promoted || state.Status != sdk.Down {
			t.Errorf("role %s: %+v, %v", code, state, err)
		}
	}
}

func TestPromoteThatDoesNotPromote(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		fault   string
	}{
		"says so":      {sh("echo no quorum; exit 1"), "ended with 1: no quorum"},
		"says nothing": {sh("exit 3"), "ended with 3: it wrote nothing"},
		"lies":         {sh("exit 0"), "the role is still: not promoted"},
		"is missing":   {[]string{"/no/such/program"}, "no such file"},
		"hangs":        {sh("sleep 1000; sleep 1000"), context.DeadlineExceeded.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := openTwoRoles(t, func(cfg *Config) { cfg.Promote = c.command })
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			bound := 10 * time.Second
			if name == "hangs" {
				bound = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			if err := p.Promote(ctx); err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("error %v, want %q", err, c.fault)
			}
			if state, err := p.Monitor(t.Context()); err != nil || state.Promoted {
				t.Errorf("state %+v, %v", state, err)
			}
		})
	}
}

func TestStartWaitsForTheRole(t *testing.T) {
	p, file := openTwoRoles(t, func(c *Config) { c.Command = sh("sleep 0.1; echo 0 >ROLE; exec sleep 1000") })
	p.cfg.Command[2] = strings.ReplaceAll(p.cfg.Command[2], "ROLE", file)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state, err := p.Monitor(t.Context()); err != nil || !state.Running || state.Promoted {
		t.Errorf("state %+v, %v", state, err)
	}
}

func TestPromotableConformance(t *testing.T) {
	sandbox.Need(t)
	file := filepath.Join(t.TempDir(), "role")
	sdktest.Run(t, sdktest.Case{Plugin: New(), Resource: true, Config: strings.ReplaceAll(`
command: [/bin/sh, -c, "echo 0 >ROLE; exec sleep 1000"]
promote: [/bin/sh, -c, "echo 8 >ROLE"]
demote: [/bin/sh, -c, "echo 0 >ROLE"]
role: [/bin/sh, -c, "exit $(cat ROLE)"]
`, "ROLE", file)})
}
