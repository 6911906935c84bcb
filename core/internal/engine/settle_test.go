package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/sdk"
)

// leave has a node's next daemon find alarms of the one before it.
func (w *world) leave(node string, objects ...control.Alarm) {
	w.t.Helper()
	for i := range objects {
		objects[i].Kind, objects[i].Severity, objects[i].Message = api.KindAlarm, "major", "Something is wrong."
	}
	text, err := json.Marshal(objects)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[node+"/"+alarmsRecord] = text
}

// ail has a probe find its thing down, or well again.
func (w *world) ail(probe string, ails bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ailing["probe-"+probe] = ails
}

// silence has a node's supply answer nobody, or again.
func (w *world) silence(node string, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unread[node] = silent
}

// ends counts the ends of an alarm that a daemon told.
func (d *fakeDaemon) ends(object, condition string) (n int) {
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	for _, e := range d.sink.events {
		if e.GetObject() == object && e.GetCondition() == condition && e.GetSeverity() == cleared {
			n++
		}
	}
	return n
}

func (d *fakeDaemon) stands(object, condition string) bool {
	return slices.ContainsFunc(d.engine.clerk.alarms.list(), func(a control.Alarm) bool { return a.Object == object && a.Condition == condition })
}

// endsAfter waits for an alarm's end, and tells how long after the daemon's start it came.
func (w *world) endsAfter(d *fakeDaemon, object, condition string) time.Duration {
	w.t.Helper()
	w.until(object+" "+condition+" ends", 10*time.Minute, func() bool { return d.ends(object, condition) == 1 })
	return d.engine.Clock.Now() - d.engine.begun
}

const slowProbe = "  - {name: slow, plugin: http, every: 31s, timeout: 500ms, on: both, with: {}}\n"

// TestFormerProbe: a probe that is asked each half minute needs two findings to be told again, and one
// that is well ends its alarm with the first answer; one that is not configured any more
// waits for neither.
func TestFormerProbe(t *testing.T) {
	for name, c := range map[string]struct {
		ails, gone bool
		least      time.Duration // until its end; 0: it has none
		most       time.Duration
	}{
		"down all along": {ails: true},
		"well again":     {least: settleAfter, most: 2 * settleAfter},
		"gone":           {ails: true, gone: true, least: settleAfter, most: settleAfter + 2*growEvery},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := calmWorld(t)
				defer w.close()
				w.extra = slowProbe
				w.ail("slow", true)
				w.boot("alpha")
				beta := w.boot("beta")
				w.whole("alpha")
				w.until("beta tells", 5*time.Minute, func() bool { return beta.stands("probe/slow", api.ConditionUnwell) })
				w.cut("beta")
				<-beta.done
				w.ail("slow", c.ails)
				if c.gone {
					w.extra = ""
				}
				<-time.After(10 * time.Second)
				beta = w.boot("beta")
				if c.least == 0 {
					<-time.After(100 * time.Second)
					if n := beta.ends("probe/slow", api.ConditionUnwell); n != 0 || !beta.stands("probe/slow", api.ConditionUnwell) {
						t.Errorf("%d ends of what holds", n)
					}
					return
				}
				if after := w.endsAfter(beta, "probe/slow", api.ConditionUnwell); after < c.least || after > c.most {
					t.Errorf("ended %v after the start", after)
				}
			})
		})
	}
}

// TestFormerSilence: with a long patience for a peer that boots, its absence is
// told late; it is not ended before.
func TestFormerSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.initdead = "40s"
		w.stayOff()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.cut("alpha")
		w.until("beta tells", time.Minute, func() bool { return beta.stands("node/alpha", "off") })
		w.cut("beta")
		<-beta.done
		beta = w.boot("beta")
		<-time.After(150 * time.Second)
		if n := beta.ends("node/alpha", "off"); n != 0 || !beta.stands("node/alpha", "off") {
			t.Errorf("%d ends of what holds; alarms %v", n, beta.engine.clerk.alarms.list())
		}
	})
}

// TestFormerConditionOfADeviceThatIsNotRead: what it was nobody knows.
func TestFormerConditionOfADeviceThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.boot("alpha")
		w.leave("beta", control.Alarm{Object: "fence/ups-alpha", Condition: api.ConditionOnBattery})
		beta := w.boot("beta")
		w.whole("alpha")
		w.cut("beta")
		<-beta.done
		w.silence("alpha", true)
		beta = w.boot("beta")
		<-time.After(130 * time.Second)
		if n := beta.ends("fence/ups-alpha", api.ConditionOnBattery); n != 0 {
			t.Errorf("%d ends of what nobody knows", n)
		}
		w.silence("alpha", false)
		w.endsAfter(beta, "fence/ups-alpha", api.ConditionOnBattery)
	})
}

// TestFormerAlarmsEndOnceJudged: each when its own teller, or the policy, has looked.
func TestFormerAlarmsEndOnceJudged(t *testing.T) {
	former := []control.Alarm{
		{Object: "probe/sale", Condition: api.ConditionUnwell},
		{Object: "resource/db", Condition: api.ConditionDown},
		{Object: "link/lan", Condition: api.ConditionDown},
		{Object: "fence/ups-beta", Condition: "unproven"},
		{Object: "store/s0001", Condition: api.ConditionDrill},
		{Object: "node/beta", Condition: "silent"},
		{Object: "plugin/http", Condition: api.ConditionDown},
		{Object: "plugin/gone", Condition: api.ConditionDown},
		{Object: "node/alpha", Condition: api.ConditionNotRedundant},
	}
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.leave("alpha", slices.Clone(former)...)
		alpha := w.boot("alpha")
		ended := func(wants ...int) {
			t.Helper()
			for i, want := range wants {
				if n := alpha.ends(former[i].Object, former[i].Condition); n != want {
					t.Errorf("%v after the start: %d ends of %s %s, want %d", alpha.engine.Clock.Now()-alpha.engine.begun, n, former[i].Object, former[i].Condition, want)
				}
			}
		}
		// Alone, and not able to tell the peer's state: its supply answers nobody.
		w.silence("beta", true)
		<-time.After(130 * time.Second)
		ended(0, 0, 0, 0, 0, 0, 0, 1, 0)
		w.silence("beta", false)
		w.boot("beta")
		w.whole("alpha")
		ended(1, 0, 0, 0, 0, 1, 0, 1, 1) // the policy told anew that beta was silent
		alpha.engine.PluginHappened(PluginEvent{Plugin: "http", Kind: "started"})
		<-time.After(policyWait(alpha.engine.Config) + time.Minute)
		ended(1, 1, 1, 1, 1, 1, 1, 1, 1)
	})
}

// fakeChannel is a peer channel with the peer's last news.
type fakeChannel struct {
	news *peerpb.News
	age  time.Duration
}

var errNoChannel = errors.New("the channel is down")

func (c fakeChannel) Latest() (*peerpb.News, time.Time) { return c.news, time.Now().Add(-c.age) }

func (c fakeChannel) Snapshot(context.Context, time.Time) (*api.Snapshot, error) {
	return nil, errNoChannel
}

func (c fakeChannel) Command(context.Context, *peerpb.CommandRequest) (*peerpb.CommandReply, error) {
	return nil, errNoChannel
}

func (c fakeChannel) Configuration(context.Context, *peerpb.ConfigurationRequest) (*peerpb.Settings, error) {
	return nil, errNoChannel
}

// TestFormerAlarmsWaitForThePeer: for its word while it is heard, but not for ever.
func TestFormerAlarmsWaitForThePeer(t *testing.T) {
	told := &peerpb.News{Alarms: []*peerpb.Alarm{{Object: "fence/gone", Condition: api.ConditionUnwell}}}
	own := &peerpb.News{Alarms: []*peerpb.Alarm{{Object: "probe/gone", Condition: api.ConditionUnwell}}}
	for name, c := range map[string]struct {
		channel Peer
		after   time.Duration // 0: the peer's to end
	}{
		"no channel":         {nil, settleAfter},
		"it tells nothing":   {fakeChannel{news: &peerpb.News{}}, settleAfter},
		"it tells the alarm": {fakeChannel{news: told}, 0},
		"one of its own":     {fakeChannel{news: own}, settleAfter},
		"it is mute":         {fakeChannel{}, settleAfter + peerPatience},
		"its word is stale":  {fakeChannel{news: told, age: 2 * freshNews}, settleAfter + peerPatience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := calmWorld(t)
				defer w.close()
				object := "fence/gone"
				if name == "one of its own" {
					object = "probe/gone"
				}
				w.leave("beta", control.Alarm{Object: object, Condition: api.ConditionUnwell})
				w.channels["beta"] = c.channel
				w.boot("alpha")
				beta := w.boot("beta")
				w.whole("alpha")
				if c.after == 0 {
					<-time.After(settleAfter + 5*time.Second)
					if n := beta.ends(object, api.ConditionUnwell); n != 0 || !beta.engine.clerk.alarms.settled() {
						t.Errorf("%d ends of the peer's alarm, or it still waits", n)
					}
					return
				}
				if after := w.endsAfter(beta, object, api.ConditionUnwell); after < c.after || after > c.after+2*growEvery {
					t.Errorf("ended %v after the start, want %v", after, c.after)
				}
			})
		})
	}
}

// TestProbeThatRestsWhileANodeJoins: that a node which joins does not ask what the
// active one asks says nothing about it.
func TestProbeThatRestsWhileANodeJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.initdead = "40s"
		w.leave("alpha", control.Alarm{Object: "probe/sale", Condition: api.ConditionUnwell})
		w.ail("sale", true)
		alpha := w.boot("alpha")
		<-time.After(150 * time.Second)
		if n := alpha.ends("probe/sale", api.ConditionUnwell); n != 0 || !alpha.stands("probe/sale", api.ConditionUnwell) {
			t.Errorf("%d ends of what holds, role %v", n, alpha.engine.viewOf().Role)
		}
	})
}

// TestFormerConditionThatIsThePeersToTell: a node that reads its own supply on battery
// ends no alarm of that, although its peer does not tell it.
func TestFormerConditionThatIsThePeersToTell(t *testing.T) {
	for name, channel := range map[string]Peer{
		"the peer is mute":                fakeChannel{},
		"the peer cannot read the device": fakeChannel{news: &peerpb.News{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const supply = "fence/ups-alpha"
				w := calmWorld(t)
				defer w.close()
				w.leave("alpha", control.Alarm{Object: supply, Condition: api.ConditionOnBattery}, control.Alarm{Object: supply, Condition: "replace-battery"})
				w.channels["alpha"] = channel
				w.complain("alpha", sdk.Condition{Key: api.ConditionOnBattery, Message: "the UPS runs on its battery"})
				alpha := w.boot("alpha")
				w.boot("beta")
				w.whole("alpha")
				<-time.After(policyWait(alpha.engine.Config) + peerPatience + time.Minute)
				if n := alpha.ends(supply, api.ConditionOnBattery); n != 0 || alpha.stands(supply, api.ConditionOnBattery) {
					t.Errorf("%d ends of what holds and is the peer's to tell", n)
				}
				if n := alpha.ends(supply, "replace-battery"); n != 1 {
					t.Errorf("%d ends of what holds no longer", n)
				}
				w.complain("alpha")
				w.endsAfter(alpha, supply, api.ConditionOnBattery)
			})
		})
	}
}

// TestJudgedIsSaidOnce: it is news until the clerk has it, and only while an alarm of the
// past waits for a judge.
func TestJudgedIsSaidOnce(t *testing.T) {
	w := calmWorld(t)
	log, _ := test.NewNullLogger()
	clerkOf := func() *clerk {
		return newClerk(&Engine{Options: Options{Node: "alpha", Records: fakeRecords{w, "alpha"}, Log: log}})
	}
	c := clerkOf()
	c.judged("probe/sale")
	if news, _ := c.news.takeAll(); len(news) != 0 {
		t.Errorf("%d news although nothing waits", len(news))
	}
	w.leave("alpha", control.Alarm{Object: "probe/sale", Condition: api.ConditionUnwell})
	c = clerkOf()
	c.judged("probe/sale")
	news, _ := c.news.takeAll()
	if len(news) != 1 {
		t.Fatalf("%d news, want 1", len(news))
	}
	c.judged("probe/sale") // the first may have been dropped by a queue that was full
	if again, _ := c.news.takeAll(); len(again) != 1 {
		t.Errorf("%d news before the clerk knows, want 1", len(again))
	}
	c.handle(t.Context(), news[0])
	c.judged("probe/sale")
	c.judged("probe/slow")
	if again, _ := c.news.takeAll(); len(again) != 1 || again[0].judged != "probe/slow" {
		t.Errorf("news %v once the clerk knows", again)
	}
}

// TestDrillsAreNotJudgedWhileANodeJoins: it may be the one to tell of them in a moment.
func TestDrillsAreNotJudgedWhileANodeJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := calmWorld(t)
		defer w.close()
		w.initdead = "150s"
		w.leave("alpha", control.Alarm{Object: "store/s0001", Condition: api.ConditionDrill})
		alpha := w.boot("alpha")
		<-time.After(2*time.Minute + time.Second)
		if role := alpha.engine.viewOf().Role; role != beat.Joining || alpha.engine.clerk.settling.has("store/s0001") {
			t.Errorf("judged by a node that is %v", role)
		}
		w.endsAfter(alpha, "store/s0001", api.ConditionDrill)
	})
}
