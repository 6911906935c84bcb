package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// TestM2NoLinkIsASinglePointOfFailure: of cable, network and serial line any one
// keeps the pair together; only when all three are cut a node is.
func TestM2NoLinkIsASinglePointOfFailure(t *testing.T) {
	s := open(t, harness.Options{SerialBaud: lab.SerialBaud, Multicast: true, Timing: harness.Default})
	active := s.whole()
	standby := s.Store.Peer(active)
	links := map[string]string{"cable": "cable", "lan": "lan-" + standby.Name, "serial": "serial"}
	s.linksAre(standby, "cable", "lan", "serial")
	for _, left := range []string{"serial", "lan", "cable"} {
		for name, port := range links {
			if name != left {
				s.do("cut", port)
			}
		}
		s.linksAre(standby, left)
		s.never(3*time.Second, "the store moved although "+left+" was whole", func() bool {
			return s.Active() != active || !active.Alive() || !standby.Alive() || !s.state(standby).GetPeerHeard()
		})
		for _, port := range links {
			s.do("mend", port)
		}
		s.linksAre(standby, "cable", "lan", "serial")
	}
	if active.Boots() != 1 || standby.Boots() != 1 {
		t.Fatal("a node was cut")
	}
	s.timing(standby, "cable", "lan", "serial")
	for _, port := range []string{"cable", "serial", "lan-" + active.Name} {
		s.do("cut", port)
	}
	s.activeIs(standby, 15*time.Second)
}

// timing checks that a node has measured its links, and recommends nothing yet.
func (s *store) timing(n *lab.Node, links ...string) {
	s.t.Helper()
	out, err := s.Ctl(s.t.Context(), n, "timing", "-o", "json")
	if err != nil {
		s.t.Fatal(err)
	}
	var told struct {
		Links []struct {
			Link  string
			Count int
		}
		Any    struct{ Count int }
		Advice struct{ Given bool }
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, l := range told.Links {
		names = append(names, l.Link)
		if l.Count == 0 || l.Count > told.Any.Count {
			s.t.Errorf("%s has %d beats of %d", l.Link, l.Count, told.Any.Count)
		}
	}
	if !slices.Equal(names, links) || told.Advice.Given {
		s.t.Errorf("timing: %s", out)
	}
}

// TestM2SlowSerialLine: at 9600 baud the line carries a timing that is made for it,
// alone; with the default timing it says that it cannot.
func TestM2SlowSerialLine(t *testing.T) {
	slow := harness.Timing{
		Name: "9600 baud", Interval: 500 * time.Millisecond, Warntime: 1500 * time.Millisecond,
		Deadtime: 2 * time.Second, Initdead: 10 * time.Second, Analyse: 300 * time.Millisecond,
	}
	for _, timing := range []harness.Timing{slow, harness.Default} {
		t.Run(timing.Name, func(t *testing.T) {
			s := open(t, harness.Options{SerialBaud: 9600, Timing: timing})
			active := s.whole()
			standby := s.Store.Peer(active)
			if timing == harness.Default {
				s.eventually(20*time.Second, "the line says that it is too slow", func() (string, bool) {
					links := s.state(standby).GetLinks()
					message := links[len(links)-1].GetMessage()
					return message, strings.Contains(message, "at 9600 baud, and they come faster")
				})
				return
			}
			s.do("cut", "cable")
			s.do("cut", "lan-"+standby.Name)
			s.linksAre(standby, "serial")
			s.never(8*time.Second, "the line did not keep the pair together", func() bool {
				return s.Active() != active || !s.state(standby).GetPeerHeard() || !s.state(active).GetPeerHeard()
			})
			if active.Boots() != 1 || standby.Boots() != 1 {
				t.Error("a node was cut")
			}
		})
	}
}

// linksAre waits until a node hears its peer on these links and on no other.
func (s *store) linksAre(n *lab.Node, names ...string) {
	s.t.Helper()
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	s.eventually(20*time.Second, n.Name+" hears its peer on these links alone", func() (string, bool) {
		state, err := s.State(s.t.Context(), n)
		if err != nil {
			return err.Error(), false
		}
		text, good := "", true
		for _, l := range state.GetLinks() {
			text += l.GetName() + " " + l.GetHealth() + " (" + l.GetMessage() + "); "
			good = good && (l.GetHealth() == api.HealthOK) == want[l.GetName()]
		}
		return text, good
	})
}

// TestM2OldBytesCauseNothing: what a serial line hoarded comes out while all is
// well; and from the moment of a node's death on until well after the takeover.
func TestM2OldBytesCauseNothing(t *testing.T) {
	s := open(t, harness.Options{SerialBaud: lab.SerialBaud, OffTime: 8 * time.Second})
	active := s.whole()
	survivor := s.Store.Peer(active)

	s.hoard(3000)
	s.do("serial", "deliver")
	s.never(2*time.Second, "old bytes moved the store", func() bool { return s.Active() != active || !s.state(survivor).GetPeerHeard() })

	s.hoard(10000)
	s.kill(active)
	s.do("serial", "deliver")
	s.activeIs(survivor, 5*time.Second)
	generation := s.state(survivor).GetGeneration()
	s.never(4*time.Second, "a dead node's old beats counted", func() bool {
		state := s.state(survivor)
		return state.GetPeerHeard() || state.GetRole() != "active" || state.GetGeneration() != generation
	})
	if s.told(survivor, api.KindFenceOrdered, "fence/ups-"+active.Name) != 1 {
		t.Error("the dead node was cut again")
	}
	s.whole()
}

// TestM2SickSerialLineSaysSo: a line that brings our own bytes back, or noise, is
// named as what it is, moves nothing, and is well again by itself.
func TestM2SickSerialLineSaysSo(t *testing.T) {
	s := open(t, harness.Options{SerialBaud: lab.SerialBaud})
	active := s.whole()
	standby := s.Store.Peer(active)
	s.linksAre(standby, "cable", "lan", "serial")
	for illness, words := range map[string]string{"cross": "our own bytes come back", "garble": "no beat is whole"} {
		s.do("serial", illness)
		for _, n := range s.Store.Nodes {
			s.eventually(20*time.Second, n.Name+" says: "+words, func() (string, bool) {
				state, err := s.State(s.t.Context(), n)
				if err != nil {
					return err.Error(), false
				}
				links := state.GetLinks()
				l := links[len(links)-1]
				return l.GetHealth() + ": " + l.GetMessage(), l.GetHealth() == api.HealthUnknown && strings.Contains(l.GetMessage(), words)
			})
		}
		s.do("serial", "well")
		s.linksAre(standby, "cable", "lan", "serial")
	}
	if s.whole() != active || active.Boots() != 1 || standby.Boots() != 1 {
		t.Error("the store moved")
	}
}

// hoard lets the serial line keep everything until so many bytes wait for each node.
func (s *store) hoard(bytes int) {
	s.t.Helper()
	s.do("serial", "hoard")
	s.eventually(40*time.Second, fmt.Sprintf("the serial line hoards %d bytes", bytes), func() (string, bool) {
		one, other := s.Store.Serial.Hoarded(0), s.Store.Serial.Hoarded(1)
		return fmt.Sprint(one, other), min(one, other) >= bytes
	})
}
