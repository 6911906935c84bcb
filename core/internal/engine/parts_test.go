package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReplayedBeatsAreRefused(t *testing.T) {
	const own, first, second = beat.ID(1), beat.ID(10), beat.ID(11)
	mine := []beat.Echo{{Incarnation: own}}
	var r replay
	steps := []struct {
		what string
		beat beat.Beat
		want bool
	}{
		{"the first beat", beat.Beat{Incarnation: first, Sequence: 5}, true},
		{"the same again", beat.Beat{Incarnation: first, Sequence: 5}, false},
		{"an older one", beat.Beat{Incarnation: first, Sequence: 4}, false},
		{"a newer one", beat.Beat{Incarnation: first, Sequence: 6}, true},
		{"a recorded start that never heard of us", beat.Beat{Incarnation: 99, Sequence: 1}, true},
		{"the present start goes on", beat.Beat{Incarnation: first, Sequence: 7, Echoes: mine}, true},
		{"a new start that answers us", beat.Beat{Incarnation: second, Sequence: 1, Echoes: mine}, true},
		{"the former start", beat.Beat{Incarnation: first, Sequence: 8, Echoes: mine}, false},
		{"the new start goes on", beat.Beat{Incarnation: second, Sequence: 2}, true},
	}
	for _, s := range steps {
		if ok := r.accept(s.beat, own); ok != s.want {
			t.Errorf("%s: taken %v, want %v", s.what, ok, s.want)
		}
	}
}

func TestPeerIsLookedForInItsOwnFamily(t *testing.T) {
	for address, want := range map[string]string{"10.0.0.2": "arp", "::ffff:10.0.0.2": "arp", "2001:db8::2": "ndp"} {
		if got := neighbourMethod(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestReplayMemoryIsBounded(t *testing.T) {
	var r replay
	for i := range beat.ID(5 * maxIncarnations) {
		r.accept(beat.Beat{Incarnation: i + 1, Sequence: 1}, 0)
	}
	if len(r.newest) > maxIncarnations+1 {
		t.Errorf("%d starts remembered", len(r.newest))
	}
}

func TestQueueDropsTheOldest(t *testing.T) {
	q := newQueue[int](3)
	for i := range 5 {
		q.put(i)
	}
	if got, dropped := q.takeAll(); len(got) != 3 || got[0] != 2 || dropped != 2 {
		t.Errorf("got %v, dropped %d", got, dropped)
	}
}

func TestSilenceThatEndsByReadingOffIsNotAReturn(t *testing.T) {
	silent := failover.Alarm{Object: "node/alpha", Key: "silent", Severity: failover.Critical, Text: "nothing is heard"}
	off := failover.Alarm{Object: "node/alpha", Key: "off", Severity: failover.Major, Text: "alpha is off"}
	if event := clearedEvent(silent, []failover.Alarm{off}); event.GetKind() != api.KindPeerSilent || event.GetSeverity() != cleared {
		t.Errorf("event %v", event)
	}
	if event := clearedEvent(silent, nil); event.GetKind() != api.KindPeerHeard {
		t.Errorf("event %v", event)
	}
}

func TestALinkDoesNotComeBackByAWorseAlarm(t *testing.T) {
	const lan, beta = "link/lan", "node/beta"
	for _, c := range []struct {
		ended, stands failover.Alarm
		kind, words   string
	}{
		{failover.Alarm{Object: "link/serial", Key: "down"}, failover.Alarm{Object: lan, Key: "late"}, api.KindLinkSilent, "Told by another alarm now"},
		{failover.Alarm{Object: lan, Key: "late"}, failover.Alarm{Object: beta, Key: "silent"}, api.KindLinkLate, "Told by another alarm now"},
		{failover.Alarm{Object: lan, Key: "late"}, failover.Alarm{Object: beta, Key: "off"}, api.KindLinkLate, "Told by another alarm now"},
		{failover.Alarm{Object: lan, Key: "late"}, failover.Alarm{Object: lan, Key: "down"}, api.KindLinkLate, "Told by another alarm now"},
		{failover.Alarm{Object: lan, Key: "down"}, failover.Alarm{Object: beta, Key: "away"}, api.KindLinkSilent, "Told by another alarm now"},
		{failover.Alarm{Object: lan, Key: "late"}, failover.Alarm{Object: "link/cable", Key: "down"}, api.KindLinkRestored, "No longer"},
		{failover.Alarm{Object: lan, Key: "late"}, failover.Alarm{Object: beta, Key: "rests"}, api.KindLinkRestored, "No longer"},
		{failover.Alarm{Object: lan, Key: "unknown"}, failover.Alarm{Object: beta, Key: "off"}, api.KindLinkRestored, "No longer"},
	} {
		o := observation{over: []ended{{alarm: c.ended}}, view: &viewed{View: failover.View{
			Alarms: []failover.Alarm{c.stands},
			Links:  []failover.LinkView{{Name: "lan", Health: beat.OK}, {Name: "serial", Health: beat.HealthUnknown}}, // its plugin died
		}}}
		event := translate(nil, o)[0]
		if event.GetKind() != c.kind || !strings.HasPrefix(event.GetMessage(), c.words+": ") || event.GetSeverity() != cleared {
			t.Errorf("%v beside %v: %v", c.ended, c.stands, event)
		}
	}
}

func TestSilenceEndsAtOnceWhereThePowerIsReadOff(t *testing.T) {
	silent := failover.Alarm{Object: "node/alpha", Key: "silent", Severity: failover.Critical}
	off := failover.Alarm{Object: "node/alpha", Key: "off", Severity: failover.Major}
	var d damper
	if told, over := d.pass(0, []failover.Alarm{off}, []failover.Alarm{silent}); len(told) != 1 || len(over) != 1 {
		t.Errorf("told %v, over %v", told, over)
	}
	if _, over := d.pass(0, nil, []failover.Alarm{silent}); len(over) != 0 {
		t.Errorf("a silence that ends by itself is over at once: %v", over)
	}
}

// TestAModesEndIsToldAtOnce: who ends a mode and looks does not find it standing.
func TestAModesEndIsToldAtOnce(t *testing.T) {
	for _, key := range []string{"maintenance", "standby mode", "unmanaged mode ends", "removal"} {
		var d damper
		if _, over := d.pass(0, nil, []failover.Alarm{{Object: "store/s1", Key: key, Severity: failover.Minor}}); len(over) != 1 {
			t.Errorf("%s: over %v", key, over)
		}
	}
}

func TestEveryAlarmOfThePolicyHasAKind(t *testing.T) {
	for object, want := range map[string]string{
		"link/lan down":                    api.KindLinkSilent,
		"fence/ups fence-failed":           api.KindFenceFailed,
		"fence/ups feeds-itself":           api.KindFenceUnhealthy,
		"resource/db blocked":              api.KindResourceBlocked,
		"resource/db stop-failed":          api.KindResourceFailed,
		"node/alpha isolated":              api.KindPingGroupLost,
		"store/s1 maintenance ends":        api.KindModeEnding,
		"node/alpha something-new":         api.KindAlarm,
		"node/alpha standby mode ends":     api.KindModeEnding,
		"node/alpha standby mode":          api.KindAlarm,
		"node/alpha removal":               api.KindAlarm,
		"store/s1 maintenance":             api.KindAlarm,
		"resource/db unmanaged mode":       api.KindAlarm,
		"resource/db unmanaged mode ends":  api.KindModeEnding,
		"resource/db left-down":            api.KindResourceFailed,
		"node/alpha journal-lost":          api.KindJournalCorrupt,
		"node/alpha configuration-differs": api.KindPeerRefused,
	} {
		what, key, _ := strings.Cut(object, " ")
		if got := alarmKind(failover.Alarm{Object: what, Key: key}); got != want {
			t.Errorf("%s: %s, want %s", object, got, want)
		}
	}
}

func TestNeedsRestartNamesTheParts(t *testing.T) {
	parse := func(change func(string) string) *config.Config {
		cfg, err := config.Parse("store.yaml", []byte(change(storeFile)))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	old := parse(func(s string) string { return s })
	for name, c := range map[string]struct{ from, to, want string }{
		"a time":             {"warntime: 120ms", "warntime: 130ms", ""},
		"the policy":         {"off_time: 3s", "off_time: 4s", ""},
		"the ping group":     {"[10.0.0.254]", "[10.0.0.253]", "ping_group"},
		"a plugin's section": {"{name: lan, plugin: heartbeat, with: {}}", "{name: lan, plugin: heartbeat, with: {a: 1}}", "links"},
		"a probe":            {"every: 1s", "every: 2s", "probes"},
	} {
		t.Run(name, func(t *testing.T) {
			next := parse(func(s string) string { return strings.ReplaceAll(s, c.from, c.to) })
			if got := strings.Join(needsRestart(old, next), ","); got != c.want {
				t.Errorf("parts %q, want %q", got, c.want)
			}
		})
	}
}

func TestAlarmsThatFlickerAreOne(t *testing.T) {
	var d damper
	a := failover.Alarm{Object: "node/alpha", Key: "daemon-silent", Severity: failover.Critical}
	told, over := d.pass(0, []failover.Alarm{a}, nil)
	if len(told) != 1 || len(over) != 0 {
		t.Fatalf("told %v, over %v", told, over)
	}
	at := time.Duration(0)
	for range 20 {
		at += 50 * time.Millisecond
		if told, over = d.pass(at, nil, []failover.Alarm{a}); len(told)+len(over) != 0 {
			t.Fatalf("after %v: told %v, over %v", at, told, over)
		}
		if told, over = d.pass(at, []failover.Alarm{a}, nil); len(told)+len(over) != 0 {
			t.Fatalf("after %v: told %v, over %v", at, told, over)
		}
	}
	d.pass(at, nil, []failover.Alarm{a})
	if _, over = d.pass(at+calm, nil, nil); len(over) != 1 || over[0].alarm.Key != a.Key {
		t.Errorf("over %v", over)
	}
}

// TestAMonitorsAnswerGoesBeforeAnAction: an action waits until the regular monitor before
// it has told the policy what it found.
func TestAMonitorsAnswerGoesBeforeAnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.power["alpha"] = true
		e := &Engine{Options: Options{Clock: w.clock()}, inbox: make(chan fact)}
		r := &resource{e: e, cfg: config.Resource{Name: "db", MonitorTimeout: sdk.Duration(time.Second)}, in: &instance{e: e, ready: make(chan struct{})}}
		r.in.keep(&fakeInstance{w: w, node: "alpha", name: "resource-db"})
		go r.regular(t.Context())
		synctest.Wait()
		if r.one.TryLock() {
			t.Error("an action may begin while the answer is on its way")
			r.one.Unlock()
		}
		if state, ok := (<-e.inbox).event.(failover.ResourceState); !ok || state.Running != beat.No {
			t.Errorf("told %v", state)
		}
		synctest.Wait()
		if !r.one.TryLock() {
			t.Error("no action may begin any more")
		}
	})
}
