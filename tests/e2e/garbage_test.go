package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/fakes/sickplugin"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// sickPlugins is the name under which this test's program stands before the
// plugins' executable of a node.
const sickPlugins = "sick-plugins"

// stand is how the sick plugins see it, inside their node.
var stand = sickplugin.Stand{Real: "/usr/libexec/storeward/storeward-plugins", Dir: "/etc/storeward/sick"}

// sicken makes plugins of a node sick at their next starts.
func sicken(n *lab.Node, plugin string, with ...sickplugin.Illness) error {
	return sickplugin.Stand{Dir: filepath.Join(n.Etc(), filepath.Base(stand.Dir))}.Ail(plugin, with...)
}

// stands puts this program before a node's plugins.
func stands(t *testing.T) func(*lab.Node) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const place = "/usr/libexec/" + sickPlugins
	return func(n *lab.Node) {
		n.Binds = append(n.Binds, lab.Bind{Source: program, Target: place})
		for _, c := range n.Commands {
			if at := slices.Index(c.Arguments, stand.Real); at >= 0 {
				c.Arguments[at] = place
			}
		}
	}
}

// TestC1GarblingPluginIsRestarted: a plugin that answers garbage, at its start or
// in the middle of its work, is seen, replaced and reported, and never taken for
// the peer's death.
func TestC1GarblingPluginIsRestarted(t *testing.T) {
	s := openWith(t, harness.Options{}, stands(t))
	active := s.whole()
	generation := s.state(active).GetGeneration()
	for _, c := range []struct {
		plugin string
		with   []sickplugin.Illness
	}{
		{"heartbeat", []sickplugin.Illness{sickplugin.Handshake, sickplugin.Bytes, sickplugin.Status, sickplugin.Future}},
		{"reach", []sickplugin.Illness{sickplugin.Handshake, sickplugin.Bytes, sickplugin.Status}},
		{"vip", []sickplugin.Illness{sickplugin.Handshake, sickplugin.Bytes, sickplugin.Status}},
		{"ups", []sickplugin.Illness{sickplugin.Future}}, // it says that the power is off
	} {
		for _, illness := range c.with {
			for _, n := range s.Store.Nodes {
				s.suffers(n, c.plugin, illness)
				if s.whole() != active {
					t.Fatalf("the active node changed when %s on %s was sick with %s", c.plugin, n.Name, illness)
				}
				s.linksAreWell()
			}
		}
	}
	if now := s.state(active).GetGeneration(); now != generation {
		t.Errorf("generation %d after %d", now, generation)
	}
	if s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("a node was cut")
	}
}

// suffers has a plugin of a node fall sick and waits until it is replaced and told.
func (s *store) suffers(n *lab.Node, plugin string, with sickplugin.Illness) {
	s.t.Helper()
	object := "plugin/" + plugin
	garbage, restarted := s.told(n, "plugin.garbage", object), s.told(n, "plugin.restarted", object)
	silences := s.told(n, "peer.silent", "node/"+s.Store.Peer(n).Name)
	if err := sicken(n, plugin, with); err != nil {
		s.t.Fatal(err)
	}
	sick := s.plugin(n, plugin)
	if err := syscall.Kill(sick, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	if with != sickplugin.Handshake {
		restarted++
		s.historyHas(n, "plugin.restarted", object, restarted)
		s.whole()
		sick = s.plugin(n, plugin)
		if err := syscall.Kill(sick, syscall.SIGUSR1); err != nil {
			s.t.Fatal(err)
		}
	}
	began := time.Now()
	s.eventually(8*time.Second, "the sick "+plugin+" on "+n.Name+" is killed", func() (string, bool) {
		return "", errors.Is(syscall.Kill(sick, 0), syscall.ESRCH)
	})
	killed := time.Since(began)
	s.eventually(20*time.Second, plugin+" is replaced on "+n.Name, func() (string, bool) {
		all, err := n.Processes()
		return fmt.Sprint(err), slices.ContainsFunc(all, func(p lab.Process) bool { return isPlugin(p, plugin) && p.Arguments[0] == stand.Real })
	})
	s.t.Logf("%s on %s, sick with %s: killed after %s, replaced after %s", plugin, n.Name, with,
		killed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	s.historyHas(n, "plugin.garbage", object, garbage+1)
	s.historyHas(n, "plugin.restarted", object, restarted+1)
	if now := s.told(n, "peer.silent", "node/"+s.Store.Peer(n).Name); now != silences {
		s.t.Errorf("%s takes its own sick %s for its peer's silence", n.Name, plugin)
	}
}

// linksAreWell waits until both nodes say so of every link.
func (s *store) linksAreWell() {
	s.t.Helper()
	for _, n := range s.Store.Nodes {
		s.eventually(20*time.Second, "the links of "+n.Name+" are well", func() (string, bool) {
			state, err := s.State(s.t.Context(), n)
			if err != nil {
				return err.Error(), false
			}
			for _, l := range state.GetLinks() {
				if l.GetHealth() != "ok" {
					return l.GetName() + " is " + l.GetHealth(), false
				}
			}
			return "no links", len(state.GetLinks()) == 2
		})
	}
}

// TestGarbageAtTheStartOfTheDaemon: it runs without the plugin, and with it as soon
// as the plugin is well.
func TestGarbageAtTheStartOfTheDaemon(t *testing.T) {
	ailing := []string{"host", "vip", "heartbeat"}
	prepare := stands(t)
	s := openWith(t, harness.Options{}, func(n *lab.Node) {
		prepare(n)
		for _, plugin := range ailing {
			if err := sicken(n, plugin, sickplugin.Handshake, sickplugin.Handshake); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, n := range s.Store.Nodes {
		for _, plugin := range ailing {
			s.historyHas(n, "plugin.garbage", "plugin/"+plugin, 1)
		}
		if n.Boots() != 1 {
			t.Errorf("%s was cut", n.Name)
		}
	}
	s.linksAreWell()
}
