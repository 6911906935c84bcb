package e2e

import (
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

// warmData is what only a promoted database has: here, a mount.
const warmData = "/mnt/sales"

// layered are a queue, which no standby ever runs, and a database whose process runs on
// both nodes and has the data only on the active one.
const layered = `
  - name: queue
    plugin: service
    layer: queue
    after: [ip]
    with: {command: [/bin/bash, -c, "exec -a queue sleep infinity"]}
  - name: sales
    plugin: service
    layer: database
    warm: true
    after: [queue]
    with:
      command: [/bin/bash, -c, "mkdir -p /mnt/sales; umount -q /mnt/sales; exec -a database sleep infinity"]
      promote: [/etc/storeward/promote]
      demote: [/etc/storeward/demote]
      role: [/etc/storeward/role]`

// turns are the database's commands. Each waits while the file hold-NAME is beside it.
var turns = map[string]string{
	"promote": "mountpoint -q " + warmData + " || mount --bind /srv " + warmData,
	"demote":  "umount " + warmData,
	"role":    "mountpoint -q " + warmData + " && exit 8; exit 0",
}

// openLayered builds a store that runs these layers; the oracle watches what only one may have.
func openLayered(t *testing.T, timing harness.Timing) *store {
	t.Helper()
	return openWith(t, harness.Options{
		Timing: timing, Resources: layered, OffTime: time.Second,
		Lab: lab.Options{Audited: lab.Audited{Mounts: []string{warmData}, Programs: []string{"queue"}}},
	}, func(n *lab.Node) {
		for name, command := range turns {
			script := fmt.Sprintf("#!/bin/sh\nwhile [ -e /etc/storeward/hold-%s ]; do sleep .02; done\n%s\n", name, command)
			if err := os.WriteFile(filepath.Join(n.Etc(), name), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// layersOf are the processes of the two layers on a node (0: there is none), and whether it has the data.
func (s *store) layersOf(n *lab.Node) (queue, database int, data bool) {
	s.t.Helper()
	pid := map[string]int{}
	for _, name := range []string{"queue", "database"} {
		found, err := n.Find(name)
		if err != nil || len(found) > 1 {
			s.t.Fatalf("%d processes %s on %s: %v", len(found), name, n.Name, err)
		}
		for _, p := range found {
			pid[name] = p.PID
		}
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", n.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid["queue"], pid["database"], strings.Contains(string(table), " "+warmData+" ")
}

// isWarm waits until a node runs the database without the data, and no queue, and says
// so; it returns the database's process.
func (s *store) isWarm(n *lab.Node) (database int) {
	s.t.Helper()
	s.eventually(20*time.Second, n.Name+" runs the database warm", func() (string, bool) {
		queue, running, data := s.layersOf(n)
		database = running
		said := s.resource(n, "sales").GetState()
		seen := fmt.Sprintf("queue %d, database %d, data %v, said: %s", queue, running, data, said)
		return seen, queue == 0 && running != 0 && !data && said == "warm"
	})
	return database
}

// isPromoted checks that the active node's database is a process of before, and has the data.
func (s *store) isPromoted(n *lab.Node, before int) {
	s.t.Helper()
	if queue, database, data := s.layersOf(n); queue == 0 || database != before || !data {
		s.t.Errorf("%s is active with queue %d, database %d (warm it was %d), data %v", n.Name, queue, database, before, data)
	}
}

// TestM7WarmLayer: the standby has the database's process ahead and never a queue's; a
// switchover and a failover promote the process that is there, and the giver's goes on warm.
func TestM7WarmLayer(t *testing.T) {
	s := openLayered(t, harness.Fast)
	giver := s.whole()
	taker := s.Store.Peer(giver)

	died := s.isWarm(taker)
	if err := syscall.Kill(died, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually(10*time.Second, "the warm process is a new one", func() (string, bool) {
		_, database, _ := s.layersOf(taker)
		return "", database != 0 && database != died
	})
	warm := s.isWarm(taker)
	s.whole() // its peer knows too that it could take over again
	_, promoted, _ := s.layersOf(giver)
	s.switchover(giver)
	s.activeIs(taker, 10*time.Second)
	if s.whole() != taker {
		t.Fatal("the store went back")
	}
	s.isPromoted(taker, warm)
	if now := s.isWarm(giver); now != promoted {
		t.Errorf("the giver's process %d was not kept: it is %d", promoted, now)
	}

	s.kill(taker)
	s.activeIs(giver, 10*time.Second)
	s.eventually(10*time.Second, "everything runs on the survivor", func() (string, bool) {
		return "", s.resource(giver, "sales").GetState() == "started"
	})
	s.isPromoted(giver, promoted)
	if s.whole() != giver {
		t.Fatal("the store went back")
	}
	s.isWarm(taker)
}
