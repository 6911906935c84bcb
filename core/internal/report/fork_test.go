package report

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	bolt "go.etcd.io/bbolt"

	"github.com/storeward/storeward/core/api"
)

// node is one whose disk may be set back, and its console.
type node struct {
	t       *testing.T
	o       Options
	broker  *server.Server
	console *fakeConsole
	r       *Reporter
	told    news
}

func newNode(t *testing.T) *node {
	dir := t.TempDir()
	certificates(t, dir)
	n := &node{t: t, broker: broker(t, dir, 0), console: newFakeConsole()}
	t.Cleanup(n.broker.Shutdown)
	n.console.serve(t, n.broker)
	n.o = linkOptions(dir, n.broker.Addr().(*net.TCPAddr).Port)
	return n
}

func (n *node) start() {
	n.t.Helper()
	n.r, n.told = started(n.t, n.o)
}

func (n *node) stop() {
	n.t.Helper()
	if err := n.r.Close(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) path() string { return filepath.Join(n.o.Dir, "outbox.db") }

func (n *node) image() []byte {
	n.t.Helper()
	data, err := os.ReadFile(n.path())
	if err != nil {
		n.t.Fatal(err)
	}
	return data
}

func (n *node) setBack(image []byte) {
	n.t.Helper()
	if err := os.WriteFile(n.path(), image, 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) say(words ...string) {
	for _, word := range words {
		n.r.Event(&api.Event{Kind: api.KindAlarm, Message: word})
	}
}

// delivered waits until nothing waits any more, and returns what the console has.
func (n *node) delivered() []string {
	n.t.Helper()
	eventually(n.t, "an empty outbox", func() bool {
		waiting, _ := n.r.Backlog()
		return waiting == 0
	})
	n.console.mu.Lock()
	defer n.console.mu.Unlock()
	return n.console.names
}

// words are the messages alone.
func words(names []string) string {
	var out []string
	for _, name := range names {
		_, word, _ := strings.Cut(name, " ")
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// TestDiskSetBack: a node that gives numbers again which its console knows loses
// nothing, and nothing arrives twice.
func TestDiskSetBack(t *testing.T) {
	n := newNode(t)
	n.start()
	n.say("a", "b")
	n.delivered()
	n.stop()
	image := n.image()
	n.start()
	n.say("c", "d", "e")
	n.delivered()
	n.stop()
	n.setBack(image)

	n.start()
	n.say("C", "D", "E", "F")
	names := n.delivered()
	if got := words(names); got != "a b c d e C D E F" || n.console.repeats != 0 {
		t.Fatalf("the console has %q and saw %d repeats", got, n.console.repeats)
	}
	news := n.told.next(t)
	if news.GetKind() != api.KindOutboxSetBack || news.GetSeverity() != api.Severity_SEVERITY_MAJOR ||
		!strings.Contains(news.GetMessage(), "up to number 5, and this node itself came to 2 only") || !strings.Contains(news.GetMessage(), n.r.box.journal) {
		t.Errorf("news %v", news)
	}
	n.stop()
	n.start() // what it does now is ordinary
	n.say("G")
	names = n.delivered()
	if got := words(names); got != "a b c d e C D E F G" || !strings.HasPrefix(names[9], n.r.box.journal+"/7 ") {
		t.Errorf("the console has %v", names)
	}
	if len(n.told) > 0 {
		t.Errorf("more news %v", <-n.told)
	}
	n.setBackAgain(image)
}

// setBackAgain: the same image once more is no worse.
func (n *node) setBackAgain(image []byte) {
	n.t.Helper()
	before := len(n.delivered())
	n.stop()
	n.setBack(image)
	n.start()
	n.say("x")
	if names := n.delivered(); len(names) != before+1 || words(names[before:]) != "x" {
		n.t.Errorf("the console has %v", names)
	}
}

// TestDiskSetBackBeforeWhatWaited: what the image held and the console had got since is
// the same report, and arrives once.
func TestDiskSetBackBeforeWhatWaited(t *testing.T) {
	n := newNode(t)
	box := open(t, n.o.Dir, 1<<20, "console/hq")
	put(t, box, testEvent("a"), testEvent("b")) // the console is away
	if err := box.close(); err != nil {
		t.Fatal(err)
	}
	image := n.image()
	n.start()
	n.say("c")
	n.delivered()
	n.stop()
	n.setBack(image)
	n.start()
	n.say("C", "D")
	if got := words(n.delivered()); got != "a b c C D" {
		t.Errorf("the console has %q", got)
	}
}

// TestHonestRepeats: a node whose disk did not note what arrived repeats it under its
// old names, and begins no new journal.
func TestHonestRepeats(t *testing.T) {
	n := newNode(t)
	n.start()
	n.say("a", "b", "c")
	n.delivered()
	n.stop()
	journal := n.r.box.journal
	// The cursor stays where it was: a full disk refused the note.
	box := open(t, n.o.Dir, 1<<20, "console/hq")
	envelopes := []*api.Envelope{}
	for i, word := range []string{"a", "b", "c"} {
		e := testEvent(word)
		name(e, journal, uint64(i+1))
		envelopes = append(envelopes, e)
	}
	if err := box.store(envelopes); err != nil {
		t.Fatal(err)
	}
	err := box.update(journal, func(tx *bolt.Tx) error { return putValue(tx, bucketCursors, []byte("console/hq"), key(0)) }, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.close(); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.say("d")
	if got := words(n.delivered()); got != "a b c d" || n.console.repeats != 3 || n.r.box.journal != journal {
		t.Errorf("the console has %q and saw %d repeats, journal %s after %s", got, n.console.repeats, n.r.box.journal, journal)
	}
}

// TestSetBackWhileItRan: a machine that is resumed from a snapshot of its memory learns
// of it from an acknowledgement.
func TestSetBackWhileItRan(t *testing.T) {
	n := newNode(t)
	n.start()
	n.say("a", "b")
	n.delivered()
	n.console.mu.Lock()
	for i, word := range []string{"c", "d", "e"} { // what it said after the snapshot
		n.console.names = append(n.console.names, fmt.Sprintf("%s/%d %s", n.r.box.journal, i+3, word))
	}
	n.console.marks[n.r.box.journal] = 5
	n.console.mu.Unlock()
	n.say("C")
	if got := words(n.delivered()); got != "a b c d e C" {
		t.Errorf("the console has %q", got)
	}
}

// TestFork: what comes after the number has a new journal, what comes before keeps its
// own and can be acknowledged, and a number that is not on the disk yet leaves no gap.
func TestFork(t *testing.T) {
	dir := t.TempDir()
	box := open(t, dir, 1<<20, "a")
	put(t, box, testEvent("one"), testEvent("two"), testEvent("three"))
	before := box.journal
	unsaved := []*api.Envelope{testEvent("four")}
	box.number(unsaved)
	after, err := box.fork(before, 1)
	if err != nil || after == "" || after == before {
		t.Fatalf("forked into %q: %v", after, err)
	}
	if again, err := box.fork(before, 1); err != nil || again != "" {
		t.Errorf("a journal that ended was forked into %q: %v", again, err)
	}
	if err := box.store(unsaved); !errors.Is(err, errRenewed) {
		t.Errorf("an old name was stored: %v", err)
	}
	box.number(unsaved)
	if err := box.store(unsaved); err != nil {
		t.Fatal(err)
	}
	names := func(box *outbox) string {
		t.Helper()
		envelopes, err := box.next("a", 1000, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range envelopes {
			out = append(out, strings.NewReplacer(before, "J", after, "K").Replace(e.GetEvent().GetId()))
		}
		return strings.Join(out, " ")
	}
	if got := names(box); got != "alpha/J/1" {
		t.Errorf("first %s", got)
	}
	if err := box.close(); err != nil {
		t.Fatal(err)
	}
	box = open(t, dir, 1<<20, "a") // nothing of it is forgotten
	if err := box.acknowledge("a", before, 1); err != nil {
		t.Fatal(err)
	}
	if got := names(box); got != "alpha/K/2 alpha/K/3 alpha/K/4" {
		t.Errorf("then %s", got)
	}
	if err := box.acknowledge("a", after, 4); err != nil {
		t.Fatal(err)
	}
	if waiting, _, _ := box.stats(); waiting != 0 || box.bytes != 0 {
		t.Errorf("%d envelopes of %d bytes wait", waiting, box.bytes)
	}
}
