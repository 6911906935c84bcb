package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// TestC2OneActiveNodeInTheSeries: while a dead node has no power a sum over both
// nodes' series shows one active node, at the console and in the customer's database,
// long before the next regular points.
func TestC2OneActiveNodeInTheSeries(t *testing.T) {
	s := open(t, harness.Options{Console: true, NMS: true, OffTime: 20 * time.Second})
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one := func(text string, err error) bool { return err == nil && strings.Contains(text, `,"1"]`) }
	oneActive := func() (string, bool) {
		console, err := client.Query(t.Context(), "sum(storeward_node_active)")
		series, err2 := s.HQ.Series(t.Context(), "sum(node_active)")
		return fmt.Sprint(console, err, series, err2), one(console, err) && one(series, err2)
	}
	active := s.whole()
	s.eventually(15*time.Second, "the series show one active node", oneActive)
	s.kill(active)
	s.activeIs(s.Store.Peer(active), 10*time.Second)
	s.eventually(8*time.Second, "the series show one active node after a power cut", oneActive)
	if active.Alive() {
		t.Errorf("%s has power again: nothing was shown", active.Name)
	}
	s.whole()
	s.eventually(15*time.Second, "the series show one active node after the return", oneActive)
}
