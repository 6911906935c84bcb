package ctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
)

const smallStore = `store: s0001
nodes:
  - {name: alpha, role: primary, address: 10.0.0.1, interface: eth0}
  - {name: beta, role: secondary, address: 10.0.0.2, interface: eth0}
key: 0123456789abcdef0123456789abcdef
links:
  - {name: cable, plugin: cable, with: {port: 694}}
  - {name: lan, plugin: cable, with: {port: 694}}
ping_group: [10.0.0.254]
`

// TestConfigDiff: what is printed, and the exit codes of diff(1).
func TestConfigDiff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new.yaml")
	if err := os.WriteFile(file, []byte(smallStore), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte(strings.Replace(smallStore, "ping_group", "pin_group", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	light := control.Difference{Digests: true, Changes: []config.Change{
		{Path: "timing.deadtime", Kind: config.Changed, Was: "1s", Will: "500ms"},
	}}
	heavy := control.Difference{Restart: []string{"key", "resources", "probes"}, Digests: true, Changes: []config.Change{
		{Path: "nodes[alpha].services", Kind: config.Changed, Was: "[10.0.0.1:22]", Restart: true},
		{Path: "key", Kind: config.Changed, Was: "<secret>", Will: "<secret>", Restart: true},
		{Path: "resources[cache]", Kind: config.Added, Settings: []string{"plugin: service", "with.command: [cached, -f]"}, Restart: true},
		{Path: "resources[db].stop_timeout", Kind: config.Changed, Was: "20s", Will: "30s"},
		{Path: "resources", Kind: config.Reordered, Was: "ip, db", Will: "db, ip", Restart: true},
		{Path: "probes[shop]", Kind: config.Removed, Restart: true},
	}}
	for _, c := range []struct {
		name, args, refuse string
		difference         control.Difference
		code               int
	}{
		{"diff-same", "config diff " + file, "", control.Difference{}, 0},
		{"diff-at-once", "config diff " + file, "", light, 1},
		{"diff-restart", "config diff " + file, "", heavy, 1},
		{"diff-json", "config diff -o json " + file, "", heavy, 1},
		{"diff-peer", "config diff --peer", "", light, 1},
		{"diff-peer-away", "config diff --peer", "ask beta for its configuration: the peer channel is away", light, 2},
		{"diff-bad-file", "config diff " + bad, "", light, 2},
		{"diff-both", "config diff --peer " + file, "", light, 2},
		{"diff-no-file", "config diff /no/such/file", "", light, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, printed := run(t, &fakeDaemon{difference: c.difference, refuse: c.refuse}, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, printed)
			}
			golden(t, c.name, strings.ReplaceAll(printed, filepath.Dir(file), "DIR"))
		})
	}
	if code, printed := run(t, nil, "config", "diff", file); code != exitTrouble || !strings.Contains(printed, "the daemon does not answer") {
		t.Errorf("without a daemon: exit code %d: %s", code, printed)
	}
}
