package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// daemon returns the daemon's process on a node.
func (s *store) daemon(n *lab.Node) int {
	s.t.Helper()
	found, err := n.Find("storewardd")
	if err != nil || len(found) != 1 {
		s.t.Fatalf("%d daemons on %s: %v", len(found), n.Name, err)
	}
	return found[0].PID
}

// TestC1DaemonKilledResourcesLiveOn: kill -9 of the daemon is no failover; the
// new daemon adopts what runs.
func TestC1DaemonKilledResourcesLiveOn(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	generation, pid := s.state(active).GetGeneration(), s.pidOf(active, "echo")
	for range 3 {
		old := s.daemon(active)
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.eventually(10*time.Second, "the daemon runs again", func() (string, bool) {
			found, err := active.Find("storewardd")
			return "", err == nil && len(found) == 1 && found[0].PID != old
		})
		if s.whole() != active {
			t.Fatal("the active node changed")
		}
	}
	if now := s.state(active).GetGeneration(); now != generation {
		t.Errorf("generation %d after %d", now, generation)
	}
	if now := s.pidOf(active, "echo"); now != pid {
		t.Errorf("the service was restarted: pid %d after %d", now, pid)
	}
	if s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("a node was cut")
	}
}

// TestM8DeadServiceIsRestartedAsANewProcess at the same virtual IP, without a failover.
func TestM8DeadServiceIsRestartedAsANewProcess(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	old := s.pidOf(active, "echo")
	found, err := active.Find(filepath.Base(lab.EchoCommand()[0]))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d echo services: %v", len(found), err)
	}
	if err := syscall.Kill(found[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually(15*time.Second, "the service runs as a new process", func() (string, bool) {
		now := s.pidOf(active, "echo")
		return "", now != 0 && now != old
	})
	s.history(active, "resource.restarted")
	if s.whole() != active {
		t.Error("the active node changed")
	}
}

// TestC1SilentPluginIsRestarted: a plugin that hangs is seen and replaced, and
// never taken for the peer's death.
func TestC1SilentPluginIsRestarted(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	for _, name := range []string{"heartbeat", "vip"} {
		for _, n := range s.Store.Nodes {
			pid := s.plugin(n, name)
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			s.eventually(20*time.Second, name+" is replaced on "+n.Name, func() (string, bool) {
				all, err := n.Processes()
				if err != nil {
					return err.Error(), false
				}
				replaced := false
				for _, p := range all {
					if p.PID == pid {
						return "the stopped one is still there", false
					}
					replaced = replaced || isPlugin(p, name)
				}
				return "", replaced
			})
			s.history(n, "plugin.restarted")
			if s.whole() != active {
				t.Fatalf("the active node changed when %s stopped on %s", name, n.Name)
			}
		}
	}
	if s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("a node was cut")
	}
}

func isPlugin(p lab.Process, name string) bool {
	for _, word := range p.Arguments {
		if filepath.Base(word) == name {
			return true
		}
	}
	return false
}

// plugin returns the process of a plugin on a node.
func (s *store) plugin(n *lab.Node, name string) int {
	s.t.Helper()
	all, err := n.Processes()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range all {
		if isPlugin(p, name) {
			return p.PID
		}
	}
	s.t.Fatalf("no plugin %s on %s: %+v", name, n.Name, all)
	return 0
}

// TestFullDiskFailsOver: a standby whose disk is full still takes over.
func TestFullDiskFailsOver(t *testing.T) {
	s := openWith(t, harness.Options{}, func(n *lab.Node) { n.DiskBytes = 64 << 20 })
	active := s.whole()
	survivor := s.Store.Peer(active)
	if _, err := survivor.Exec(t.Context(), "sh", "-c", "dd if=/dev/zero of=/var/lib/storeward/filler bs=64k 2>/dev/null || true; ! dd if=/dev/zero of=/var/lib/storeward/more bs=64k count=4 2>/dev/null"); err != nil {
		t.Fatal("the disk is not full:", err)
	}
	s.kill(active)
	s.activeIs(survivor, 10*time.Second)
}

// TestFullDiskAtARestart: the daemon of a standby whose disk is full and whose outbox is
// gone starts, says so, takes over, and keeps its reports once there is room.
func TestFullDiskAtARestart(t *testing.T) {
	s := openWith(t, harness.Options{Console: true}, func(n *lab.Node) { n.DiskBytes = 64 << 20 })
	active := s.whole()
	survivor := s.Store.Peer(active)
	const fill = `cd /var/lib/storeward && ln outbox/outbox.db kept && rm -r outbox && # its room stays taken
dd if=/dev/zero of=filler bs=64k 2>/dev/null; dd if=/dev/zero of=more bs=512 2>/dev/null; ! mkdir outbox 2>/dev/null || ! dd if=/dev/zero of=outbox/probe bs=512 count=1 2>/dev/null`
	if _, err := survivor.Exec(t.Context(), "sh", "-c", fill); err != nil {
		t.Fatal("the disk is not full:", err)
	}
	before := s.daemon(survivor)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually(20*time.Second, "the daemon runs again", func() (string, bool) {
		state, err := s.State(t.Context(), survivor)
		return fmt.Sprint(err), err == nil && state.GetRole() == "standby" && state.GetPeerHeard()
	})
	s.history(survivor, "outbox.failed")
	s.alarm(survivor, "major", "outbox")
	s.whole()
	s.kill(active)
	s.activeIs(survivor, 10*time.Second)
	if _, err := survivor.Exec(t.Context(), "sh", "-c", "rm /var/lib/storeward/filler /var/lib/storeward/more"); err != nil {
		t.Fatal(err)
	}
	s.history(survivor, "outbox.restored")
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.closedFailover(client, active.Name)
	s.exactlyOnce(client, 1)
}

// TestCorruptJournalIsSetAside: a node with a damaged journal says so, starts
// nothing before it agreed with its peer, and then is as good as new.
func TestCorruptJournalIsSetAside(t *testing.T) {
	s := open(t, harness.Options{OffTime: 8 * time.Second})
	active := s.whole()
	victim := s.Store.Peer(active)
	s.kill(victim)
	damaged := 0
	err := filepath.WalkDir(victim.Disk(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		damaged++
		return damage(path)
	})
	if err != nil || damaged == 0 {
		t.Fatalf("%d files damaged: %v", damaged, err)
	}
	s.eventually(40*time.Second, "the node has its power back", func() (string, bool) { return "", victim.Alive() })
	s.history(victim, "journal.corrupt")
	if now := s.whole(); now != active {
		t.Errorf("%s became active", now.Name)
	}
	kept := 0
	_ = filepath.WalkDir(victim.Disk(), func(path string, _ os.DirEntry, _ error) error {
		if strings.Contains(filepath.Base(path), ".corrupt-") {
			kept++
		}
		return nil
	})
	if kept == 0 {
		t.Error("nothing was set aside")
	}
}

// damage overwrites a file's whole content with noise of the same length.
func damage(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := range text {
		text[i] ^= 0xa5
	}
	return os.WriteFile(path, text, 0o600)
}

// TestBadConfigurationIsRefused with its place, and the running one stays.
func TestBadConfigurationIsRefused(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	path := filepath.Join(active.Etc(), "storeward.yaml")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	misspelt := strings.Replace(string(good), "community: ", "comunity: ", 1) // in a plugin's own section
	if err := os.WriteFile(path, []byte(misspelt), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Ctl(t.Context(), active, "config", "check"); err == nil || !strings.Contains(out, `fencing[0].with.comunity: unknown key: did you mean "community"?`) {
		t.Errorf("config check of a plugin's section: %v: %s", err, out)
	}
	bad := strings.Replace(string(good), "deadtime: 200ms", "deadtime: 100ms", 1)
	if bad == string(good) || misspelt == string(good) {
		t.Fatal("nothing was changed")
	}
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.Ctl(t.Context(), active, "config", "check")
	if err == nil || !strings.Contains(out, "storeward.yaml:17:13: ") || !strings.Contains(out, "timing.deadtime") {
		t.Errorf("config check: %v: %s", err, out)
	}
	digest := s.state(active).GetConfigurationDigest()
	if err := syscall.Kill(s.daemon(active), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.history(active, "config.refused")
	if now := s.state(active).GetConfigurationDigest(); now != digest || s.whole() != active {
		t.Error("the running configuration changed")
	}
}

// TestSwitchoverMovesTheStore by an operator's word, without a fence.
func TestSwitchoverMovesTheStore(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if out, err := s.Ctl(ctx, active, "switchover", "--yes"); err != nil {
		t.Fatal(err, out)
	}
	s.activeIs(s.Store.Peer(active), 15*time.Second)
	s.whole()
	if s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("a node was cut")
	}
}
