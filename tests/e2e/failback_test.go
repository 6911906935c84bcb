package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// failbackAfter is long enough to see that nothing moves before it is over.
const failbackAfter = 4 * time.Second

// failedOver is a pair that is whole again after its primary's power was cut: the other
// node serves.
func failedOver(t *testing.T, policy string) (s *store, primary, other *lab.Node) {
	s = open(t, harness.Options{Policy: policy})
	primary, other = s.Store.Nodes[0], s.Store.Nodes[1]
	if s.whole() != primary {
		t.Fatal("the primary is not active first")
	}
	s.kill(primary)
	s.activeIs(other, 10*time.Second)
	if s.whole() != other {
		t.Fatal("the primary took the service back before the pair was whole")
	}
	return s, primary, other
}

// TestM7FailbackAuto: the primary's power is cut, the other node takes over, the primary
// returns; once the pair was whole for the configured time the service is handed back,
// once, by a switchover that cuts nobody.
func TestM7FailbackAuto(t *testing.T) {
	s, primary, other := failedOver(t, "\n  failback: auto\n  failback_after: "+failbackAfter.String())
	boots := other.Boots()
	taken := s.state(other).GetGeneration()

	s.activeIs(primary, 30*time.Second)
	if s.whole() != primary {
		t.Fatal("the service left the primary again")
	}
	s.history(primary, api.KindSwitchoverCompleted)
	s.never(2*failbackAfter, "the service moved once more", func() bool { return !primary.Holds(s.Store.VIP(1)) })
	if now := s.state(primary).GetGeneration(); now != taken+1 {
		t.Errorf("generation %d after %d: want one change", now, taken)
	}
	if n := s.told(other, api.KindSwitchoverStarted, "node/"+other.Name); n != 1 {
		t.Errorf("%d switchovers begun", n)
	}
	const written = time.Second // how much later than it happened an event may be written
	if waited := s.at(other, api.KindSwitchoverStarted).Sub(s.at(other, api.KindRedundancyRestored)); waited < failbackAfter-written {
		t.Errorf("handed back %v after the pair was whole", waited)
	}
	if other.Boots() != boots {
		t.Error("a failback cut the giver's power")
	}
}

// at is when the newest event of a kind happened, by a node's history.
func (s *store) at(n *lab.Node, kind string) time.Time {
	s.t.Helper()
	entries, err := s.past(n)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e happened) bool { return e.Kind == kind })
	if i < 0 {
		s.t.Fatalf("%s tells of no %s", n.Name, kind)
	}
	return entries[i].Time
}

// TestM7FailbackManual: without failback: auto the service stays where it is, until an
// operator moves it; a running daemon takes the other choice at a reload.
func TestM7FailbackManual(t *testing.T) {
	s, primary, other := failedOver(t, "\n  failback: manual\n  failback_after: 1s")
	s.never(failbackAfter, "the service went back by itself", func() bool { return !other.Holds(s.Store.VIP(1)) })
	if n := s.told(other, api.KindSwitchoverStarted, "node/"+other.Name); n != 0 {
		t.Errorf("%d switchovers begun", n)
	}
	for _, n := range s.Store.Nodes {
		s.edit(n, "failback: manual", "failback: auto")
		s.order(n, "config", "apply")
	}
	s.activeIs(primary, 20*time.Second)
	s.whole()
}
