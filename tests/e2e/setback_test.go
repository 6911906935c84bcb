package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// TestM13DiskSetBack: a node comes back with an older image of its outbox and gives
// numbers again that the console knows. It says so, and everything arrives once.
func TestM13DiskSetBack(t *testing.T) {
	s := open(t, harness.Options{Console: true, PointsEvery: time.Second, OffTime: 8 * time.Second})
	active := s.whole()
	victim := s.Store.Peer(active)
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	outbox := filepath.Join(victim.Disk(), "outbox", "outbox.db")
	s.kill(victim)
	image, err := os.ReadFile(outbox)
	if err != nil {
		t.Fatal(err)
	}
	var before []journal
	s.eventually(10*time.Second, "the console knows the node", func() (string, bool) {
		before = s.journalsOf(client, victim.Name)
		return fmt.Sprint(before), len(before) == 1
	})
	s.whole()
	s.eventually(30*time.Second, "the console knows more than the image", func() (string, bool) {
		now := s.journalsOf(client, victim.Name)
		return fmt.Sprint(before, now), len(now) == 1 && now[0].Sequence > before[0].Sequence+5
	})
	s.kill(victim)
	if err := os.WriteFile(outbox, image, 0o600); err != nil {
		t.Fatal(err)
	}
	s.whole()
	s.history(victim, "outbox.set-back")
	s.eventually(30*time.Second, "the console has every start of the node and its word on the image", func() (string, bool) {
		kinds := s.kindsOf(client, victim.Name)
		return fmt.Sprint(kinds), kinds["node.started"] == 3 && kinds["outbox.set-back"] == 1
	})
	for _, j := range s.journalsOf(client, victim.Name) {
		if j.Missing != 0 {
			t.Errorf("journal %s: %d missing", j.JournalID, j.Missing)
		}
	}
}

// journal is the console's place in a node's outbox.
type journal struct {
	JournalID         string
	Sequence, Missing uint64
}

func (s *store) journalsOf(client *harness.ConsoleClient, node string) []journal {
	s.t.Helper()
	var detail struct {
		Nodes []struct {
			Node     string
			Journals []journal
		}
	}
	if err := client.Get(s.t.Context(), "/api/v1/stores/"+s.Store.Name, &detail); err != nil {
		s.t.Fatal(err)
	}
	for _, n := range detail.Nodes {
		if n.Node == node {
			return n.Journals
		}
	}
	return nil
}

// kindsOf counts a node's events at the console, and fails if one is there twice.
func (s *store) kindsOf(client *harness.ConsoleClient, node string) map[string]int {
	s.t.Helper()
	var list struct {
		Events []struct{ ID, Kind, Node string } `json:"events"`
	}
	if err := client.Get(s.t.Context(), "/api/v1/stores/"+s.Store.Name+"/events?limit=1000", &list); err != nil {
		s.t.Fatal(err)
	}
	seen, kinds := map[string]bool{}, map[string]int{}
	for _, e := range list.Events {
		if seen[e.ID] {
			s.t.Errorf("event %s is there twice", e.ID)
		}
		seen[e.ID] = true
		if e.Node == node {
			kinds[e.Kind]++
		}
	}
	return kinds
}
