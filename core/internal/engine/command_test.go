package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
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
		w.until("the data are blocked on beta", time.Minute, func() bool { return beta.engine.ailsHere("db") })
		if answer := w.say("beta", "switchover", ""); !strings.HasPrefix(answer, "Accepted: switchover.") {
			t.Fatalf("back: %q", answer)
		}
		w.until("alpha serves", 5*time.Second, func() bool { return w.runs("alpha", "db") && beta.engine.viewOf().Peer.Role == beat.Active })
		<-time.After(time.Second)
		for _, step := range []struct{ at, name, want string }{
			{"alpha", "switchover", "something is blocked on beta: clean it up there first"},
			{"alpha", "cleanup", "Nothing to clean up on alpha; db is blocked on beta: say it there."},
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

// TestWhatTheAnswerToACleanupAdds: only what the peer, which is heard, said just now.
func TestWhatTheAnswerToACleanupAdds(t *testing.T) {
	news := &peerpb.News{Status: &api.Status{Resources: []*api.ResourceStatus{{Name: "ip", State: "started"}, {Name: "cache", State: "failed"}}}}
	for name, c := range map[string]struct {
		channel      Peer
		target       string
		here, silent bool
		want         string
	}{
		"no channel":       {channel: nil, target: "cache", want: "Done."},
		"no word":          {channel: fakeChannel{}, target: "cache", want: "Done."},
		"a stale word":     {channel: fakeChannel{news: news, age: 2 * freshNews}, target: "cache", want: "Done."},
		"a silent peer":    {channel: fakeChannel{news: news}, target: "cache", silent: true, want: "Done."},
		"what runs there":  {channel: fakeChannel{news: news}, target: "ip", here: true, want: "Done."},
		"one that is gone": {channel: fakeChannel{news: news}, target: "tape", want: "Done."},
		"only there":       {channel: fakeChannel{news: news}, target: "cache", want: "Nothing to clean up on alpha; cache is failed on beta: say it there."},
		"on both":          {channel: fakeChannel{news: news}, target: "cache", here: true, want: "Done. It is failed on beta, too: say it there as well."},
	} {
		e := &Engine{Options: Options{Node: "alpha", Peer: c.channel, Clock: Clock{Wall: time.Now}}, peer: "beta"}
		e.view.Store(&viewed{View: failover.View{Peer: failover.PeerView{Heard: !c.silent}}})
		if got := e.cleaned(c.target, c.here, "Done."); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
