package report

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	bolt "go.etcd.io/bbolt"

	"github.com/storeward/storeward/core/api"
)

// TestTextThatIsNoUTF8: one report with a text that protobuf cannot hold does
// not stop everything behind it.
func TestTextThatIsNoUTF8(t *testing.T) {
	dir := t.TempDir()
	certificates(t, dir)
	s := broker(t, dir, 0)
	defer s.Shutdown()
	console := newFakeConsole()
	console.serve(t, s)
	r, err := New(linkOptions(dir, s.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Event(&api.Event{Kind: api.KindAlarm, Message: "caf\xe9", Attributes: map[string]string{"k\xff": "v\xff"}})
	r.Incident(&api.Incident{Id: "i1", Snapshots: []*api.Snapshot{{Node: "alpha", LogLines: []string{"\xc3\x28"}}}})
	r.Points(&api.Points{Points: []*api.Point{{Measurement: "m", Tags: map[string]string{"mount": "/\xfe"}, Fields: map[string]float64{"x\xff": 1}}}})
	r.Status(&api.Status{Node: "alpha", Decision: "\xff"})
	r.Event(&api.Event{Kind: api.KindAlarm, Message: "behind it"})
	eventually(t, "everything behind a broken text", func() bool { return console.count() == 4 && console.statuses.Load() > 0 })
	console.mu.Lock()
	defer console.mu.Unlock()
	if got, want := console.got[1], "caf\uFFFD"; got != want {
		t.Errorf("the broken text arrived as %q, want %q", got, want)
	}
}

// TestConsoleDiesUnderABatch: a batch whose console is gone is not waited for.
func TestConsoleDiesUnderABatch(t *testing.T) {
	dir := t.TempDir()
	certificates(t, dir)
	s := broker(t, dir, 0)
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	taken := make(chan struct{}, 8)
	if _, err := conn.Subscribe(api.AllSubjects(api.SubjectBatch), func(*nats.Msg) { taken <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	port := s.Addr().(*net.TCPAddr).Port
	o := linkOptions(dir, port)
	box := open(t, filepath.Join(dir, "box"), 1<<20, "console/hq")
	l, err := newLink(o, o.Report.Consoles[0], box, func(*overtaken) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.conn.Close()
	eventually(t, "the link", l.conn.IsConnected)
	failed := make(chan error, 1)
	envelopes := []*api.Envelope{{Store: "s1", Node: "alpha", Sequence: 1, JournalId: "j"}}
	go func() {
		_, err := l.deliver(context.Background(), envelopes)
		failed <- err
	}()
	<-taken
	s.Shutdown()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("a batch that nobody took was taken for delivered")
		}
	case <-time.After(ackTimeout / 2):
		t.Error("the batch waits for a console that is gone")
	}
}

// TestC2DamageUnderTheLink: the outbox is damaged while the node runs. What was
// sent has arrived, all that comes later arrives as a new journal.
func TestC2DamageUnderTheLink(t *testing.T) {
	dir := t.TempDir()
	certificates(t, dir)
	s := broker(t, dir, 0)
	defer s.Shutdown()
	console := newFakeConsole()
	console.serve(t, s)
	o := linkOptions(dir, s.Addr().(*net.TCPAddr).Port)
	news := make(chan *api.Event, 8)
	o.Tell = func(e *api.Event) { news <- e }
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Event(&api.Event{Kind: api.KindAlarm, Message: "before"})
	// On the disk too: damage amid the write is overwritten, and ends no journal.
	eventually(t, "the event before the damage", func() bool { return console.count() == 1 && acknowledged(t, r.box) })
	if err := os.Truncate(filepath.Join(o.Dir, "outbox.db"), 0); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		r.Event(&api.Event{Kind: api.KindAlarm, Message: fmt.Sprint("after ", i+1)})
	}
	eventually(t, "the events after the damage", func() bool {
		console.mu.Lock()
		defer console.mu.Unlock()
		return console.got[1] == "after 1" && console.got[2] == "after 2" && console.got[3] == "after 3"
	})
	eventually(t, "an empty outbox", func() bool { n, _, _ := r.box.stats(); return n == 0 })
	if e := <-news; e.GetKind() != api.KindJournalCorrupt || !strings.Contains(e.GetMessage(), " 0 reports that waited in it are missing") || len(news) > 0 {
		t.Errorf("told %v and %d more", e, len(news))
	}
}

// acknowledged tells whether the file has it that something arrived.
func acknowledged(t *testing.T, box *outbox) (noted bool) {
	t.Helper()
	err := box.use(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			noted = tx.Bucket(bucketCursors).Get([]byte("console/hq")) != nil
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return noted
}

// TestStartWithoutTheWAN: a console that does not answer costs the start of a node nothing.
func TestStartWithoutTheWAN(t *testing.T) {
	dir := t.TempDir()
	certificates(t, dir)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	began := time.Now()
	r, err := New(linkOptions(dir, mute.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > dialTimeout/2 {
		t.Errorf("the start took %s", took)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
