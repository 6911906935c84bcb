package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// order gives an operator's command at a node; it must be taken.
func (s *store) order(n *lab.Node, words ...string) {
	s.t.Helper()
	if out, err := s.Ctl(s.t.Context(), n, words...); err != nil {
		s.t.Fatal(err, out)
	}
}

// refuses gives an operator's command at a node; it must be refused in these words.
func (s *store) refuses(n *lab.Node, why string, words ...string) {
	s.t.Helper()
	if out, err := s.Ctl(s.t.Context(), n, words...); err == nil || !strings.Contains(err.Error(), why) {
		s.t.Errorf("%s at %s, want it refused with %q: %v %s", strings.Join(words, " "), n.Name, why, err, out)
	}
}

// shows waits until storewardctl status shows all words on one screen of each node.
func (s *store) shows(nodes []*lab.Node, words ...string) {
	s.t.Helper()
	for _, n := range nodes {
		s.eventually(10*time.Second, n.Name+" shows "+strings.Join(words, " and "), func() (string, bool) {
			text, err := s.Ctl(s.t.Context(), n, "status")
			if err != nil {
				return err.Error(), false
			}
			for _, word := range words {
				if !strings.Contains(text, word) {
					return text, false
				}
			}
			return "", true
		})
	}
}

// echoes are the processes of the store's one service on a node.
func (s *store) echoes(n *lab.Node) (pids []int) {
	s.t.Helper()
	found, err := n.Find(filepath.Base(lab.EchoCommand()[0]))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range found {
		pids = append(pids, p.PID)
	}
	return pids
}

// leftDead kills the service on a node and watches that nobody starts it again.
func (s *store) leftDead(n *lab.Node) {
	s.t.Helper()
	pids := s.echoes(n)
	if len(pids) != 1 {
		s.t.Fatalf("%d echo services on %s", len(pids), n.Name)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.alarm(n, "major", "echo does not run, and nobody starts it")
	s.never(time.Second, "what is left alone was started", func() bool { return len(s.echoes(n)) > 0 })
}

// TestOperatorsModes: maintenance, unmanaged and standby mode, given at either node, do
// what they say until their end, and both nodes' screens say what holds and how long.
func TestOperatorsModes(t *testing.T) {
	s := open(t, harness.Options{OffTime: time.Second})
	active := s.whole()
	standby := s.Store.Peer(active)
	both := s.Store.Nodes

	// Maintenance: nothing is started, stopped or handed over, nobody takes over.
	s.order(standby, "maintenance", "on", "--for", "20m", "--yes")
	s.shows(both, active.Name+" serves; "+standby.Name+" cannot take over now: maintenance is on", "mode: maintenance until ", "nothing is started, stopped or fenced")
	s.leftDead(active)
	s.refuses(standby, "maintenance is on", "switchover", "--yes")
	s.refuses(active, "maintenance is on", "fence", standby.Name, "--yes")
	died := func() bool { return len(s.echoes(active)) == 0 }
	s.order(active, "maintenance", "on", "--for", "1m", "--yes")
	s.never(time.Minute, "the service was started in maintenance", func() bool { return !died() })
	s.shows(both, "mode: maintenance, over its time since ", "its end would start, stop or fence something at once")
	s.never(time.Second, "the service was started although the mode stays", func() bool { return !died() })
	s.order(standby, "maintenance", "off")
	s.whole()
	if len(s.echoes(active)) != 1 {
		t.Error("the service does not run after maintenance")
	}

	// A mode that changes nothing by its end ends by itself.
	s.order(active, "unmanage", "echo", "--for", "1m", "--yes")
	s.shows(both, "mode: echo unmanaged until ", "NOT MANAGED")
	s.never(time.Minute, "the service stopped in its mode", died)
	s.historyHas(active, api.KindModeEnded, "resource/echo", 1)
	s.order(standby, "unmanage", "echo", "--yes")
	s.refuses(standby, "echo is unmanaged: manage it first", "switchover", "--yes")
	s.refuses(active, "echo is unmanaged: manage it first", "standby", active.Name, "--yes")
	s.leftDead(active)
	s.order(active, "manage", "echo")
	s.whole()

	// Standby mode: the node hands over and does not come back, whatever happens to its peer.
	s.order(standby, "standby", active.Name, "--yes")
	s.activeIs(standby, 10*time.Second)
	s.shows(both, standby.Name+" serves; "+active.Name+" cannot take over now: it is in standby mode", "mode: "+active.Name+" in standby mode until ")
	s.refuses(active, active.Name+" is in standby mode", "switchover", "--yes")
	s.refuses(active, "this would leave no eligible node: "+active.Name+" is in standby mode", "standby", standby.Name, "--yes")
	s.kill(standby)
	s.shows([]*lab.Node{active}, "NO NODE IS KNOWN TO BE ACTIVE", standby.Name+" is silent; it is not cut: this node is in standby mode")
	s.never(2*time.Second, "a node in standby mode took over", func() bool { return active.Holds(s.Store.VIP(1)) })
	s.order(active, "unstandby", active.Name)
	s.activeIs(active, 10*time.Second)
	if s.whole() != active {
		t.Error("the node that died took the store back")
	}
	s.eventually(10*time.Second, "no alarm stands", func() (string, bool) {
		for _, n := range both {
			for _, a := range s.state(n).Alarms {
				if a.Object != "probe/host" { // the machine that tests may be busy for minutes
					return n.Name + ": " + a.Message, false
				}
			}
		}
		return "", true
	})
	s.commandsThatMakeNoSense(active, standby)
}

// commandsThatMakeNoSense are refused in words that help, wherever they are given.
func (s *store) commandsThatMakeNoSense(active, standby *lab.Node) {
	s.t.Helper()
	for _, n := range s.Store.Nodes {
		for command, why := range map[string]string{
			"unstandby " + active.Name: active.Name + " is not in standby mode",
			"unstandby gamma":          `no node "gamma"`,
			"maintenance off":          "maintenance is not on",
			"manage echo":              "echo is managed already",
			"manage till":              `no resource "till"`,
			"standby gamma --yes":      `no node "gamma"`,
			"standby " + standby.Name + " --for=-1h --yes":     "a mode lasts a minute at least",
			"readmit " + standby.Name:                          standby.Name + " is not removed",
			"restart till --yes":                               `no resource "till"`,
			"standby " + standby.Name:                          "nothing was done yet, because this has a consequence: " + standby.Name + " gives up the service",
			"remove " + n.Name + " --yes":                      n.Name + " is this node itself: say it at " + s.Store.Peer(n).Name,
			"remove " + s.Store.Peer(n).Name + " --yes":        s.Store.Peer(n).Name + " shows life",
			"fence-confirm " + s.Store.Peer(n).Name + " --yes": s.Store.Peer(n).Name + " shows life",
		} {
			s.refuses(n, why, strings.Fields(command)...)
		}
	}
	s.refuses(standby, active.Name+" is active: the active node decides", "fence", active.Name, "--yes")
	if s.whole() != active {
		s.t.Error("a refused command moved the store")
	}
}
