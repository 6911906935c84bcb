package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
)

// TestDrillMovesTheStoreAndTriesTheFenceDevices: named, refused in opening hours and
// on half a pair, measured, told at the console and remembered by both nodes.
func TestDrillMovesTheStoreAndTriesTheFenceDevices(t *testing.T) {
	s := open(t, harness.Options{Console: true, Extra: `drills: {opening_hours: ["mon-sun 00:00-24:00"]}`})
	active := s.whole()
	taker := s.Store.Peer(active)
	refused := func(word string, args ...string) {
		t.Helper()
		_, err := s.Ctl(t.Context(), active, append([]string{"drill"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("drill %v: %v", args, err)
		}
	}
	refused("sales pause for some seconds")
	refused("the store is open", "--yes")
	if out, err := s.Ctl(t.Context(), taker, "drill", "--yes", "--anyway"); err != nil {
		t.Fatal(err, out)
	}
	s.history(active, api.KindDrillBegun)
	s.activeIs(taker, 15*time.Second)
	s.history(taker, api.KindDrillCompleted)
	s.whole()
	for _, n := range s.Store.Nodes {
		if n.Boots() != 1 {
			t.Errorf("%s was cut", n.Name)
		}
		s.eventually(20*time.Second, n.Name+" knows how the drill came out", func() (string, bool) {
			d := s.state(n).GetDrill()
			return d.String(), d.GetEnded() != nil && d.GetOk() && d.GetTaker() == taker.Name && d.GetTookSeconds() > 0
		})
		if out, err := s.Ctl(t.Context(), n, "status"); err != nil || !strings.Contains(out, "Last drill: passed") {
			t.Errorf("status of %s: %v: %s", n.Name, err, out)
		}
	}
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := s.closedIncident(client, "drill", "")
	for _, name := range []string{"stop", "address", "start", "verify", "devices"} {
		if p, found := told.phase(name); !found || !p.OK {
			t.Errorf("phase %s: %+v", name, told.Phases)
		}
	}
	if told.RecoverySeconds <= 0 || told.RecoverySeconds > 5 || told.Redundant == nil {
		t.Errorf("the console tells %+v", told)
	}
	t.Logf("%s took over in %.0f ms", taker.Name, 1000*told.RecoverySeconds)
	s.kill(active)
	s.eventually(30*time.Second, taker.Name+" misses its peer", func() (string, bool) {
		_, err := s.Ctl(t.Context(), taker, "drill", "--yes", "--anyway")
		return fmt.Sprint(err), err != nil && strings.Contains(err.Error(), "the pair is not whole: "+active.Name+" is not heard")
	})
}
