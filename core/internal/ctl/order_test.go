package ctl

import (
	"strings"
	"testing"

	"github.com/storeward/storeward/core/internal/control"
)

func TestOrdersNameTheirGeneration(t *testing.T) {
	d := &fakeDaemon{state: control.State{Status: well()}}
	code, printed := run(t, d, "standby", "beta", "--yes", "--for", "30m")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	if d.command.Generation != 7 || d.command.Seconds != 1800 || d.command.Target != "beta" || d.command.Operator == "" {
		t.Errorf("command %+v", d.command)
	}
}

// TestACleanupOfWhatLeftTheConfiguration: it is named by its alarm alone, and no other order
// knows it. It is a statement, and has a consequence.
func TestACleanupOfWhatLeftTheConfiguration(t *testing.T) {
	left := func(name string) []control.Alarm {
		return []control.Alarm{{Object: "resource/" + name, Condition: "unconfigured", Severity: "critical", Message: name + " left the configuration."}}
	}
	const states = "you state that former, which left this node's configuration, does not run here any more"
	for _, c := range []struct {
		args        string
		mine, peers []control.Alarm
		code        int
		says        string
	}{
		{args: "cleanup former --yes", mine: left("former")},
		{args: "cleanup former", mine: left("former"), code: 2, says: states},
		{args: "restart former --yes", mine: left("former"), code: 2, says: "there is no resource"},
		{args: "unmanage former --yes", mine: left("former"), code: 2, says: "there is no resource"},
		{args: "cleanup former --yes", peers: left("former"), code: 2, says: "there is no resource"},
		{args: "cleanup former --yes", code: 2, says: "there is no resource"},
		{args: "cleanup db", mine: left("former")},
		{args: "cleanup db", mine: left("db"), code: 2, says: "you state that db"},
	} {
		d := &fakeDaemon{state: control.State{Status: well(), Alarms: c.mine, PeerAlarms: c.peers}}
		code, printed := run(t, d, strings.Fields(c.args)...)
		if code != c.code || (d.command.Name != "") != (c.code == 0) || !strings.Contains(printed, c.says) {
			t.Errorf("%s: exit code %d, command %+v: %s", c.args, code, d.command, printed)
		}
	}
}

// TestOrdersSayWhereTheyAct: in their help.
func TestOrdersSayWhereTheyAct(t *testing.T) {
	for name, want := range map[string]string{
		"cleanup": "say it at the node that told of them. What runs goes on.\n\nConsequence, for what left the configuration: you state that RESOURCE,",
		"restart": "Anything else is restarted on the active node. The answer names the node.\n\nConsequence: RESOURCE stops",
	} {
		if _, printed := run(t, nil, name, "--help"); !strings.Contains(printed, want) {
			t.Errorf("%s: %s", name, printed)
		}
	}
}

// TestModesLastAMinute: a slip of the pen must not move the store.
func TestModesLastAMinute(t *testing.T) {
	for _, args := range [][]string{
		{"standby", "beta", "--for", "1ns"}, {"standby", "beta", "--for", "0s"}, {"maintenance", "on", "--for", "59s"}, {"unmanage", "db", "--for=-1h"},
	} {
		d := &fakeDaemon{state: control.State{Status: well()}}
		code, printed := run(t, d, append(args, "--yes")...)
		if code != 2 || d.command.Name != "" || !strings.Contains(printed, "a mode lasts a minute at least") {
			t.Errorf("%v: exit code %d, command %+v: %s", args, code, d.command, printed)
		}
	}
	d := &fakeDaemon{state: control.State{Status: well()}}
	if code, printed := run(t, d, "maintenance", "on", "--for", "1m", "--yes"); code != 0 || d.command.Seconds != 60 {
		t.Errorf("a minute: exit code %d, command %+v: %s", code, d.command, printed)
	}
}

// TestWhatMeansNothingIsRefused: rather than done in part.
func TestWhatMeansNothingIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"history --limit 0":                 "--limit is at least 1 and at most 1000, not 0",
		"history -n 1001":                   "--limit is at least 1 and at most 1000, not 1001",
		"history --decisions -n 5":          "neither --limit nor -o json",
		"history --decisions -o json":       "neither --limit nor -o json",
		"maintenance off --for 2h":          "--for belongs to maintenance on",
		"maintenance off --for 2h --yes":    "--for belongs to maintenance on",
		"unmanage db --for 2h --yes":        "",
		"maintenance off":                   "",
		"history -n 1000":                   "",
		"history --decisions --output text": "",
		"maintenance on --for 2h --yes":     "",
		"standby beta --for 30s --yes":      "a mode lasts a minute at least",
	} {
		d := &fakeDaemon{state: control.State{Status: well()}}
		code, printed := run(t, d, strings.Fields(args)...)
		if (code == 2) != (want != "") || (code == 0) != (want == "") || !strings.Contains(printed, want) || code != 0 && d.command.Name != "" {
			t.Errorf("%s: exit code %d, command %+v: %s", args, code, d.command, printed)
		}
	}
}

func TestDrillSaysAnywayOnlyWhenTold(t *testing.T) {
	for _, args := range [][]string{{"drill", "--yes"}, {"drill", "--yes", "--anyway"}} {
		d := &fakeDaemon{state: control.State{Status: well()}}
		if code, printed := run(t, d, args...); code != 0 || d.command.Name != "drill" || d.command.Anyway != (len(args) == 3) {
			t.Errorf("%v: exit code %d, command %+v: %s", args, code, d.command, printed)
		}
	}
}

// TestYesIsTakenByEveryOrder: the habit of saying it costs nothing where nothing is asked.
func TestYesIsTakenByEveryOrder(t *testing.T) {
	d := &fakeDaemon{state: control.State{Status: well()}}
	if code, printed := run(t, d, "readmit", "beta", "--yes"); code != 0 || d.command.Name != "readmit" {
		t.Errorf("exit code %d: %s", code, printed)
	}
}
