package e2e

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// held is a file system that cannot be unmounted while somebody stands in it.
const held = `
  - name: held
    plugin: mount
    layer: storage
    after: [ip]
    stop_timeout: 2s
    with: {source: /srv, target: /mnt/held, type: bind, make_target: true}`

// standIn has somebody stand in a folder of a node, as an operator's forgotten shell does.
func (s *store) standIn(n *lab.Node, folder string) {
	s.t.Helper()
	command, err := n.Command(s.t.Context(), "/bin/sh", "-c", "cd "+folder+" && echo there && exec sleep 600")
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		s.t.Fatalf("nobody stands in %s: %v", folder, err)
	}
}

// TestM5NodeThatCannotStopIsReset: an active node is cut off, must stop and cannot, and its
// UPS refuses to cut it. Its watchdog resets it; nobody takes over before its power was
// read off.
func TestM5NodeThatCannotStopIsReset(t *testing.T) {
	s := open(t, harness.Options{
		Lab: lab.Options{Watchdog: 2 * time.Second}, Resources: held, Policy: "\n  isolation: stop",
		OffTime: 2 * time.Second,
	})
	active := s.whole()
	survivor := s.Store.Peer(active)
	s.standIn(active, "/mnt/held")
	s.do("ups", active.ID(), "refuse")
	s.do("cut", "cable")
	s.do("cut", "lan-"+active.Name)
	s.eventually(60*time.Second, active.Name+" is reset", func() (string, bool) {
		return "", active.Boots() == 2
	})
	if survivor.Holds(s.Store.VIP(1)) {
		t.Error("the peer took over without a confirmed fence")
	}
	s.never(3*time.Second, "a node that was cut off serves again", func() bool { return active.Holds(s.Store.VIP(1)) })
	if told := s.history(active, "node.reset"); !strings.Contains(told, "did not stop") {
		t.Errorf("the reset was told as %q", told)
	}
	s.do("ups", active.ID(), "well")
	s.activeIs(survivor, 20*time.Second)
	s.do("mend", "cable")
	s.do("mend", "lan-"+active.Name)
	s.whole()
}

// TestM8HungDaemonIsReset: the daemon of the active node hangs, and its UPS refuses to cut
// it. Its watchdog resets it, and the store serves again although nothing could be fenced.
func TestM8HungDaemonIsReset(t *testing.T) {
	s := open(t, harness.Options{Lab: lab.Options{Watchdog: 2 * time.Second}})
	active := s.whole()
	s.do("ups", active.ID(), "refuse")
	if err := syscall.Kill(s.daemon(active), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.eventually(20*time.Second, active.Name+" is reset", func() (string, bool) { return "", active.Boots() == 2 })
	s.whole()
}

// TestDaemonThatStopsInOrderIsNotReset: its watchdog is disarmed, and armed again by the
// next start.
func TestDaemonThatStopsInOrderIsNotReset(t *testing.T) {
	s := open(t, harness.Options{Lab: lab.Options{Watchdog: 2 * time.Second}})
	standby := s.Store.Peer(s.whole())
	for range 2 {
		if err := syscall.Kill(s.daemon(standby), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.whole()
	}
	s.never(3*time.Second, "a node was reset", func() bool { return s.Store.Nodes[0].Boots()+s.Store.Nodes[1].Boots() > 2 })
}
