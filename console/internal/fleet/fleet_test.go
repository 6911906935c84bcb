package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/console/internal/alarm"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func heard(name string, ago time.Duration, s *api.Status) Node {
	s.Node = name
	return Node{Name: name, LastSeen: now.Add(-ago), StatusTaken: now.Add(-ago), Status: s}
}

func missed(n Node) Node {
	n.Missed = true
	return n
}

// missing names the nodes that their peers miss.
func missing(nodes []Node) string {
	var names []string
	for _, n := range nodes {
		if n.Missed {
			names = append(names, n.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestJudge(t *testing.T) {
	active := func() *api.Status {
		return &api.Status{Role: "active", Redundant: true, Peer: "beta", PeerRole: "standby", PeerHeard: true}
	}
	standby := func() *api.Status {
		return &api.Status{Role: "standby", Redundant: true, Peer: "alpha", PeerRole: "active", PeerHeard: true}
	}
	lonely := func() *api.Status { return &api.Status{Role: "active", Peer: "beta"} }
	limping := func() *api.Status {
		s := active()
		s.Redundant, s.Resources = false, []*api.ResourceStatus{{Name: "db", State: "started"}, {Name: "web", State: "failed"}}
		return s
	}
	for _, c := range []struct {
		name   string
		nodes  []Node
		alarms alarm.Tally
		want   Health
	}{
		{"enrolled", []Node{{Name: "alpha"}}, alarm.Tally{}, Health{Word: "unknown", Reason: "never heard"}},
		{"whole", []Node{heard("alpha", 0, active()), heard("beta", 0, standby())}, alarm.Tally{}, Health{"ok", "alpha serves", "alpha", true}},
		{"small alarm", []Node{heard("alpha", 0, active()), heard("beta", 0, standby())}, alarm.Tally{Worst: 4}, Health{"ok", "alpha serves", "alpha", true}},
		{"a layer failed", []Node{heard("alpha", 0, limping()), heard("beta", 0, standby())}, alarm.Tally{Worst: 6}, Health{"degraded", "alpha is active, but web does not run there", "alpha", false}},
		{"a layer had failed when the line was cut", []Node{heard("alpha", time.Hour, limping()), heard("beta", 0, standby())}, alarm.Tally{}, Health{"ok", "alpha serves", "alpha", true}},
		{"large alarm", []Node{heard("alpha", 0, active()), heard("beta", 0, standby())}, alarm.Tally{Worst: 5}, Health{"degraded", "alarms", "alpha", true}},
		{"alone", []Node{heard("alpha", 0, lonely()), heard("beta", time.Hour, standby())}, alarm.Tally{}, Health{"degraded", "alpha serves alone", "alpha", false}},
		{
			"the active node's line is cut",
			[]Node{heard("alpha", time.Hour, active()), heard("beta", 0, standby())},
			alarm.Tally{},
			Health{"ok", "alpha serves", "alpha", true},
		},
		{"nobody active", []Node{heard("alpha", 0, &api.Status{Role: "standby"}), heard("beta", 0, &api.Status{Role: "joining"})}, alarm.Tally{}, Health{Word: "down", Reason: "no node is active"}},
		{
			"the standby lost an active peer",
			[]Node{heard("alpha", time.Hour, active()), heard("beta", 0, &api.Status{Role: "standby", Peer: "alpha", PeerRole: "active"})},
			alarm.Tally{},
			Health{Word: "down", Reason: "no node is known to be active: alpha served last and is silent"},
		},
		{
			"alpha just fell silent and nobody took over",
			[]Node{missed(heard("alpha", 3*time.Second, active())), heard("beta", 0, &api.Status{Role: "standby", Peer: "alpha"})},
			alarm.Tally{Worst: 6},
			Health{Word: "unknown", Reason: "alpha served and is not heard by its peer"},
		},
		{
			"alpha served alone, its standby's UPS was sick, and fell silent",
			[]Node{
				missed(heard("alpha", 3*time.Second, &api.Status{Role: "active", Peer: "beta", PeerHeard: true})),
				heard("beta", 0, &api.Status{Role: "standby", Peer: "alpha"}),
			},
			alarm.Tally{Worst: 6},
			Health{Word: "unknown", Reason: "alpha served and is not heard by its peer"},
		},
		{
			"beta's daemon has just started and hears nothing yet",
			[]Node{heard("alpha", 3*time.Second, active()), heard("beta", 0, &api.Status{Role: "joining", Peer: "alpha"})},
			alarm.Tally{},
			Health{"ok", "alpha serves", "alpha", true},
		},
		{
			"alpha and beta hear nothing of each other",
			[]Node{heard("alpha", 3*time.Second, lonely()), heard("beta", 0, &api.Status{Role: "standby", Peer: "alpha"})},
			alarm.Tally{},
			Health{"degraded", "alpha serves alone", "alpha", false},
		},
		{
			"alpha just died and beta took over",
			[]Node{
				heard("alpha", 3*time.Second, &api.Status{Role: "active", Redundant: true, Generation: 6}),
				heard("beta", 0, &api.Status{Role: "active", Generation: 7, Peer: "alpha"}),
			},
			alarm.Tally{},
			Health{"degraded", "beta serves alone", "beta", false},
		},
		{
			"beta just died and alpha took over",
			[]Node{
				heard("alpha", 0, &api.Status{Role: "active", Generation: 7, Peer: "beta"}),
				heard("beta", 3*time.Second, &api.Status{Role: "active", Redundant: true, Generation: 6}),
			},
			alarm.Tally{},
			Health{"degraded", "alpha serves alone", "alpha", false},
		},
		{"silent line", []Node{heard("alpha", 16*time.Second, active()), heard("beta", time.Hour, standby())}, alarm.Tally{Worst: 6}, Health{Word: "unknown", Reason: "since 2026-05-01T11:59:44Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Judge(c.nodes, c.alarms, now)
			if !strings.Contains(got.Reason, c.want.Reason) {
				t.Errorf("reason %q, want one with %q", got.Reason, c.want.Reason)
			}
			got.Reason = c.want.Reason
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestJudgeLayers: a store whose database does not run, or may not, is not said to be served.
func TestJudgeLayers(t *testing.T) {
	for _, c := range []struct {
		what      string
		redundant bool
		ip, db    *api.ResourceStatus
		want      string
	}{
		{"all runs", true, &api.ResourceStatus{State: "started"}, &api.ResourceStatus{State: "started", Health: "degraded"}, ""},
		{"unmanaged and dead", true, &api.ResourceStatus{State: "started"}, &api.ResourceStatus{State: "stopped"}, "alpha is active, but db does not run there"},
		{"it waits for another", false, &api.ResourceStatus{State: "failed"}, &api.ResourceStatus{State: "stopped", Managed: true}, "alpha is active, but ip, db does not run there"},
		{"it hangs", false, &api.ResourceStatus{State: "started"}, &api.ResourceStatus{State: "started", Health: "down"}, "alpha is active, but db does not answer there"},
		{"it waits for its data", false, &api.ResourceStatus{State: "started"}, &api.ResourceStatus{State: "warm"}, "alpha is active, but db is not promoted there"},
		{"it cannot be looked at", false, &api.ResourceStatus{State: "started"}, &api.ResourceStatus{State: "unknown"}, "alpha is active, and it is not known whether db runs there"},
		{"a takeover", false, &api.ResourceStatus{State: "started"}, &api.ResourceStatus{State: "starting"}, "alpha is active, and starts db"},
		{"a hand-over", false, &api.ResourceStatus{State: "stopping"}, &api.ResourceStatus{State: "started"}, "alpha is active, and stops ip"},
		{"a hand-over, half done", false, &api.ResourceStatus{State: "stopping"}, &api.ResourceStatus{State: "stopped"}, "alpha is active, but db does not run there"},
	} {
		c.ip.Name, c.db.Name = "ip", "db"
		s := &api.Status{Role: "active", Redundant: c.redundant, Peer: "beta", PeerRole: "standby", PeerHeard: true, Resources: []*api.ResourceStatus{c.ip, c.db}}
		standby := &api.Status{Role: "standby", Redundant: true, Peer: "alpha", PeerRole: "active", PeerHeard: true, Resources: []*api.ResourceStatus{{Name: "db", State: "stopped"}}}
		want := Health{"degraded", c.want, "alpha", c.redundant}
		if c.want == "" {
			want = Health{"ok", "alpha serves and its peer stands by", "alpha", true}
		}
		if got := Judge([]Node{heard("alpha", 0, s), heard("beta", 0, standby)}, alarm.Tally{}, now); got != want {
			t.Errorf("%s: %+v, want %+v", c.what, got, want)
		}
	}
}

func TestHeardAndSilenced(t *testing.T) {
	f := &Fleet{nodes: map[string]map[string]*Node{}}
	status := func(role string) *api.Status { return &api.Status{Store: "s1", Node: "alpha", Role: role} }
	if !f.Heard(status("standby"), now) {
		t.Error("the first status changed nothing")
	}
	if f.Heard(status("standby"), now.Add(5*time.Second)) {
		t.Error("the same status changed something")
	}
	if !f.Heard(status("active"), now.Add(10*time.Second)) {
		t.Error("another role changed nothing")
	}
	if got := f.Silenced(now.Add(25 * time.Second)); len(got) != 0 {
		t.Errorf("silenced %v too early", got)
	}
	if got := f.Silenced(now.Add(26 * time.Second)); len(got) != 1 || got[0] != "s1" {
		t.Errorf("silenced %v", got)
	}
	if got := f.Silenced(now.Add(27 * time.Second)); len(got) != 0 {
		t.Errorf("silenced %v twice", got)
	}
	if !f.Heard(status("active"), now.Add(time.Minute)) {
		t.Error("coming back changed nothing")
	}
}

// TestMissed: who is missed by its peer is told when that begins and ends, whichever word came last.
func TestMissed(t *testing.T) {
	f := &Fleet{nodes: map[string]map[string]*Node{}}
	at := now
	daemon := map[string]string{"alpha": "a1", "beta": "b1"}
	for _, step := range []struct {
		what, node, role string
		hears, changed   bool
		missed           string
	}{
		{"the pair is whole", "alpha", "active", true, true, ""},
		{"the pair is whole", "beta", "standby", true, true, ""},
		{"beta misses alpha", "beta", "standby", false, true, "alpha"},
		{"a word of alpha that was long on its way", "alpha", "active", true, false, "alpha"},
		{"beta still misses it", "beta", "standby", false, false, "alpha"},
		{"alpha lives: the links are cut", "alpha", "active", false, true, ""},
		{"which beta says as well", "beta", "standby", false, false, ""},
		{"the links are back", "alpha", "active", true, true, ""},
		{"for beta too", "beta", "standby", true, true, ""},
		{"alpha died", "beta", "standby", false, true, "alpha"},
		{"beta took over", "beta", "active", false, true, "alpha"},
		{"beta hears alpha's daemon again, which has told nothing yet", "beta", "active", true, true, "alpha"},
		{"the pair is whole, says beta again", "beta", "active", true, false, "alpha"},
		{"a word of alpha that was long on its way", "alpha", "active", true, false, "alpha"},
		{"alpha speaks for itself anew", "alpha", "joining", true, true, ""},
		{"a word of the daemon before that was long on its way", "alpha", "active", true, false, ""},
	} {
		at = at.Add(time.Second)
		s := &api.Status{Store: "s1", Node: step.node, Peer: map[string]string{"alpha": "beta", "beta": "alpha"}[step.node], Role: step.role, PeerHeard: step.hears}
		if strings.Contains(step.what, "anew") {
			daemon[step.node] = "a2"
		}
		s.Incarnation, s.Time = daemon[step.node], timestamppb.New(at.Add(-time.Hour)) // by a clock that is wrong
		if strings.Contains(step.what, "long on its way") {
			s.Incarnation, s.Time = "a1", timestamppb.New(s.GetTime().AsTime().Add(-10*time.Second))
		}
		if changed := f.Heard(s, at); changed != step.changed {
			t.Errorf("%s: changed %v", step.what, changed)
		}
		if got := missing(f.Nodes("s1")); got != step.missed {
			t.Errorf("%s: missed %q, want %q", step.what, got, step.missed)
		}
	}
}

// TestMissedClockStepsBack: a node that is missed, lives, and has its clock set back is heard soon.
func TestMissedClockStepsBack(t *testing.T) {
	f := &Fleet{nodes: map[string]map[string]*Node{}}
	say := func(node string, hears bool, after, back time.Duration) {
		f.Heard(&api.Status{
			Store: "s1", Node: node, Peer: map[string]string{"alpha": "beta", "beta": "alpha"}[node], Role: "active", PeerHeard: hears,
			Incarnation: node, Time: timestamppb.New(now.Add(after - back)),
		}, now.Add(after))
	}
	say("alpha", true, 0, 0)
	say("beta", false, time.Second, 0)
	var heard time.Duration
	for after := 5 * time.Second; heard == 0 && after < 5*time.Minute; after += 5 * time.Second {
		say("alpha", false, after, time.Hour)
		if missing(f.Nodes("s1")) == "" {
			heard = after
		}
	}
	if heard == 0 || heard > 2*OnlineFor {
		t.Errorf("heard again after %v", heard)
	}
}

// TestMissedAfterACut: a node whose links were cut before it died said itself that it hears
// nothing; what its peer did about it shows that its last word holds no longer.
func TestMissedAfterACut(t *testing.T) {
	supply := func(level int32, power string) *api.FenceDeviceStatus {
		return &api.FenceDeviceStatus{Feeds: []string{"alpha"}, Level: level, Power: power}
	}
	for _, c := range []struct {
		name string
		beta *api.Status
		want string
	}{
		{"nothing was done", &api.Status{Role: "standby", Generation: 1}, ""},
		{"beta took over", &api.Status{Role: "active", Generation: 2}, "alpha"},
		{"beta joins", &api.Status{Role: "joining", Generation: 2}, ""},
		{"one of two supplies reads off", &api.Status{Role: "standby", FenceDevices: []*api.FenceDeviceStatus{supply(1, "off"), supply(1, "on")}}, ""},
		{"all of a level read off", &api.Status{Role: "standby", FenceDevices: []*api.FenceDeviceStatus{supply(1, "on"), supply(2, "off"), supply(2, "off")}}, "alpha"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &Fleet{nodes: map[string]map[string]*Node{}}
			f.Heard(&api.Status{Store: "s1", Node: "alpha", Peer: "beta", Role: "active", Generation: 1}, now)
			c.beta.Store, c.beta.Node, c.beta.Peer = "s1", "beta", "alpha"
			f.Heard(c.beta, now.Add(time.Second))
			if got := missing(f.Nodes("s1")); got != c.want {
				t.Errorf("missed %q, want %q", got, c.want)
			}
		})
	}
}

func TestKeptInTheDatabase(t *testing.T) {
	ctx := context.Background()
	d, err := db.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := Load(ctx, d.Read)
	if err != nil {
		t.Fatal(err)
	}
	f.Heard(&api.Status{Store: "s1", Node: "alpha", Role: "active"}, now)
	f.Seen("s1", "beta", now)
	if err := Register(ctx, d.Write, "s2", "gamma", now); err != nil {
		t.Fatal(err)
	}
	if err := f.Refresh(ctx, d.Read); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Flush(ctx, d.Write); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Load(ctx, d.Read)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(again.Stores(), " "); got != "s1 s2" {
		t.Errorf("stores %q", got)
	}
	nodes := again.Nodes("s1")
	if len(nodes) != 2 || nodes[0].Status.GetRole() != "active" || nodes[1].Status != nil || !nodes[0].LastSeen.Equal(now) {
		t.Errorf("nodes %+v", nodes)
	}
	if nodes[0].Online(now) {
		t.Error("online before this console heard anything")
	}
	if len(again.Nodes("s3")) != 0 {
		t.Error("an unknown store has nodes")
	}
}
