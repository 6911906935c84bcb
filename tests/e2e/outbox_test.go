package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

const page = 4096 // of the outbox's file

// scribble overwrites a file from an offset with noise; to 0 is its end.
func scribble(path string, from, to int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if to == 0 {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		to = info.Size()
	}
	noise := make([]byte, to-from)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	_, err = file.WriteAt(noise, from)
	return err
}

// outboxHarms are what may happen to an outbox.
var outboxHarms = []struct {
	name    string
	running bool // under the running daemon
	do      func(path string) error
}{
	{"pages in the middle overwritten", false, func(path string) error { return scribble(path, 2*page, 0) }},
	{"cut short", false, func(path string) error { return os.Truncate(path, 3*page+100) }},
	{"empty", false, func(path string) error { return os.Truncate(path, 0) }},
	{"noise", false, func(path string) error { return scribble(path, 0, 0) }},
	{"a folder", false, func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }},
	{"cut to nothing under the daemon", true, func(path string) error { return os.Truncate(path, 0) }},
	{"overwritten under the daemon", true, func(path string) error { return scribble(path, 0, 0) }},
}

// TestCorruptOutboxIsSetAside: the daemon lives, says it, and begins a new journal;
// what comes later arrives exactly once, and the service notices nothing.
func TestCorruptOutboxIsSetAside(t *testing.T) {
	s := open(t, harness.Options{Console: true, PointsEvery: time.Second, Timing: harness.Default})
	active := s.whole()
	generation, pid := s.state(active).GetGeneration(), s.pidOf(active, "echo")
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := []*lab.Node{s.Store.Peer(active), active}
	for i, harm := range outboxHarms {
		s.outboxSuffers(client, nodes[i%2], harm.running, harm.do, i/2+1)
		t.Logf("%s on %s", harm.name, nodes[i%2].Name)
		if s.whole() != active {
			t.Fatal("the active node changed")
		}
	}
	s.exactlyOnce(client, 0)
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

// outboxSuffers harms the outbox of a node in which reports wait, for the nth time,
// and waits until the console has heard of it by a new journal.
func (s *store) outboxSuffers(client *harness.ConsoleClient, n *lab.Node, running bool, harm func(path string) error, nth int) {
	s.t.Helper()
	var before []string
	s.eventually(30*time.Second, "the console knows the journal of "+n.Name, func() (string, bool) {
		before = s.journals(client, n)
		return "", len(before) >= nth
	})
	s.do("cut", "wan")
	s.eventually(30*time.Second, "reports wait in the outbox of "+n.Name, func() (string, bool) {
		pending := s.state(n).GetOutboxPending()
		return fmt.Sprint(pending), pending >= 3
	})
	daemon, box := s.daemon(n), filepath.Join(n.Disk(), "outbox", "outbox.db")
	if !running {
		s.whileDown(n, func() error { return harm(box) })
	} else if err := harm(box); err != nil {
		s.t.Fatal(err)
	}
	message := s.historyHas(n, "journal.corrupt", "node/"+n.Name, nth)
	_, name, _ := strings.Cut(message, "It was set aside as ")
	name, _, _ = strings.Cut(name, ". ")
	if _, err := os.Stat(filepath.Join(filepath.Dir(box), filepath.Base(name))); err != nil || !strings.Contains(name, "corrupt-") {
		s.t.Errorf("%s: %v", message, err)
	}
	s.alarm(n, "major", "outbox")
	s.do("mend", "wan")
	s.eventually(30*time.Second, "the console hears of it by a new journal", func() (string, bool) {
		now := s.journals(client, n)
		ids := s.eventIDs(client, n, "journal.corrupt")
		if len(ids) != nth {
			return fmt.Sprintf("events %v", ids), false
		}
		journal := strings.Split(ids[0], "/")[1]
		return fmt.Sprintf("journals %v after %v, events %v", now, before, ids),
			len(now) == len(before)+1 && !slices.Contains(before, journal) && slices.Contains(now, journal)
	})
	if running && s.daemon(n) != daemon {
		s.t.Errorf("the daemon of %s did not live through it", n.Name)
	}
}

// whileDown does something while the daemon of a node is dead: it cannot start
// again without its configuration.
func (s *store) whileDown(n *lab.Node, do func() error) {
	s.t.Helper()
	old, path := s.daemon(n), filepath.Join(n.Etc(), "storeward.yaml")
	if err := errors.Join(os.Rename(path, path+".away"), syscall.Kill(old, syscall.SIGKILL)); err != nil {
		s.t.Fatal(err)
	}
	s.eventually(10*time.Second, "the daemon is dead", func() (string, bool) {
		return "", errors.Is(syscall.Kill(old, 0), syscall.ESRCH)
	})
	if err := errors.Join(do(), os.Rename(path+".away", path)); err != nil {
		s.t.Fatal(err)
	}
	s.state(n)
}

// journals lists the ids of a node's journals that the console knows.
func (s *store) journals(client *harness.ConsoleClient, n *lab.Node) []string {
	s.t.Helper()
	var ids []string
	for _, node := range s.numbering(client) {
		for _, j := range node.Journals {
			if node.Node == n.Name {
				ids = append(ids, j.JournalID)
			}
		}
	}
	return ids
}

// eventIDs lists what the console has of a node's events of a kind, newest first.
func (s *store) eventIDs(client *harness.ConsoleClient, n *lab.Node, kind string) []string {
	s.t.Helper()
	var ids []string
	for _, e := range s.events(client) {
		if e.Node == n.Name && e.Kind == kind {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// TestCorruptOutboxOnAFullDisk: there is no room for a new one. The daemon runs
// all the same, and tells what it had to say once there is room.
func TestCorruptOutboxOnAFullDisk(t *testing.T) {
	s := openWith(t, harness.Options{Console: true, Timing: harness.Default}, func(n *lab.Node) { n.DiskBytes = 64 << 20 })
	active := s.whole()
	n := s.Store.Peer(active)
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sh := func(script string) {
		t.Helper()
		if _, err := n.Exec(t.Context(), "sh", "-c", script); err != nil {
			t.Fatal(err)
		}
	}
	s.whileDown(n, func() error {
		sh(`cd /var/lib/storeward && dd if=/dev/zero of=outbox/outbox.db bs=4096 count=2 conv=notrunc 2>/dev/null
			{ dd if=/dev/zero of=filler bs=4096 2>/dev/null || true; } && ! dd if=/dev/zero of=more bs=4096 count=1 2>/dev/null`)
		return nil
	})
	s.historyHas(n, "journal.corrupt", "node/"+n.Name, 1)
	if now := s.whole(); now != active || n.Boots() != 1 {
		t.Errorf("%s is active, %s was given power %d times", now.Name, n.Name, n.Boots())
	}
	s.whileDown(n, func() error { return nil }) // and with no outbox at all
	s.whole()
	sh("rm /var/lib/storeward/filler")
	s.eventually(30*time.Second, "the console hears of the daemon's starts", func() (string, bool) {
		ids := s.eventIDs(client, n, "node.started")
		return fmt.Sprint(ids), len(ids) >= 2
	})
	s.exactlyOnce(client, 0)
}
