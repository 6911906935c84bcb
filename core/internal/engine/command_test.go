package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

// nearChannel is a peer channel to a daemon of the same world.
type nearChannel struct {
	fakeChannel
	w    *world
	node string // at its other end
}

func (c nearChannel) Latest() (*peerpb.News, time.Time) {
	if d := c.w.at(c.node); d != nil {
		return d.engine.PeerSide().News(), time.Now().Add(-c.age)
	}
	return nil, time.Time{}
}

func (c nearChannel) Command(ctx context.Context, r *peerpb.CommandRequest) (*peerpb.CommandReply, error) {
	return c.w.at(c.node).engine.PeerSide().Command(ctx, r), nil
}

// say gives a command at a node and returns its answer, or why it was refused.
func (w *world) say(node, name, target string) string {
	reply, err := w.at(node).engine.Command(w.t.Context(), control.Command{Name: name, Target: target, Operator: "ann"})
	return reply.Message + errText(err)
}

func (w *world) pid(node, resource string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[node][resource]
}

func (w *world) promotedOn() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.promoted
}

// TestWhereAResourceIsRestarted: where it runs, if that is where it is said; else on the active
// node. The answer names the node, and nothing else is touched.
func TestWhereAResourceIsRestarted(t *testing.T) {
	for name, c := range map[string]struct{ at, verb, target, answer, renewed string }{
		"a warm layer on the standby":      {"beta", "restart", "cache", "restart cache on beta", "beta"},
		"a warm layer on the active node":  {"alpha", "restart", "cache", "restart cache on alpha", "alpha"},
		"the data, said on the standby":    {"beta", "restart", "db", "restart db on alpha", "alpha"},
		"the data":                         {"alpha", "restart", "db", "restart db on alpha", "alpha"},
		"nothing for a cleanup":            {"alpha", "cleanup", "db", "cleanup db on alpha", ""},
		"nothing for one on the standby":   {"beta", "cleanup", "db", "cleanup db on beta", ""},
		"nothing for one of a warm layer":  {"beta", "cleanup", "cache", "cleanup cache on beta", ""},
		"nothing that is not known":        {"beta", "restart", "tape", "no resource tape", ""},
		"nothing that is not known at all": {"beta", "cleanup", "tape", "no resource tape", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				w.channels["alpha"], w.channels["beta"] = nearChannel{w: w, node: "beta"}, nearChannel{w: w, node: "alpha"}
				w.boot("alpha")
				w.boot("beta")
				w.whole("alpha")
				before := map[string]int{}
				nodes, resources := []string{"alpha", "beta"}, []string{"ip", "db", "cache"}
				for _, node := range nodes {
					for _, resource := range resources {
						before[node+resource] = w.pid(node, resource)
					}
				}
				if answer := w.say(c.at, c.verb, c.target); !strings.Contains(answer, c.answer) {
					t.Errorf("answer %q, want %q", answer, c.answer)
				}
				<-time.After(3 * time.Second)
				for _, node := range nodes {
					for _, resource := range resources {
						renewed := w.pid(node, resource) != before[node+resource]
						if want := node == c.renewed && resource == c.target; renewed != want {
							t.Errorf("%s on %s was restarted: %v", resource, node, renewed)
						}
					}
				}
				if w.promotedOn() != "alpha" || !w.at("alpha").engine.viewOf().Redundant {
					t.Errorf("the cache is promoted on %q, or the pair is not whole", w.promotedOn())
				}
			})
		})
	}
}

// TestACleanupIsSaidWhereItIsWanted: each node has failures of its own; who is asked on the
// other one says so, if the peer's word is fresh.
func TestACleanupIsSaidWhereItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.channels["alpha"], w.channels["beta"] = nearChannel{w: w, node: "beta"}, nearChannel{w: w, node: "alpha"}
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.spoiled = "beta"
		w.mu.Unlock()
		w.say("alpha", "switchover", "")
		w.until("the data are blocked on beta", time.Minute, func() bool {
			return slices.ContainsFunc(beta.engine.viewOf().Alarms, func(a failover.Alarm) bool { return a.Key == "blocked" })
		})
		if answer := w.say("beta", "switchover", ""); !strings.HasPrefix(answer, "Accepted: switchover.") {
			t.Fatalf("back: %q", answer)
		}
		w.until("alpha serves", 5*time.Second, func() bool { return w.runs("alpha", "db") && beta.engine.viewOf().Peer.Role == beat.Active })
		<-time.After(time.Second)
		for _, step := range []struct{ at, name, want string }{
			{"alpha", "switchover", "something is blocked on beta: clean it up there first"},
			{"alpha", "cleanup", "refused: nothing to clean up on alpha; db is blocked on beta: say it there"},
			{"alpha", "switchover", "something is blocked on beta: clean it up there first"},
			{"beta", "cleanup", "Accepted: cleanup db on beta. storewardctl status shows how it goes."},
			{"alpha", "cleanup", "Accepted: cleanup db on alpha. storewardctl status shows how it goes."},
			{"beta", "switchover", "Accepted: switchover. storewardctl status shows how it goes."},
		} {
			target := ""
			if step.name == "cleanup" {
				target = "db"
			}
			if answer := w.say(step.at, step.name, target); !strings.HasSuffix(answer, step.want) {
				t.Errorf("%s at %s: %q, want %q", step.name, step.at, answer, step.want)
			}
			<-time.After(2 * time.Second)
		}
	})
}

// TestACleanupOfAStopThatFails: it is tried again and again, and never done where it is not wanted.
func TestACleanupOfAStopThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.channels["alpha"], w.channels["beta"] = nearChannel{w: w, node: "beta"}, nearChannel{w: w, node: "alpha"}
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.stuck, w.refuse = "alpha", true
		w.mu.Unlock()
		w.say("alpha", "switchover", "")
		w.until("the stop fails", time.Minute, func() bool {
			return slices.ContainsFunc(alpha.engine.viewOf().Alarms, func(a failover.Alarm) bool { return a.Key == "stop-failed" })
		})
		<-time.After(100 * time.Millisecond) // for the clerk, and before the watchdog
		if answer := w.say("beta", "cleanup", "db"); answer != "refused: nothing to clean up on beta; db did not stop on alpha: say it there" {
			t.Errorf("at beta: %q", answer)
		}
		if answer := w.say("alpha", "cleanup", "db"); !strings.HasPrefix(answer, "Accepted: cleanup db on alpha.") {
			t.Errorf("at alpha: %q", answer)
		}
		w.mu.Lock()
		w.stuck = ""
		w.mu.Unlock()
	})
}

// TestWhereACleanupIsWanted: where an alarm that wants one stands; of the peer's only what it
// said just now, and only as long as it is heard.
func TestWhereACleanupIsWanted(t *testing.T) {
	news := func(alarms ...string) *peerpb.News {
		out := &peerpb.News{}
		for _, a := range alarms {
			object, condition, _ := strings.Cut(a, " ")
			out.Alarms = append(out.Alarms, &peerpb.Alarm{Object: object, Condition: condition})
		}
		return out
	}
	failed := fakeChannel{news: news("resource/db blocked", "resource/cache degraded", "resource/cache failed")}
	for name, c := range map[string]struct {
		channel Peer
		target  string
		here    string // the condition of an alarm of this node's
		silent  bool
		want    string
	}{
		"no channel":          {channel: nil, target: "cache", want: "Accepted: cleanup cache on alpha."},
		"no word":             {channel: fakeChannel{}, target: "cache", want: "Accepted: cleanup cache on alpha."},
		"a stale word":        {channel: fakeChannel{news: failed.news, age: 2 * freshNews}, target: "cache", want: "Accepted: cleanup cache on alpha."},
		"a silent peer":       {channel: failed, target: "cache", silent: true, want: "Accepted: cleanup cache on alpha."},
		"what runs there":     {channel: failed, target: "ip", want: "Accepted: cleanup ip on alpha."},
		"here alone":          {channel: failed, target: "ip", here: "blocked", want: "Accepted: cleanup ip on alpha."},
		"only there":          {channel: failed, target: "cache", want: "refused: nothing to clean up on alpha; cache failed on beta: say it there"},
		"a small trouble":     {channel: failed, target: "cache", here: "degraded", want: "refused: nothing to clean up on alpha; cache failed on beta: say it there"},
		"on both":             {channel: failed, target: "cache", here: "stop-failed", want: "It failed on beta, too: say it there as well."},
		"it left here":        {channel: failed, target: "db", here: "unconfigured", want: "It is blocked on beta, too: say it there as well."},
		"it left there":       {channel: fakeChannel{news: news("resource/tape unconfigured")}, target: "tape", want: "tape left the configuration of beta: say it there"},
		"it does not stop":    {channel: fakeChannel{news: news("resource/db stop-failed")}, target: "db", want: "db did not stop on beta: say it there"},
		"a probe of its name": {channel: fakeChannel{news: news("probe/db failed")}, target: "db", want: "Accepted: cleanup db on alpha."},
	} {
		e := &Engine{Options: Options{Node: "alpha", Peer: c.channel, Clock: Clock{Wall: time.Now}}, peer: "beta", inbox: make(chan fact, 1)}
		e.drills = &drills{e: e}
		e.cfg.Store(&config.Config{})
		v := failover.View{Peer: failover.PeerView{Heard: !c.silent}, Alarms: []failover.Alarm{{Object: "resource/" + c.target, Key: c.here}}}
		e.view.Store(&viewed{View: v})
		go func() {
			for f := range e.inbox {
				f.reply <- failover.Answer{}
			}
		}()
		reply, err := e.Command(t.Context(), control.Command{Name: "cleanup", Target: c.target})
		close(e.inbox)
		if got := reply.Message + errText(err); !strings.Contains(got, c.want) || (err == nil) != strings.HasPrefix(got, "Accepted") || strings.Contains(got, "too") != strings.Contains(c.want, "too") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
