package e2e

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// TestM3TheBalancersOwnHeartbeatIsWatched: keepalived runs on both nodes with a
// standby of its own; its state is the health of a resource of the stack. Its death
// is mended by its own service, two masters at once are an alarm that names both,
// and neither moves the store.
func TestM3TheBalancersOwnHeartbeatIsWatched(t *testing.T) {
	s := open(t, harness.Options{Balancer: true})
	active := s.whole()
	alpha, beta := s.Store.Nodes[0], s.Store.Nodes[1]
	master := fmt.Sprintf("%s (priority 150", alpha.Address())
	for _, n := range s.Store.Nodes {
		s.balancer(n, api.HealthOK, master)
	}

	taken := s.gets(beta, harness.BalancerAddress)
	old := s.pidOf(alpha, "keepalived")
	found, err := alpha.Find("keepalived")
	if err != nil || len(found) == 0 {
		t.Fatalf("no keepalived: %v", err)
	}
	for _, p := range found { // killed hard it would leave its address behind, and the oracle would tell
		_ = syscall.Kill(p.PID, syscall.SIGTERM)
	}
	select {
	case <-taken:
	case <-s.within(20 * time.Second).Done():
		t.Fatal("the standby of the balancer did not take over")
	}
	s.eventually(20*time.Second, "keepalived is a new process", func() (string, bool) {
		now := s.pidOf(alpha, "keepalived")
		return "", now != 0 && now != old
	})
	s.balancer(beta, api.HealthOK, master)

	end, err := s.StartRival(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.balancer(beta, api.HealthDown, "2 masters at once")
	s.alarm(beta, "major", alpha.Address(), s.Store.TillAddress())
	end()
	s.balancer(beta, api.HealthOK, master)
	if s.Active() != active || alpha.Boots() != 1 || beta.Boots() != 1 {
		t.Error("the store moved")
	}
}

// gets returns a channel that is closed once a node gets an address, however briefly.
func (s *store) gets(n *lab.Node, address string) <-chan struct{} {
	s.t.Helper()
	stop, got := make(chan struct{}), make(chan struct{})
	var once sync.Once
	err := n.Space.WatchAddresses(stop, func(ip string) {
		if ip == address {
			once.Do(func() { close(got) })
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { close(stop) })
	return got
}

// balancer waits until a node's watch says something.
func (s *store) balancer(n *lab.Node, health, words string) {
	s.t.Helper()
	s.eventually(30*time.Second, fmt.Sprintf("the balancer on %s is %s: %s", n.Name, health, words), func() (string, bool) {
		state, err := s.State(s.t.Context(), n)
		if err != nil {
			return err.Error(), false
		}
		for _, r := range state.GetResources() {
			if r.GetName() == "balancer" {
				return r.GetState() + " " + r.GetHealth() + ": " + r.GetMessage(), r.GetHealth() == health && strings.Contains(r.GetMessage(), words)
			}
		}
		return "no balancer", false
	})
}
