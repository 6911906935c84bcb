package ctl

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/peer"
	"github.com/storeward/storeward/core/sdk"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestMain serves plugins when the host starts the test binary as its program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "list" {
		sdk.Main(testPlugins[:1]...) // the other one is a third party's
	}
	if os.Getenv(sdk.Handshake.MagicCookieKey) != "" {
		sdk.Main(testPlugins...)
	}
	time.Local = time.UTC
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func stamp(ago time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(-ago)) }

// well is the status of a healthy pair.
func well() *api.Status {
	return &api.Status{
		Store: "s0001", Node: "alpha", Role: "active", Generation: 7, Started: stamp(50 * time.Hour), Redundant: true,
		Decision: "active; peer beta is standby and heard on 2 links", Peer: "beta", PeerRole: "standby", PeerHeard: true, PingGroup: "ok",
		Links: []*api.LinkStatus{
			{Name: "cable", Health: "ok", Direct: true, Carrier: "up", LastHeardSeconds: .042, LatenessP99Seconds: .0031, BeatsHeard: 1000},
			{Name: "lan", Health: "ok", Carrier: "unknown", LastHeardSeconds: .041, LatenessP99Seconds: .0042, BeatsHeard: 1000, DroppedForged: 2, LossRatio: .021},
		},
		FenceDevices: []*api.FenceDeviceStatus{
			{Name: "ups-alpha", Health: "ok", Feeds: []string{"alpha"}, Power: "on", Message: "on mains, battery 100 %", Read: stamp(3 * time.Second), Level: 1, OrderLifeSeconds: 1, Proven: true, MeasuredSeconds: .009, MeasuredBy: "reading"},
			{Name: "ups-beta", Health: "ok", Feeds: []string{"beta"}, Power: "on", Message: "on mains, battery 100 %", Read: stamp(3 * time.Second), Level: 1, OrderLifeSeconds: 1},
			{Name: "pdu-beta", Health: "ok", Feeds: []string{"beta"}, Power: "on", Level: 2, OrderLifeSeconds: 5, Proven: true, MeasuredSeconds: 1.2, MeasuredBy: "cut"},
		},
		Resources: []*api.ResourceStatus{
			{Name: "ip", State: "started", Health: "ok", Managed: true},
			{Name: "db", State: "started", Health: "ok", Pid: 4711, Managed: true, Restarts: 1, Message: "accepts connections"},
		},
		Probes: []*api.ProbeStatus{{Name: "sale", Health: "ok"}, {Name: "host", Health: "ok"}},
		Drill: &api.DrillStatus{
			Began: stamp(50 * time.Hour), Ended: stamp(50*time.Hour - time.Second), Ok: true, Taker: "alpha", TookSeconds: .84, Next: stamp(-120 * time.Hour),
		},
	}
}

// broken is the status of a survivor whose fence device refuses.
func broken() *api.Status {
	s := well()
	s.Node, s.Peer, s.Role, s.Redundant, s.PeerHeard, s.PeerRole = "beta", "alpha", "standby", false, false, ""
	s.Decision = "standby; alpha is silent and ups-alpha did not confirm that it is off"
	s.Links[0].Health, s.Links[0].Carrier, s.Links[0].LastHeardSeconds = "down", "down", 312
	s.Links[1].Health, s.Links[1].LastHeardSeconds = "down", 312
	s.FenceDevices[0].Health, s.FenceDevices[0].Power, s.FenceDevices[0].Message = "down", "unknown", "no answer within 1s"
	s.Resources[1].State, s.Resources[1].Health, s.Resources[1].Pid, s.Resources[1].Managed = "stopped", "unknown", 0, false
	s.Probes[0].Health, s.Probes[0].Message = "down", "connection refused"
	s.Plugins = []*api.PluginStatus{{Name: "http", Health: "down", Message: "killed by a signal"}}
	s.OutboxPending, s.OutboxDroppedPoints = 12, 340
	s.Drill.Ok, s.Drill.Message, s.Drill.Overdue = false, "ups-beta was ordered on, and did not answer in time", true
	s.Modes = []*api.ModeStatus{
		{Mode: "maintenance", Until: stamp(-time.Hour)},
		{Mode: "standby", Name: "beta", Until: stamp(-30 * time.Hour)},
		{Mode: "unmanaged", Name: "db", Until: stamp(time.Minute)},
		{Mode: "removed", Name: "alpha"},
	}
	return s
}

// standingBy is the status of a pair whose other node an operator keeps from being active.
func standingBy() *api.Status {
	s := well()
	s.Redundant, s.Modes = false, []*api.ModeStatus{{Mode: "standby", Name: "beta", Until: stamp(-time.Hour)}}
	return s
}

// failingBack is the status of a secondary that is to hand back.
func failingBack(left time.Duration) *api.Status {
	s := well()
	s.Node, s.Peer, s.Decision, s.Failback = "beta", "alpha", "active; peer alpha is standby and heard on 2 links", stamp(-left)
	return s
}

type fakeDaemon struct {
	state   control.State
	command control.Command
	refuse  string
	timing  control.Timing

	difference control.Difference
}

func (f *fakeDaemon) State(context.Context) (control.State, error) { return f.state, nil }
func (f *fakeDaemon) History(context.Context, int) ([]control.Entry, error) {
	return []control.Entry{
		{Time: noon.Add(time.Second), Severity: "indeterminate", Object: "node/beta", Message: "The daemon of beta runs."},
		{Time: noon, Severity: "cleared", Object: "node/alpha", Message: "The pair is whole."},
		{Time: noon.Add(-time.Second), Severity: "major", Object: "node/alpha", Message: "alpha is silent."},
	}, nil
}

func (f *fakeDaemon) Plan(context.Context) (control.Plan, error) {
	return control.Plan{
		Decision: "standby; beta is silent; waiting for the turn to cut it", Role: "standby", Generation: 7, WakeSeconds: .05,
		Why: []string{"beta has not been heard for 4 min (rule S5)"}, Actions: []string{"Orders ups-beta to switch off."},
	}, nil
}

func (f *fakeDaemon) Timing(context.Context) (control.Timing, error) { return f.timing, nil }

func (f *fakeDaemon) Decisions(context.Context) (string, error) { return "policy cluster=s0001\n", nil }

func (f *fakeDaemon) Configuration(context.Context) (string, error) {
	return "store: s0001\nkey: <secret>\n", nil
}

func (f *fakeDaemon) Difference(_ context.Context, file control.File) (control.Difference, error) {
	d := f.difference
	d.From, d.To = "running on alpha", file.Name
	return d, nil
}

func (f *fakeDaemon) PeerDifference(context.Context) (control.Difference, error) {
	if f.refuse != "" {
		return control.Difference{}, fmt.Errorf("%w: %s", control.ErrRefused, f.refuse)
	}
	d := f.difference
	d.From, d.To, d.Restart = "running on alpha", "running on beta", nil
	return d, nil
}

func (f *fakeDaemon) Reload(context.Context) (control.Reply, error) {
	return control.Reply{}, fmt.Errorf("%w: storeward.yaml:3:1: nodes: two nodes are needed", control.ErrRefused)
}

func (f *fakeDaemon) Command(_ context.Context, c control.Command) (control.Reply, error) {
	if f.refuse != "" {
		return control.Reply{}, fmt.Errorf("%w: %s", control.ErrRefused, f.refuse)
	}
	f.command = c
	return control.Reply{Message: "Accepted: " + c.Name + "."}, nil
}

// run runs storewardctl against a daemon and returns its code and what it printed.
func run(t *testing.T, d control.Daemon, args ...string) (code int, printed string) {
	t.Helper()
	dir := t.TempDir()
	if d != nil {
		log, _ := test.NewNullLogger()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- control.Serve(ctx, dir, d, log) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		client := control.NewClient(dir)
		for end := time.Now().Add(10 * time.Second); ; {
			if _, err := client.Plan(context.Background()); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal("no socket")
			}
		}
	}
	var out bytes.Buffer
	code = Main(context.Background(), append([]string{"--run-dir", dir}, args...),
		Env{Out: &out, Err: &out, Now: func() time.Time { return noon }, Version: "1.2.3"})
	return code, strings.ReplaceAll(out.String(), dir, "DIR")
}

func TestGolden(t *testing.T) {
	alarms := []control.Alarm{
		{Object: "node/alpha", Condition: "silent", Severity: "critical", Message: "nothing is heard of alpha and its power was not read off.", Since: noon.Add(-312 * time.Second)},
		{Object: "fence/ups-alpha", Condition: "fence-failed", Severity: "critical", Message: "ups-alpha did not confirm that alpha is off: refused.", Since: noon.Add(-311 * time.Second)},
	}
	battery := []control.Alarm{
		{Object: "fence/ups-alpha", Condition: "on-battery", Severity: "major", Message: "ups-alpha: the UPS runs on its battery.", Since: noon.Add(-40 * time.Second)},
	}
	beta := &api.Status{Node: "beta", Generation: 7}
	primary := well()
	primary.Role, primary.PeerRole, primary.Decision = "standby", "active", "standby; peer beta is active and heard on 2 links"
	limping := well()
	limping.Redundant = false
	spent := []control.Alarm{{Object: "resource/web", Condition: "failed", Severity: "critical", Message: "web failed and its restarts are spent.", Since: noon.Add(-time.Minute)}}
	cases := []struct {
		name  string
		state control.State
		args  string
		code  int
	}{
		{"status-well", control.State{Status: well(), Peer: beta, PeerTaken: noon}, "status --check", 0},
		{"status-alarm", control.State{Status: well(), Peer: beta, PeerTaken: noon, Alarms: battery}, "status --check", 4},
		{"status-peer-alarm", control.State{Status: well(), Peer: beta, PeerTaken: noon.Add(-time.Second), PeerAlarms: slices.Concat(battery, alarms)}, "status --check", 4},
		{"status-told-twice", control.State{Status: well(), Peer: beta, PeerTaken: noon, Alarms: battery, PeerAlarms: battery}, "status --check", 4},
		{"status-peer-mute", control.State{Status: well(), Peer: beta, PeerTaken: noon.Add(-time.Minute), PeerAlarms: battery}, "status --check", 0},
		{"status-broken", control.State{Status: broken(), Alarms: alarms, Incident: "alpha is silent; beta has not taken over"}, "status --check", 4},
		{"status-last-word", control.State{Status: broken(), Peer: &api.Status{Node: "alpha"}, PeerTaken: noon.Add(-5 * time.Second), Alarms: alarms, PeerAlarms: []control.Alarm{
			{Object: "node/beta", Condition: "off", Severity: "major", Message: "beta is off.", Since: noon.Add(-11 * time.Second)},
			{Object: "fence/ups-beta", Condition: "on-battery", Severity: "major", Message: "ups-beta: the UPS runs on its battery.", Since: noon.Add(-40 * time.Second)},
		}}, "status --check", 4},
		{"status-standby", control.State{Status: standingBy(), Alarms: []control.Alarm{
			{Object: "node/beta", Condition: "standby mode", Severity: "minor", Message: "beta is in standby mode: it does not become active.", Since: noon.Add(-time.Minute)},
		}}, "status --check", 4},
		{"status-failback", control.State{Status: failingBack(4*time.Minute + 10*time.Second), Peer: beta, PeerTaken: noon}, "status --check", 0},
		{"status-failback-told-by-peer", control.State{Status: primary, Peer: failingBack(0), PeerTaken: noon}, "status --check", 0},
		{"status-left-alone", control.State{Status: well(), Alarms: []control.Alarm{
			{Object: "resource/db", Condition: "left-down", Severity: "major", Message: "db does not run, and nobody starts it: it is unmanaged.", Since: noon.Add(-time.Minute)},
		}}, "status --check", 4},
		{"status-layer-failed", control.State{Status: limping, Peer: &api.Status{Node: "beta", Generation: 7, Redundant: true}, PeerTaken: noon, Alarms: spent}, "status --check", 4},
		{"status-layer-failed-at-the-peer", control.State{Status: primary, Peer: limping, PeerTaken: noon, PeerAlarms: spent}, "status --check", 4},
		{"status-json", control.State{Status: &api.Status{Store: "s0001", Node: "alpha"}}, "status -o json", 0},
		{"history", control.State{}, "history", 0},
		{"decisions", control.State{}, "history --decisions", 0},
		{"plan", control.State{}, "plan", 0},
		{"config-show", control.State{}, "config show", 0},
		{"config-apply-refused", control.State{}, "config apply", 1},
		{"fence-without-yes", control.State{Status: well()}, "fence beta", 2},
		{"adopt-without-yes", control.State{Status: well()}, "adopt", 2},
		{"status-journal-lost", control.State{Status: broken(), Alarms: []control.Alarm{
			{Object: "node/beta", Condition: "journal-lost", Severity: "critical", Message: "the journal is lost: nothing new is started before this node agreed with its peer.", Since: noon.Add(-12 * time.Second)},
		}}, "status", 0},
		{"fence-confirm-without-yes", control.State{Status: well()}, "fence-confirm beta", 2},
		{"fence-unknown", control.State{Status: well()}, "fence bta", 2},
		{"unmanage-unknown", control.State{Status: well()}, "unmanage nosuch", 2},
		{"drill-without-yes", control.State{Status: well()}, "drill --anyway", 2},
		{"maintenance-maybe", control.State{Status: well()}, "maintenance maybe", 2},
		{"standby-without-node", control.State{Status: well()}, "standby", 2},
		{"unknown-output", control.State{Status: well()}, "status -o xml", 2},
		{"version", control.State{}, "version", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, printed := run(t, &fakeDaemon{state: c.state}, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, printed)
			}
			golden(t, c.name, printed)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// protojson varies its white space on purpose.
	if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(string(want)), " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestVerdict: the one sentence is true while layers start, hang or cannot be looked at as well.
func TestVerdict(t *testing.T) {
	raised := func(condition string) []control.Alarm {
		return []control.Alarm{{Object: "resource/db", Condition: condition, Severity: "critical", Message: "db: " + condition}}
	}
	alone, helped, mute := (*api.Status)(nil), &api.Status{Node: "alpha", Redundant: true}, &api.Status{Node: "alpha"}
	for _, c := range []struct {
		what   string
		ip, db string
		db0    bool // the database is not managed
		alpha  *api.Status
		alarms []control.Alarm
		want   string
	}{
		{what: "a takeover begins", ip: "starting", db: "stopped", alpha: alone, want: "STARTING: beta is active; ip, db do not run yet."},
		{what: "its database starts", ip: "started", db: "starting", alpha: alone, want: "STARTING: beta is active; db does not run yet."},
		{what: "it is done", ip: "started", db: "started", alpha: alone, want: "SERVED, NOT SAFE: beta serves alone; alpha is not heard."},
		{what: "it is restarted", ip: "started", db: "starting", alpha: helped, want: "STARTING: beta is active; db does not run yet."},
		{what: "beta gives up", ip: "started", db: "stopping", alpha: helped, want: "STOPPING: beta is active and stops db."},
		{what: "it failed and starts", ip: "started", db: "starting", alpha: alone, alarms: raised("failed"), want: "PARTLY SERVED, NOT SAFE: beta is active alone; alpha is not heard."},
		{what: "it hangs", ip: "started", db: "started", alpha: helped, alarms: raised("down"), want: "PARTLY SERVED, 1 alarm stands: beta is active, alpha can take over."},
		{what: "it does not stop", ip: "started", db: "stopping", alpha: helped, alarms: raised("stop-failed"), want: "PARTLY SERVED, 1 alarm stands: beta is active, alpha can take over."},
		{what: "it is left alone", ip: "started", db: "stopped", db0: true, alpha: helped, alarms: raised("left-down"), want: "PARTLY SERVED, 1 alarm stands: beta is active, alpha can take over."},
		{what: "it cannot be looked at", ip: "started", db: "unknown", alpha: helped, alarms: raised("unknown"), want: "SERVED AS FAR AS IS KNOWN, 1 alarm stands: beta is active, alpha can take over."},
		{what: "it hangs, and alpha could not", ip: "started", db: "started", alpha: mute, alarms: raised("down"), want: "PARTLY SERVED, NOT SAFE: beta is active; alpha cannot take over now."},
	} {
		s := &api.Status{Store: "s", Node: "beta", Peer: "alpha", Role: "active", Resources: []*api.ResourceStatus{
			{Name: "ip", State: c.ip, Managed: true}, {Name: "db", State: c.db, Managed: !c.db0},
		}}
		st := control.State{Status: s, Alarms: c.alarms}
		if c.alpha != nil {
			s.PeerHeard, s.PeerRole, st.Peer, st.PeerTaken = true, "standby", c.alpha, noon
		}
		alarms, complete := storeAlarms(st, noon)
		if got := verdict(st, alarms, complete, noon); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		if c.alpha == nil {
			continue
		}
		there := &api.Status{Store: "s", Node: "alpha", Peer: "beta", Role: "standby", PeerHeard: true, PeerRole: "active", Redundant: c.alpha.GetRedundant()}
		st = control.State{Status: there, Peer: s, PeerTaken: noon, PeerAlarms: c.alarms}
		alarms, complete = storeAlarms(st, noon)
		if got := verdict(st, alarms, complete, noon); got != c.want {
			t.Errorf("%s, seen from the standby: %q, want %q", c.what, got, c.want)
		}
	}
	unheard := control.State{Status: &api.Status{Node: "beta", Peer: "alpha", Role: "active", PeerHeard: true, PeerRole: "standby"}, Alarms: raised("down")}
	alarms, _ := storeAlarms(unheard, noon)
	if got := verdict(unheard, alarms, false, noon); got != "PARTLY SERVED: beta is active; it is not known whether alpha can take over." {
		t.Errorf("without alpha's word: %q", got)
	}
}

// TestErrorsKeepTheTerminal: what was typed is said again in part, and never as it steers a terminal.
func TestErrorsKeepTheTerminal(t *testing.T) {
	long := strings.Repeat("x\" y", 20000)
	for _, args := range [][]string{
		{long},
		{"status", long},
		{"standby", long},
		{"maintenance", long},
		{"status", "-o", long},
		{"status", "--output=" + long},
		{"standby", "beta", "--for", long},
		{"status", "--" + long},
		{"simulate", long},
		{"config", "check", long},
		{"config", long},
		{"plugin", "check", long},
		{"simulate", "/no/such\x1b]0;owned\a"},
		{"config", "check", "/no/such\u009b31m"},
		{"config", "diff", "\x1b[31m"},
		{"keygen", "/no/such/\x1b[31m"},
	} {
		code, printed := run(t, &fakeDaemon{state: control.State{Status: well()}}, args...)
		if code == 0 || len(printed) > 2000 || len(printed) == 0 || strings.ContainsFunc(printed, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("%.40q: exit code %d, %d bytes: %.500q", args, code, len(printed), printed)
		}
	}
}

func TestConfigApplyTakesNoFile(t *testing.T) {
	code, printed := run(t, &fakeDaemon{state: control.State{Status: well()}}, "config", "apply", "/new.yaml")
	if code != 2 || !strings.Contains(printed, "change the file that the daemon was started with") {
		t.Errorf("exit code %d: %s", code, printed)
	}
}

func TestRefusalAndAbsence(t *testing.T) {
	code, printed := run(t, &fakeDaemon{state: control.State{Status: well()}, refuse: "the peer shows life"}, "fence-confirm", "beta", "--yes")
	if code != 1 || !strings.Contains(printed, "refused: the peer shows life") {
		t.Errorf("exit code %d: %s", code, printed)
	}
	code, printed = run(t, nil, "status")
	if code != 3 || !strings.Contains(printed, "the daemon does not answer on DIR/control.sock") {
		t.Errorf("exit code %d: %s", code, printed)
	}
}

func TestKeygenMakesAWholeChannelAndReplacesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if code, printed := run(t, nil, "keygen", dir, "alpha", "beta"); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	for _, node := range []string{"alpha", "beta"} {
		if _, err := peer.LoadTLS(filepath.Join(dir, "peer-ca.pem"), filepath.Join(dir, node+".pem"), filepath.Join(dir, node+".key")); err != nil {
			t.Error(err)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "cluster.key"))
	if err != nil || len(key) < 32 {
		t.Errorf("key of %d bytes, error %v", len(key), err)
	}
	for _, bad := range []string{"../outside", "a/b", "..", ""} {
		if code, printed := run(t, nil, "keygen", filepath.Join(dir, "new"), bad, "beta"); code != 2 {
			t.Errorf("keygen for a node named %q ended with %d: %s", bad, code, printed)
		}
	}
	if code, _ := run(t, nil, "keygen", dir, "alpha", "beta"); code != 1 {
		t.Errorf("the second run ended with %d", code)
	}
	if again, _ := os.ReadFile(filepath.Join(dir, "cluster.key")); !bytes.Equal(key, again) {
		t.Error("the key was replaced")
	}
}

func TestConfigCheckNamesThePlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(path, []byte("store: s0001\nnodez: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed := run(t, nil, "config", "check", path)
	if code != 1 || !strings.Contains(printed, "bad.yaml:2:1") {
		t.Errorf("exit code %d: %s", code, printed)
	}
}

// TestConfigCheckOfNoFile: what could not be read is not said to have a fault.
func TestConfigCheckOfNoFile(t *testing.T) {
	code, printed := run(t, nil, "config", "check", "/nowhere.yaml")
	if code != 1 || !strings.Contains(printed, "storewardctl: read configuration: open /nowhere.yaml: no such file") || strings.Contains(printed, "fault") {
		t.Errorf("exit code %d: %s", code, printed)
	}
}

// TestSimulateSaysWhenItIsNotWhatTheNodeDid prints what it has, all the same.
func TestSimulateSaysWhenItIsNotWhatTheNodeDid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	text := "policy self=alpha peer=beta interval=50ms\nstate gen=1\nboot inc=1\n1s started\n1s tick\n2s persisted id=persist-11\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed := run(t, nil, "simulate", path)
	if code != 1 || !strings.Contains(printed, "1.000 alpha ") || !strings.Contains(printed, "the replay is not what the node did: line 6: ") {
		t.Errorf("exit code %d: %s", code, printed)
	}
}

func TestExitCodes(t *testing.T) {
	for err, want := range map[error]int{
		nil: 0, errUsage: 2, control.ErrNoDaemon: 3, errAlarm: 4, errors.New("other"): 1,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
	}
}
