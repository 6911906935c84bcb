package e2e

import (
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// TestM5UnconfirmedFenceIsNoFence: a UPS that refuses, says nothing, or says "on"
// after an off. Nobody takes over until an operator vouches for it.
func TestM5UnconfirmedFenceIsNoFence(t *testing.T) {
	for _, illness := range []string{"refuse", "silent", "lie-on"} {
		t.Run(illness, func(t *testing.T) {
			s := open(t, harness.Options{})
			active := s.whole()
			survivor := s.Store.Peer(active)
			s.do("ups", active.ID(), illness)
			s.kill(active)
			s.never(4*time.Second, "took over without a confirmed fence", func() bool { return survivor.Holds(s.Store.VIP(1)) })
			s.alarm(survivor, "critical", "")
			if _, err := s.Ctl(t.Context(), survivor, "fence-confirm", active.Name); err == nil {
				t.Error("fence-confirm did not ask for --yes")
			}
			if out, err := s.Ctl(t.Context(), survivor, "fence-confirm", active.Name, "--yes"); err != nil {
				t.Fatal(err, out)
			}
			s.activeIs(survivor, 10*time.Second)
		})
	}
}

// TestM5FenceIsTriedForEver: a UPS that recovers is used, without anybody's help.
func TestM5FenceIsTriedForEver(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("ups", active.ID(), "silent")
	s.kill(active)
	s.never(3*time.Second, "took over without a confirmed fence", func() bool { return survivor.Holds(s.Store.VIP(1)) })
	s.do("ups", active.ID(), "well")
	s.activeIs(survivor, 20*time.Second)
	s.whole()
}

// TestM5FenceConfirmIsRefusedWhileThePeerLives: an operator may be wrong.
func TestM5FenceConfirmIsRefusedWhileThePeerLives(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	survivor := s.Store.Peer(active)
	if out, err := s.Ctl(t.Context(), survivor, "fence-confirm", active.Name, "--yes"); err == nil {
		t.Errorf("a living node was confirmed dead: %s", out)
	}
	s.never(2*time.Second, "took over from a living node", func() bool { return survivor.Holds(s.Store.VIP(1)) })
}

// TestM1BothNodesRebootedAtOnce: exactly one becomes active.
func TestM1BothNodesRebootedAtOnce(t *testing.T) {
	s := open(t, harness.Options{})
	for _, n := range s.Store.Nodes {
		s.kill(n)
	}
	for _, n := range s.Store.Nodes {
		if err := n.PowerOn(); err != nil {
			t.Fatal(err)
		}
	}
	s.whole()
}

// TestM2CutLinksAreAlarmsOnly: one lost link is an alarm, never a failover.
func TestM2CutLinksAreAlarmsOnly(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	standby := s.Store.Peer(active)
	s.do("cut", "cable")
	s.alarm(standby, "major", "link/cable")
	s.never(2*time.Second, "took over because of a cut cable", func() bool { return standby.Holds(s.Store.VIP(1)) })
	s.do("mend", "cable")
	s.eventually(10*time.Second, "the alarm is cleared", func() (string, bool) {
		state := s.state(standby)
		return "", len(state.Alarms) == 0
	})
	if s.whole() != active {
		t.Error("the active node changed")
	}
}
