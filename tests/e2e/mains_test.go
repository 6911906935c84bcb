package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// onBattery is a policy that loses its patience within seconds.
var onBattery = fmt.Sprintf(`
  on_battery: {standby_after: 2s, low_charge: 20, low_runtime: 3m, off_delay: 6s, command: ["%s"]}`, strings.Join(lab.PowerOffCommand(), `", "`))

// down waits until a node was shut down and its supply switched it off.
func (s *store) down(n *lab.Node) {
	s.t.Helper()
	s.eventually(60*time.Second, n.Name+" is down and without power", func() (string, bool) {
		return fmt.Sprintf("runs %v, output on %v", n.Alive(), n.UPS().On()), !n.Alive() && !n.UPS().On()
	})
}

// TestM10MainsLostForTheWholeStore: the standby goes down first, the active node sells until
// its battery is low and then stops in order; with mains both are back, one serves, and
// every sale is there.
func TestM10MainsLostForTheWholeStore(t *testing.T) {
	s := open(t, harness.Options{Services: harness.Shop, Policy: onBattery})
	till := s.startTill()
	active := s.whole()
	standby := s.Store.Peer(active)
	for _, n := range s.Store.Nodes {
		s.do("ups", n.ID(), "battery", "90")
	}
	s.down(standby)
	sold := s.sales(active)
	s.eventually(20*time.Second, "the active node sells on", func() (string, bool) { return till.text(), s.sales(active) > sold })
	s.do("ups", active.ID(), "battery", "15")
	s.down(active)
	for _, n := range []*lab.Node{standby, active} {
		s.do("ups", n.ID(), "mains")
	}
	now := s.whole()
	sold = s.sales(now)
	s.eventually(30*time.Second, "the till goes on", func() (string, bool) { return till.text(), s.sales(now) > sold })
	till.Stop()
	if err := till.Err(); err != nil {
		t.Errorf("audit: %v\n%s", err, till.text())
	}
	if a, b := s.Store.Nodes[0].Boots(), s.Store.Nodes[1].Boots(); a != 2 || b != 2 {
		t.Errorf("booted %d and %d times, want each once more", a, b)
	}
	for n, why := range map[*lab.Node]string{standby: "both nodes run on battery", active: "its battery is low"} {
		if told := s.history(n, "node.shutdown"); !strings.Contains(told, why) {
			t.Errorf("%s went down and told %q, want %q in it", n.Name, told, why)
		}
	}
	s.historyHas(active, "resource.stopped", "resource/sales", 1)
}
