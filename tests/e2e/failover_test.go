package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/contrib/retail"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// TestM7TenPowerCutsInARow cuts the active node's power again and again; the
// survivor takes over each time and the dead node returns as standby.
func TestM7TenPowerCutsInARow(t *testing.T) {
	s := open(t, harness.Options{})
	generation := s.state(s.whole()).GetGeneration()
	for round := 1; round <= 10; round++ {
		active, err := s.Restore(s.within(90 * time.Second))
		if err != nil {
			t.Fatalf("before cut %d: %v", round, err)
		}
		survivor := s.Store.Peer(active)
		s.kill(active)
		s.activeIs(survivor, 10*time.Second)
		now := s.state(survivor).GetGeneration()
		if now <= generation {
			t.Errorf("cut %d: generation %d after %d", round, now, generation)
		}
		generation = now
	}
	if _, err := s.Restore(s.within(90 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

// TestM5M9M13M18FailoverFromTillToConsole is the store's whole day in a minute: a till
// buys, the active node dies, the till buys again, and the console, the NMS and
// the time series database know why.
func TestM5M9M13M18FailoverFromTillToConsole(t *testing.T) {
	s := open(t, harness.Options{Services: harness.Shop, Console: true, NMS: true, PointsEvery: time.Second})
	till := s.startTill()
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.eventually(20*time.Second, "the till sells", func() (string, bool) { return "", s.sales(active) > 300 })

	s.kill(active)
	s.activeIs(survivor, 15*time.Second)
	s.eventually(15*time.Second, "the till buys again", func() (string, bool) { return till.text(), till.has("resume") })
	s.whole()

	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	incident := s.closedFailover(client, active.Name)
	for _, phase := range []string{"detect", "fence", "address", "storage", "start", "verify"} {
		if _, ok := incident.phase(phase); !ok {
			t.Errorf("the incident has no phase %s: %+v", phase, incident.Phases)
		}
	}
	if incident.RecoverySeconds <= 0 || incident.RecoverySeconds > 10 || len(incident.Findings) == 0 {
		t.Errorf("recovery in %v s, %d findings", incident.RecoverySeconds, len(incident.Findings))
	}
	for _, n := range s.Store.Nodes {
		if seconds := incident.flightOf(n.Name); seconds < 4 {
			t.Errorf("the incident shows %d s of the flight of %s", seconds, n.Name)
		}
	}
	s.seenByOthers(client)
	till.Stop()
	if err := till.Err(); err != nil || !till.has("audit") {
		t.Errorf("audit: %v\n%s", err, till.text())
	}
}

// seenByOthers looks into what belongs to the customer: the NMS and the series.
func (s *store) seenByOthers(client *harness.ConsoleClient) {
	s.t.Helper()
	s.eventually(10*time.Second, "snmptrapd names the notifications", func() (string, bool) {
		text, err := os.ReadFile(s.Lab.LogOf("snmptrapd"))
		if err != nil {
			return err.Error(), false
		}
		return string(text), strings.Contains(string(text), "STOREWARD-MIB::storewardFailoverCompleted")
	})
	s.eventually(20*time.Second, "PromQL draws the failover", func() (string, bool) {
		text, err := client.Query(s.t.Context(), "max_over_time(storeward_failover_recovery_seconds[10m])")
		return text, err == nil && strings.Contains(text, `"value"`)
	})
	s.eventually(20*time.Second, "VictoriaMetrics draws the failover", func() (string, bool) {
		text, err := s.HQ.Series(s.t.Context(), "last_over_time(failover_recovery_seconds[10m])")
		return text, err == nil && strings.Contains(text, `"value"`)
	})
}

// till is a register that is being watched.
type till struct {
	*lab.Service
	mu  sync.Mutex
	out bytes.Buffer
}

func (t *till) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.Write(p)
}

func (t *till) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.String()
}

func (t *till) has(kind string) bool {
	for line := range strings.Lines(t.text()) {
		var r retail.Report
		if json.Unmarshal([]byte(line), &r) == nil && r.Kind == kind {
			return true
		}
	}
	return false
}

func (s *store) startTill() *till {
	s.t.Helper()
	t := &till{}
	service, err := s.Lab.Serve(s.Store.Till, lab.ServiceSpec{
		Name: "till", Arguments: append([]string{"/proc/self/exe", tillWord}, s.TillArguments()...), Output: t,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	t.Service = service
	return t
}

// sales counts what the database holds.
func (s *store) sales(n *lab.Node) int {
	text, err := n.Exec(s.t.Context(), "psql", "-h", s.Store.VIP(2), "-U", "till", "store", "-Atc", "select repeat('x', count(*)::int) from sale")
	if err != nil {
		return 0
	}
	return len(strings.TrimSpace(text))
}
