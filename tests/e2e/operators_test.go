package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// atOnce gives each node a command at the same moment and returns what came back, by node.
func (s *store) atOnce(commands [2]string) (refusals [2]string) {
	s.t.Helper()
	var wait sync.WaitGroup
	for i, n := range s.Store.Nodes {
		wait.Go(func() {
			if _, err := s.Ctl(s.t.Context(), n, strings.Fields(commands[i])...); err != nil {
				refusals[i] = err.Error()
			}
		})
	}
	wait.Wait()
	return refusals
}

// TestTwoOperators: contrary commands at both nodes at the same moment. At least one is
// taken, a refusal says why, and one node serves; the oracle sees two at no time.
func TestTwoOperators(t *testing.T) {
	s := open(t, harness.Options{})
	s.whole()
	reasons := []string{
		"another change is under way", "the active node changed meanwhile", "maintenance is on", "this would leave no eligible node",
		"is not heard", "is in standby mode", "is not ready to take over", "no node is active", "echo is unmanaged: manage it first",
	}
	for name, commands := range map[string][2]string{
		"two switchovers":            {"switchover --yes", "switchover --yes"},
		"both their own to standby":  {"standby alpha --yes", "standby beta --yes"},
		"both the other to standby":  {"standby beta --yes", "standby alpha --yes"},
		"switchover and maintenance": {"switchover --yes", "maintenance on --yes"},
		"switchover and standby":     {"switchover --yes", "standby beta --yes"},
		"unmanage and switchover":    {"unmanage echo --yes", "switchover --yes"},
	} {
		for range 2 {
			refusals := s.atOnce(commands)
			for i, refusal := range refusals {
				known := refusal == ""
				for _, why := range reasons {
					known = known || strings.Contains(refusal, "refused: ") && strings.Contains(refusal, why)
				}
				if !known {
					t.Errorf("%s: %s was answered: %s", name, commands[i], refusal)
				}
			}
			if refusals[0] != "" && refusals[1] != "" {
				t.Errorf("%s: neither was taken: %v", name, refusals)
			}
			s.oneServes(name)
			s.endModes()
			s.whole()
		}
	}
	if s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("a node was cut")
	}
}

// oneServes waits until one node is active and the other one is not, by their own words and by the address.
func (s *store) oneServes(after string) {
	s.t.Helper()
	s.eventually(20*time.Second, "one node serves after "+after, func() (string, bool) {
		roles, holders := "", 0
		for _, n := range s.Store.Nodes {
			roles += s.state(n).GetRole() + " "
			if n.Holds(s.Store.VIP(1)) {
				holders++
			}
		}
		return roles, holders == 1 && (roles == "active standby " || roles == "standby active ")
	})
}

// endModes ends every mode that the nodes show, once nothing that they caused is under way.
func (s *store) endModes() {
	s.t.Helper()
	n := s.Store.Nodes[0]
	for _, m := range s.state(n).GetModes() {
		end := map[string][]string{"maintenance": {"maintenance", "off"}, "standby": {"unstandby", m.GetName()}, "unmanaged": {"manage", m.GetName()}}
		s.eventually(20*time.Second, m.GetMode()+" mode ends", func() (string, bool) {
			_, err := s.Ctl(s.t.Context(), n, end[m.GetMode()]...)
			return fmt.Sprint(err), err == nil
		})
	}
}

// TestConfigurationsThatDiffer: one node takes a new configuration. Both name both
// digests, nothing moves, a failover still works, and the same file at both ends it.
func TestConfigurationsThatDiffer(t *testing.T) {
	s := open(t, harness.Options{OffTime: time.Second})
	active := s.whole()
	standby := s.Store.Peer(active)
	s.edit(standby, "deadtime: 200ms", "deadtime: 300ms")
	s.order(standby, "config", "apply")
	digests := map[string]string{}
	for _, n := range s.Store.Nodes {
		digests[n.Name] = n.Name + " " + s.state(n).GetConfigurationDigest()[:16]
	}
	if strings.Fields(digests["alpha"])[1] == strings.Fields(digests["beta"])[1] {
		t.Fatal("the digests are the same")
	}
	for _, n := range s.Store.Nodes {
		peer := s.Store.Peer(n).Name
		s.alarm(n, "warning", "the nodes run different configurations: "+digests[n.Name]+", "+digests[peer])
	}
	// What a running daemon cannot change, and what is wrong, is refused by name and changes nothing.
	s.edit(standby, "interface: eth1", "interface: eth9")
	s.refuses(standby, "nothing was changed: it needs a restart of the daemon. These parts take effect at the daemon's next start: links", "config", "apply")
	s.edit(standby, "interface: eth9", "interface: eth1")
	s.edit(standby, "deadtime: 300ms", "deadtime: 30ms")
	s.refuses(standby, "the running configuration stays: storeward.yaml:", "config", "apply")
	s.edit(standby, "deadtime: 30ms", "deadtime: 300ms")
	if digest := s.state(standby).GetConfigurationDigest()[:16]; !strings.HasSuffix(digests[standby.Name], digest) || s.whole() != active {
		t.Error("a refused configuration changed something")
	}
	s.kill(active)
	s.activeIs(standby, 20*time.Second)
	s.whole()
	s.edit(active, "deadtime: 200ms", "deadtime: 300ms")
	s.order(active, "config", "apply")
	for _, n := range s.Store.Nodes {
		s.eventually(10*time.Second, n.Name+" raises no alarm about configurations", func() (string, bool) {
			for _, a := range s.state(n).Alarms {
				if a.Condition == "configuration-differs" {
					return a.Message, false
				}
			}
			return "", true
		})
	}
}

// TestOperatorsWordOnANode: fence, remove and readmit. A removed node takes no part even
// when it runs, and comes back by the operator's word, given at the node itself.
func TestOperatorsWordOnANode(t *testing.T) {
	s := open(t, harness.Options{OffTime: 5 * time.Minute})
	active := s.whole()
	victim := s.Store.Peer(active)
	generation := s.state(active).GetGeneration()
	s.refuses(active, "the power of "+victim.Name+" is CUT at once", "fence", victim.Name)
	s.order(active, "fence", victim.Name, "--yes")
	s.eventually(10*time.Second, victim.Name+" is off", func() (string, bool) { return "", !victim.Alive() && !victim.UPS().On() })
	s.shows([]*lab.Node{active}, active.Name+" serves alone", victim.Name+" is off")
	if now := s.state(active); now.GetRole() != "active" || now.GetGeneration() != generation || s.Active() != active {
		t.Errorf("the active node is %s with generation %d after %d", now.GetRole(), now.GetGeneration(), generation)
	}
	s.refuses(active, victim.Name+" is off already", "fence", victim.Name, "--yes")
	s.refuses(active, victim.Name+" takes no part, even when it runs", "remove", victim.Name)
	s.eventually(10*time.Second, "the last beat is older than a deadtime, and the word is taken", func() (string, bool) {
		_, err := s.Ctl(s.t.Context(), active, "remove", victim.Name, "--yes")
		return fmt.Sprint(err), err == nil
	})
	s.shows([]*lab.Node{active}, victim.Name+" is removed: it counts as off until it is readmitted", "mode: "+victim.Name+" removed until it is readmitted")

	if err := victim.PowerOn(); err != nil {
		t.Fatal(err)
	}
	s.shows([]*lab.Node{victim}, "this node is removed and takes no part", active.Name+" serves; "+victim.Name+" cannot take over now: it is removed")
	s.never(2*time.Second, "a removed node took part", func() bool { return len(s.echoes(victim)) > 0 || s.Active() != active })
	s.refuses(active, victim.Name+" is removed", "switchover", "--yes")
	s.order(victim, "readmit", victim.Name)
	if s.whole() != active {
		t.Error("the store moved")
	}
	if active.Boots() != 1 || victim.Boots() != 2 {
		t.Errorf("%d and %d boots", active.Boots(), victim.Boots())
	}
	s.history(active, api.KindFenceConfirmed)
}

// edit changes a node's configuration file.
func (s *store) edit(n *lab.Node, old, with string) {
	s.t.Helper()
	file := filepath.Join(n.Etc(), "storeward.yaml")
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), old) {
		s.t.Fatalf("no %q in %s: %v", old, file, err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, with)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
