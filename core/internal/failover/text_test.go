package failover_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

func samplePolicy() failover.Policy {
	return failover.Policy{
		Cluster: "s0001", Self: "alpha", Peer: "beta", Primary: true, Digest: 7,
		Interval: 50 * time.Millisecond, Warntime: 1, Deadtime: 2, Initdead: 3, Holdup: 4, Analyse: 5, CarrierBeats: 2,
		Links:   []failover.Link{{Name: "cable", Direct: true}, {Name: "lan"}},
		Devices: []failover.Device{{Name: "ups a", Feeds: []string{"alpha", "beta"}, Level: 2, Life: 6, Proven: true, Measured: time.Second}},
		Resources: []failover.Resource{{
			Name: "db", Layer: "storage", ActiveActive: true, Warm: true, After: []string{"vip", "data"}, StartTimeout: 7, StopTimeout: 8, MonitorTimeout: 9,
			FailuresToDown: 2, Restarts: failover.Budget{Max: 3, Within: 10}, Failover: true, Failovers: failover.Budget{Max: 4, Within: 11}, FenceOnStop: true,
		}, {Name: "web"}},
		Cycle: true, OffTime: 12, PowerOns: failover.Budget{Max: 5, Within: 13}, IsolationStop: true, IsolationTime: 14, FailbackAuto: true, FailbackAfter: 20, Verify: true, Watchdog: true,
		OnBattery: failover.OnBattery{StandbyAfter: 15, LowCharge: 16, LowRuntime: 17, Shutdown: true},
	}
}

// Every event survives its text form: a node's ring of decision inputs is a scenario.
func TestEventsSurviveTheirText(t *testing.T) {
	events := []failover.Event{
		failover.BeatHeard{Link: "lan", Taken: 3, Beat: beat.Beat{
			Cluster: "s0001", Node: "beta", Incarnation: 0xfeed, KernelBoot: "3f9c-1", Sequence: 12, Wall: -5, Sent: 4, Generation: 6, LastActive: 5,
			Role: beat.Active, Ready: true, InSync: true, Alone: true, CutMe: true, Ordering: true, Removed: true, Drill: true, Blocked: true, GivingFor: 21, CountsFor: 22, PingGroup: beat.No,
			SilentFor: 5, Grace: 6, Interval: 7, Deadtime: 8, Digest: 10,
			OrderLives: []time.Duration{9, 18}, PeerLives: []time.Duration{19},
			Grant: beat.Grant{Generation: 7, To: 11}, Refused: beat.Grant{Generation: 8, To: 12},
			Echoes: []beat.Echo{{Link: "cable", Incarnation: 13, Sequence: 14, Sent: 15, Age: 16}, {Link: "lan"}},
			Layers: []beat.Layer{{Name: "db", Health: beat.OK}, {Name: "web", Health: beat.Down}},
			Modes:  beat.Modes{Epoch: 17, Set: []beat.Mode{{Kind: beat.ModeStandby, Name: "beta", Left: 18}, {Kind: beat.Maintenance, Left: -19}}},
		}},
		failover.SignOfLife{Link: "lan", Taken: 1},
		failover.LinkState{Link: "lan", Health: beat.Degraded, Carrier: beat.Yes, Taken: 2},
		failover.PingGroup{Reachable: beat.No, Asked: 3},
		failover.Analysis{ID: "analyse-3", Asked: 4, PingGroup: beat.Yes, ICMP: beat.No, ARP: beat.Yes, Services: beat.No, Service: beat.Yes, Final: true},
		failover.FenceAnswer{ID: "fence-off-1", Device: "ups", Power: beat.No, Taken: 5, Err: `said "no" to this`},
		failover.FenceAnswer{Device: "ups", Power: beat.Yes, Taken: 5, OnBattery: beat.Yes, BatteryLow: beat.No, Charge: 40, Runtime: 6},
		failover.ActionDone{ID: "start-1", PID: 77, Err: "exit status 1"},
		failover.ResourceState{ID: "monitor-1", Resource: "db", Running: beat.Yes, Promoted: beat.No, Health: beat.Down, PID: 5, Message: "slow\nvery"},
		failover.ServiceProbe{ID: "verify-1", Health: beat.OK, Asked: 6},
		failover.Command{ID: "c1", Verb: failover.FenceConfirm, Name: "alpha", Generation: 3, For: time.Hour, Operator: "Ann Lee", Open: true, Anyway: true},
		failover.Persisted{ID: "persist-1", Err: "disk full"},
		failover.PolicyChanged{Policy: samplePolicy()},
		failover.Late{By: time.Second},
		failover.Tick{},
	}
	for _, e := range events {
		line := e.String()
		if strings.Contains(line, "\n") {
			t.Errorf("more than one line: %q", line)
		}
		got, err := failover.ParseEvent(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("%s:\n%s", line, diff)
		}
	}
}

func TestHeadersSurviveTheirText(t *testing.T) {
	policy, err := failover.ParsePolicy(samplePolicy().String())
	if diff := cmp.Diff(samplePolicy(), policy); err != nil || diff != "" {
		t.Error(err, diff)
	}
	state := failover.State{
		Generation: 3, LastActive: 2, Active: true, KernelBoot: "k 1", Clock: 5, Modes: beat.Modes{Epoch: 4, Set: []beat.Mode{{Kind: beat.Unmanaged, Name: "db", Left: 6}}},
		Cuts: []time.Duration{7, 8}, Owed: []string{"ups a", "ups-b"}, SwitchedOn: []string{"ups-b"}, Left: []string{"db", "a b"}, OrderLives: []time.Duration{10, 11}, PeerLives: []time.Duration{12}, OnDue: 9, Alone: true, PeerOutdated: true,
	}
	gotState, err := failover.ParseState(state.String())
	if diff := cmp.Diff(state, gotState); err != nil || diff != "" {
		t.Error(err, diff)
	}
	boot := failover.Boot{Incarnation: 0xabc, KernelBoot: "k", JournalLost: true, Left: []string{"db"}}
	gotBoot, err := failover.ParseBoot(boot.String())
	if diff := cmp.Diff(boot, gotBoot); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestTextFaultsAreNamed(t *testing.T) {
	for line, want := range map[string]string{
		"beet on=lan":                "no such event",
		"ping reachable=maybe":       "want one of unknown, no, yes",
		"ping asked=soon":            "asked=soon",
		"ping colour=red":            `unknown key "colour"`,
		"ping reachable":             "want key=value",
		`resource message="never en`: "quoted value",
		"beat echo=lan:1:2":          "want 5 parts",
		"command verb=explode":       "want one of",
		"fence power=perhaps":        "want on, off or unknown",
	} {
		if _, err := failover.ParseEvent(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

func TestScenarioFaultsNameTheirLine(t *testing.T) {
	for _, text := range []string{
		"start alpha", "\nrun fast", "start alpha active\nview gamma", "start alpha active\ndance alpha", "cut", "delay lan", "ping-group deaf",
		"start alpha active\ndaemon alpha restart", "start alpha active\npower alpha out", "start alpha active\npower alpha",
		"start alpha active\nfence-path alpha fine", "start alpha active\noutlet alpha ups-beta", "start alpha active\nping alpha maybe",
		"start alpha active\nresource alpha db", "start alpha active\nresource alpha db dead", "start alpha active\nlink-plugin alpha lan",
		"start alpha active\nhand alpha stop db never", "start alpha active\nhand alpha", "start alpha active\nhand alpha 3s",
	} {
		if _, err := failover.RunScenario(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
