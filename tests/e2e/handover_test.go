package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// unhurried leaves time to cut a power while a grant is on its way.
var unhurried = harness.Timing{
	Name: "unhurried", Interval: 100 * time.Millisecond, Warntime: 250 * time.Millisecond,
	Deadtime: 600 * time.Millisecond, Initdead: 10 * time.Second, Analyse: 100 * time.Millisecond,
}

// hold has a command of the database on a node wait until it is let go.
func (s *store) hold(n *lab.Node, command string) (letGo func()) {
	s.t.Helper()
	file := filepath.Join(n.Etc(), "hold-"+command)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.t.Helper()
		if err := os.Remove(file); err != nil {
			s.t.Fatal(err)
		}
	}
}

// deafen makes a node lose all beats that come to it, or hear again.
func (s *store) deafen(n *lab.Node, percent string) {
	s.t.Helper()
	s.do("loss", n.ID(), "cable", percent)
	s.do("loss", n.ID(), "lan", percent)
}

// decides waits until a node's decision holds one of the words.
func (s *store) decides(n *lab.Node, words ...string) (seen string) {
	s.t.Helper()
	s.eventually(10*time.Second, n.Name+" decides: "+strings.Join(words, " or "), func() (string, bool) {
		seen = s.state(n).GetDecision()
		for _, word := range words {
			if strings.Contains(seen, word) {
				return seen, true
			}
		}
		return seen, false
	})
	return seen
}

// TestM7SwitchoverInterrupted: the power of the giver or of the taker is cut while the
// giver stops, while the grant is given and not yet heard, and while the taker starts.
// Whoever is left serves, alone.
func TestM7SwitchoverInterrupted(t *testing.T) {
	s := openLayered(t, unhurried)
	// Each step brings a switchover that has begun to its moment, and returns what lets it go on.
	steps := []struct {
		name string
		to   func(giver, taker *lab.Node) (letGo func())
	}{
		{"the giver stops", func(giver, _ *lab.Node) func() {
			letGo := s.hold(giver, "demote")
			s.switchover(giver)
			s.decides(giver, "giving up the active role")
			return func() {
				if giver.Alive() { // it notices before it has stopped
					s.decides(giver, "is silent", "is off")
				}
				letGo()
			}
		}},
		{"the grant is on its way", func(giver, taker *lab.Node) func() {
			letGo := s.hold(giver, "demote")
			s.switchover(giver)
			s.decides(giver, "giving up the active role")
			s.deafen(taker, "100")
			letGo()
			s.t.Log(s.decides(giver, taker.Name+" was granted", "active; peer")) // the second on a machine that is very slow: it gave up
			return func() { s.deafen(taker, "0") }
		}},
		{"the taker starts", func(giver, taker *lab.Node) func() {
			letGo := s.hold(taker, "promote")
			s.switchover(giver)
			s.eventually(10*time.Second, taker.Name+" starts", func() (string, bool) {
				state := s.state(taker)
				return state.GetDecision(), state.GetRole() == "active" && s.resource(taker, "sales").GetState() == "starting"
			})
			return letGo
		}},
	}
	for _, step := range steps {
		for _, victim := range []string{"giver", "taker"} {
			giver := s.whole()
			taker := s.Store.Peer(giver)
			s.isWarm(taker)
			s.whole() // the giver knows it too
			generation := s.state(giver).GetGeneration()
			letGo := step.to(giver, taker)
			dead, survivor := giver, taker
			if victim == "taker" {
				dead, survivor = taker, giver
			}
			boots, began := survivor.Boots(), time.Now()
			s.kill(dead)
			letGo()
			s.activeIs(survivor, 30*time.Second)
			t.Logf("%s, the %s's power is cut: the other one is active after %v", step.name, victim, time.Since(began).Round(time.Millisecond))
			if s.whole() != survivor {
				t.Fatalf("%s, the %s's power was cut: the store went back", step.name, victim)
			}
			if now := s.state(survivor).GetGeneration(); victim == "giver" && now <= generation {
				t.Errorf("%s: active with generation %d after %d", step.name, now, generation)
			}
			if survivor.Boots() != boots {
				t.Errorf("%s: the survivor was cut", step.name)
			}
		}
	}
}

func (s *store) switchover(n *lab.Node) {
	s.t.Helper()
	if out, err := s.Ctl(s.t.Context(), n, "switchover", "--yes"); err != nil {
		s.t.Fatal(err, out)
	}
}
