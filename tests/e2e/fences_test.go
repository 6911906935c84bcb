package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// TestM5OtherFences: one node hangs on an APC UPS that is spoken to with SNMPv3
// authPriv, the other has two power supplies on one rack PDU. Each is cut by the
// other, and comes back.
func TestM5OtherFences(t *testing.T) {
	s := open(t, harness.Options{
		Lab: lab.Options{Fences: map[string]lab.Fence{
			"alpha": {Kind: "apcups"},
			"beta":  {Kind: "rpdu", Outlets: []int{2, 5}},
		}},
		Secure: map[string]bool{"alpha": true},
	})
	for range 2 { // each in its turn
		active := s.whole()
		survivor, boots := s.Store.Peer(active), active.Boots()
		s.kill(active)
		s.activeIs(survivor, 10*time.Second)
		s.history(survivor, "failover.fenced")
		s.eventually(30*time.Second, active.Name+" has power again", func() (string, bool) {
			return "", active.Boots() > boots && active.UPS().On()
		})
	}
	s.whole()
	for _, n := range s.Store.Nodes {
		for _, kind := range []string{"kind=apcups", "kind=rpdu"} {
			if !s.logged(n, "fence device identified", kind) {
				t.Errorf("%s did not identify %s", n.Name, kind)
			}
		}
	}
}

// TestM5SerialFences: one node hangs on an APC UPS whose serial cable goes to its
// peer, the other on a Megatec's. Each is cut by the other, and comes back.
func TestM5SerialFences(t *testing.T) {
	s := open(t, harness.Options{Lab: lab.Options{Fences: map[string]lab.Fence{
		"alpha": {Serial: "apcsmart"}, "beta": {Serial: "megatec"},
	}}})
	for range 2 { // each in its turn
		active := s.whole()
		survivor, boots := s.Store.Peer(active), active.Boots()
		s.kill(active)
		s.activeIs(survivor, 30*time.Second)
		s.history(survivor, "failover.fenced")
		s.eventually(30*time.Second, active.Name+" has power again", func() (string, bool) {
			return "", active.Boots() > boots && active.UPS().On()
		})
	}
	s.whole()
}

// TestM5CutSerialCableIsNoFence: the cable to a dead node's UPS is cut. Until it is
// mended and the output was read off nobody takes over.
func TestM5CutSerialCableIsNoFence(t *testing.T) {
	apc := lab.Fence{Serial: "apcsmart"}
	s := open(t, harness.Options{Lab: lab.Options{Fences: map[string]lab.Fence{"alpha": apc, "beta": apc}}})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("cut", "ups-"+active.Name)
	s.alarm(survivor, "major", "fence/ups-"+active.Name)
	s.kill(active)
	s.never(8*time.Second, "took over without a confirmed fence", func() bool { return survivor.Holds(s.Store.VIP(1)) })
	s.do("mend", "ups-"+active.Name)
	s.activeIs(survivor, 40*time.Second)
	s.whole()
}

// TestM5PendingOffIsNoFence: a dead node's PDU promises to switch its outlets off
// some time. Until they were read off nobody takes over.
func TestM5PendingOffIsNoFence(t *testing.T) {
	pdu := lab.Fence{Kind: "epdu", Outlets: []int{1, 8}}
	s := open(t, harness.Options{Lab: lab.Options{Fences: map[string]lab.Fence{"alpha": pdu, "beta": pdu}}})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("ups", active.ID(), "pending", "600000")
	s.kill(active)
	s.never(4*time.Second, "took over while the power was only about to go", func() bool { return survivor.Holds(s.Store.VIP(1)) })
	s.alarm(survivor, "critical", "")
	s.do("ups", active.ID(), "well")
	s.activeIs(survivor, 20*time.Second)
	s.whole()
}

// TestM5CardRestartsDuringTheFence: the UPS's card is away for some seconds in the
// middle of the order, which is lost with it.
func TestM5CardRestartsDuringTheFence(t *testing.T) {
	s := open(t, harness.Options{
		Lab:    lab.Options{Fences: map[string]lab.Fence{"alpha": {Kind: "apcups"}, "beta": {Kind: "apcups"}}},
		Secure: map[string]bool{"alpha": true, "beta": true},
	})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("ups", active.ID(), "reboot", "4", "lost")
	s.kill(active)
	s.never(3*time.Second, "took over without a confirmed fence", func() bool { return survivor.Holds(s.Store.VIP(1)) })
	s.activeIs(survivor, 20*time.Second)
	s.whole()
}

// TestM5DeviceThatNobodyKnows: the UPS was exchanged while the store runs. The
// status names what is there now, and nobody takes over by guessing.
func TestM5DeviceThatNobodyKnows(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("ups", active.ID(), "kind=unheard-of")
	s.eventually(20*time.Second, "the status names the device", func() (string, bool) {
		text, err := s.Ctl(t.Context(), survivor, "status")
		return text, err == nil && strings.Contains(text, "1.3.6.1.4.1.99999.7.1")
	})
	s.kill(active)
	s.never(4*time.Second, "took over without a confirmed fence", func() bool { return survivor.Holds(s.Store.VIP(1)) })
	s.do("ups", active.ID(), "kind=cyberpower")
	s.activeIs(survivor, 30*time.Second)
	s.whole()
}

// TestM5FenceAgent: the nodes are cut through an agent of ClusterLabs, by processes
// that need a second each. Such a device has no part in the fastest turn.
func TestM5FenceAgent(t *testing.T) {
	const agent = "fence_apc_snmp"
	if _, err := exec.LookPath("/usr/sbin/" + agent); err != nil {
		t.Skipf("%s is not there: Debian's package fence-agents is not installed (make packages-judges installs it)", agent)
	}
	s := open(t, harness.Options{
		Lab: lab.Options{Fences: map[string]lab.Fence{
			"alpha": {Kind: "rpdu", Outlets: []int{2}}, "beta": {Kind: "rpdu", Outlets: []int{5}},
		}},
		Agents: map[string]string{"alpha": agent, "beta": agent},
	})
	active := s.whole()
	survivor, boots := s.Store.Peer(active), active.Boots()
	s.eventually(30*time.Second, "the agent is named and its life proven", func() (string, bool) {
		text, err := s.Ctl(t.Context(), survivor, "status")
		return text, err == nil && strings.Contains(text, agent) && strings.Contains(text, "measured") && !strings.Contains(text, "NOT PROVEN")
	})
	s.kill(active)
	began := time.Now()
	s.activeIs(survivor, 60*time.Second)
	t.Logf("the service was taken over after %v", time.Since(began).Round(100*time.Millisecond))
	s.history(survivor, "failover.fenced")
	entries, err := s.past(survivor)
	if err != nil {
		t.Fatal(err)
	}
	orders := slices.DeleteFunc(entries, func(e happened) bool { return e.Kind != api.KindFenceOrdered })
	if len(orders) == 0 || slices.ContainsFunc(orders, func(e happened) bool { return strings.Contains(e.Message, "turn 1") }) {
		t.Errorf("orders by an agent: %+v", orders)
	}
	s.eventually(60*time.Second, active.Name+" has power again", func() (string, bool) {
		return "", active.Boots() > boots && active.UPS().On()
	})
	s.whole()
}

// logged tells whether one line of a node's log holds all words.
func (s *store) logged(n *lab.Node, words ...string) bool {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.Logs(), "storewardd.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		found := true
		for _, word := range words {
			found = found && strings.Contains(line, word)
		}
		if found {
			return true
		}
	}
	return false
}
