package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// incident is the console's view of one, as far as the tests look.
type incident struct {
	ID              string  `json:"id"`
	Kind            string  `json:"kind"`
	FailedNode      string  `json:"failedNode"`
	RecoverySeconds float64 `json:"recoverySeconds"`
	Closed          *string `json:"closed"`
	Redundant       *string `json:"redundant"`
	Phases          []phase `json:"phases"`
	Findings        []any   `json:"findings"`
	Snapshots       []struct {
		Node, Source string
		Flight       []any
	} `json:"snapshots"`
}

type phase struct {
	Name            string  `json:"name"`
	DurationSeconds float64 `json:"durationSeconds"`
	OK              bool    `json:"ok"`
}

func (i incident) phase(name string) (phase, bool) {
	for _, p := range i.Phases {
		if p.Name == name {
			return p, true
		}
	}
	return phase{}, false
}

// flightOf counts the seconds of a node's flight recorder that the incident shows.
func (i incident) flightOf(node string) int {
	most := 0
	for _, s := range i.Snapshots {
		if s.Node == node {
			most = max(most, len(s.Flight))
		}
	}
	return most
}

// closedFailover waits for the one failover incident that the console must have.
func (s *store) closedFailover(client *harness.ConsoleClient, failed string) incident {
	s.t.Helper()
	return s.closedIncident(client, "failover", failed)
}

// closedIncident waits for the one incident of a kind that the console must have.
func (s *store) closedIncident(client *harness.ConsoleClient, kind, failed string) incident {
	s.t.Helper()
	var found incident
	s.eventually(40*time.Second, "the console shows the "+kind+" as one closed incident", func() (string, bool) {
		var list struct {
			Incidents []incident `json:"incidents"`
		}
		if err := client.Get(s.t.Context(), "/api/v1/incidents?limit=100", &list); err != nil {
			return err.Error(), false
		}
		var ofKind []incident
		for _, i := range list.Incidents {
			if i.Kind == kind {
				ofKind = append(ofKind, i)
			}
		}
		if len(ofKind) != 1 || ofKind[0].Closed == nil || ofKind[0].FailedNode != failed {
			return fmt.Sprintf("%+v", list.Incidents), false
		}
		if err := client.Get(s.t.Context(), "/api/v1/incidents/"+ofKind[0].ID, &found); err != nil {
			return err.Error(), false
		}
		return "", true
	})
	return found
}

// exactlyOnce waits until the outboxes are empty and checks that nothing of what
// the nodes numbered is missing or doubled at the console, which has seen a number
// of failovers.
func (s *store) exactlyOnce(client *harness.ConsoleClient, failovers int) {
	s.t.Helper()
	s.eventually(60*time.Second, "the outboxes are empty", func() (string, bool) {
		for _, n := range s.Store.Nodes {
			state, err := s.State(s.t.Context(), n)
			if err != nil {
				return err.Error(), false
			}
			if pending := state.GetOutboxPending(); pending > 3 { // points keep coming
				return fmt.Sprintf("%d reports of %s wait", pending, n.Name), false
			}
		}
		return "", true
	})
	for _, n := range s.numbering(client) {
		if len(n.Journals) == 0 {
			s.t.Errorf("the console knows no journal of %s", n.Node)
		}
		for _, j := range n.Journals {
			if j.Missing != 0 || j.Sequence == 0 {
				s.t.Errorf("journal %s of %s: up to %d, %d missing", j.JournalID, n.Node, j.Sequence, j.Missing)
			}
		}
	}
	seen, completed := map[string]bool{}, 0
	events := s.events(client)
	for _, e := range events {
		if seen[e.ID] {
			s.t.Errorf("event %s is there twice", e.ID)
		}
		seen[e.ID] = true
		if e.Kind == "failover.completed" {
			completed++
		}
	}
	if completed != failovers {
		s.t.Errorf("%d times failover.completed among %d events, want %d", completed, len(events), failovers)
	}
}

// numbering is the console's place in the outboxes of a node.
type numbering struct {
	Node     string
	Journals []struct {
		JournalID         string
		Sequence, Missing uint64
	}
}

func (s *store) numbering(client *harness.ConsoleClient) []numbering {
	s.t.Helper()
	var detail struct{ Nodes []numbering }
	if err := client.Get(s.t.Context(), "/api/v1/stores/"+s.Store.Name, &detail); err != nil {
		s.t.Fatal(err)
	}
	return detail.Nodes
}

// consoleEvent is one event at the console.
type consoleEvent struct{ ID, Node, Kind string }

// events lists the newest events at the console, newest first.
func (s *store) events(client *harness.ConsoleClient) []consoleEvent {
	s.t.Helper()
	var list struct{ Events []consoleEvent }
	if err := client.Get(s.t.Context(), "/api/v1/stores/"+s.Store.Name+"/events?limit=1000", &list); err != nil {
		s.t.Fatal(err)
	}
	return list.Events
}

// TestM13WANCutDuringFailover: what happens while the store has no WAN arrives
// afterwards, exactly once.
func TestM13WANCutDuringFailover(t *testing.T) {
	s := open(t, harness.Options{Console: true, PointsEvery: time.Second})
	active := s.whole()
	s.do("cut", "wan")
	s.kill(active)
	s.activeIs(s.Store.Peer(active), 10*time.Second)
	s.whole()
	s.do("mend", "wan")
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.closedFailover(client, active.Name)
	s.exactlyOnce(client, 1)
}

// TestM13ConsoleKilledWhileItReceives: the console dies hard in the middle of a
// failover's reports and comes back.
func TestM13ConsoleKilledWhileItReceives(t *testing.T) {
	s := open(t, harness.Options{Console: true, PointsEvery: time.Second})
	active := s.whole()
	s.kill(active)
	s.activeIs(s.Store.Peer(active), 10*time.Second)
	for range 3 {
		s.HQ.Console.Kill()
		if err := s.HQ.StartConsole(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.whole()
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.closedFailover(client, active.Name)
	s.exactlyOnce(client, 1)
}
