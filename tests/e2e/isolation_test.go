package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// TestM4CutOffActiveIsFenced: an active node that nobody can reach any more, by
// no link and no network, is cut and its work taken over.
func TestM4CutOffActiveIsFenced(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("cut", "cable")
	s.do("cut", "lan-"+active.Name)
	s.activeIs(survivor, 10*time.Second)
	if active.UPS().On() && active.Boots() == 1 {
		t.Error("the node that was cut off was never switched off")
	}
	s.do("mend", "cable")
	s.do("mend", "lan-"+active.Name)
	s.whole()
}

// TestM4CutOffStandbyCutsNobody: a standby that sees nothing any more is itself
// cut off, and knows it.
func TestM4CutOffStandbyCutsNobody(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	standby := s.Store.Peer(active)
	s.do("cut", "cable")
	s.do("cut", "lan-"+standby.Name)
	s.never(5*time.Second, "the standby became active", func() bool { return standby.Holds(s.Store.VIP(1)) || s.Active() != active })
	if !active.Alive() || active.Boots() != 1 {
		t.Error("the serving node was cut")
	}
	s.do("mend", "cable")
	s.do("mend", "lan-"+standby.Name)
	if s.whole() != active {
		t.Error("the active node changed")
	}
}

// TestM2OneWayLossIsNoDeath: beats that vanish in one direction on one link.
func TestM2OneWayLossIsNoDeath(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	standby := s.Store.Peer(active)
	s.do("loss", standby.ID(), "cable", "100")
	s.do("loss", standby.ID(), "lan", "30")
	s.never(5*time.Second, "a store with a lossy link moved", func() bool { return s.Active() != active || !standby.Alive() })
	s.do("loss", standby.ID(), "cable", "0")
	s.do("loss", standby.ID(), "lan", "0")
	if s.whole() != active || active.Boots() != 1 || standby.Boots() != 1 {
		t.Error("the store moved")
	}
}

// TestM4IsolatedActiveHandsOver: the active node loses the store's network while
// the cable still works: it hands over by itself, and nobody is cut.
func TestM4IsolatedActiveHandsOver(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("cut", "lan-"+active.Name)
	s.activeIs(survivor, 20*time.Second)
	if !active.Alive() || active.Boots() != 1 {
		t.Error("a node that could hand over was cut")
	}
	s.do("mend", "lan-"+active.Name)
	s.whole()
}

// TestM8DeadDatabaseIsRestartedInPlace and the till goes on, with nothing lost.
func TestM8DeadDatabaseIsRestartedInPlace(t *testing.T) {
	s := open(t, harness.Options{Services: harness.Shop})
	till := s.startTill()
	active := s.whole()
	s.eventually(20*time.Second, "the till sells", func() (string, bool) { return "", s.sales(active) > 20 })
	old := s.pidOf(active, "sales")
	found, err := active.Find("postgres")
	if err != nil || len(found) == 0 {
		t.Fatalf("no postgres: %v", err)
	}
	for _, p := range found {
		if strings.Contains(strings.Join(p.Arguments, " "), "-D") {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.eventually(30*time.Second, "the database runs as a new process", func() (string, bool) {
		now := s.pidOf(active, "sales")
		return "", now != 0 && now != old
	})
	if s.whole() != active {
		t.Error("the active node changed")
	}
	before := s.sales(active)
	s.eventually(20*time.Second, "the till goes on", func() (string, bool) { return till.text(), s.sales(active) > before+10 })
	till.Stop()
	if err := till.Err(); err != nil {
		t.Errorf("audit: %v\n%s", err, till.text())
	}
}

// TestM7WebServersRunOnBothNodes: active/active layers do not wait for a failover.
func TestM7WebServersRunOnBothNodes(t *testing.T) {
	s := open(t, harness.Options{Services: harness.Shop})
	for _, n := range s.Store.Nodes {
		if pid := s.pidOf(n, "web"); pid == 0 {
			t.Errorf("no web server on %s", n.Name)
		}
	}
	standby := s.Store.Peer(s.whole())
	if pid := s.pidOf(standby, "sales"); pid != 0 {
		t.Error("the standby runs a database server")
	}
}

// TestM13DaemonKilledWhileItSends: the surviving node's daemon dies hard again
// and again while it reports a failover.
func TestM13DaemonKilledWhileItSends(t *testing.T) {
	s := open(t, harness.Options{Console: true, PointsEvery: time.Second})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.do("cut", "wan")
	s.kill(active)
	s.activeIs(survivor, 10*time.Second)
	s.history(survivor, "failover.completed")
	s.do("mend", "wan")
	for range 3 {
		if err := syscall.Kill(s.daemon(survivor), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.state(survivor)
	}
	s.whole()
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.exactlyOnce(client, 1)
}
