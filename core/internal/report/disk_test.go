package report

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/sdk"
)

// smallDisk is a folder on a file system of its own; fill leaves no room in it, and
// the function it returns makes room again.
func smallDisk(t *testing.T, size string) (dir string, fill func() (empty func())) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small file system to be had: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func() func() {
		path := filepath.Join(dir, "ballast")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for size := 1 << 20; size > 0; {
			if _, err := f.Write(make([]byte, size)); err != nil {
				size /= 2
			}
		}
		return func() {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
}

// trapReceiver counts the datagrams that hold a text.
type trapReceiver struct {
	conn net.PacketConn
	got  chan []byte
}

func newTrapReceiver(t *testing.T) *trapReceiver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &trapReceiver{conn: conn, got: make(chan []byte, 64)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buffer := make([]byte, 4096); ; {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			r.got <- bytes.Clone(buffer[:n])
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return r
}

// next waits for the next notification.
func (r *trapReceiver) next(t *testing.T) string {
	t.Helper()
	select {
	case packet := <-r.got:
		return string(packet)
	case <-time.After(10 * time.Second):
		t.Fatal("no trap came")
		return ""
	}
}

// news takes what a reporter tells of itself.
type news chan *api.Event

func (n news) next(t *testing.T) *api.Event {
	t.Helper()
	select {
	case event := <-n:
		return event
	case <-time.After(30 * time.Second): // a disk is tried again every five
		t.Fatal("no news of the reports")
		return nil
	}
}

// diskOptions report to a console that is never there and to a trap receiver.
func diskOptions(t *testing.T, dir string, traps *trapReceiver) Options {
	t.Helper()
	certs := t.TempDir()
	certificates(t, certs)
	o := linkOptions(certs, 1)
	o.Dir = filepath.Join(dir, "outbox")
	o.Report.Traps = []config.TrapReceiver{{Address: traps.conn.LocalAddr().String(), Community: sdk.NewSecret("public")}}
	return o
}

// started is a reporter that ends with the test, if not before.
func started(t *testing.T, o Options) (*Reporter, news) {
	t.Helper()
	told := make(news, 16)
	o.Tell = func(e *api.Event) { told <- e }
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, told
}

func event(i int) *api.Event {
	return &api.Event{Kind: api.KindAlarm, Message: fmt.Sprintf("event number %d", i)}
}

// TestFullDiskAtTheStart: a node whose disk is full and whose outbox is missing starts.
// Its traps go out, what it reports waits in memory and is kept once there is room, under
// the numbers that the traps had.
func TestFullDiskAtTheStart(t *testing.T) {
	dir, fill := smallDisk(t, "4m")
	empty := fill()
	traps := newTrapReceiver(t)
	o := diskOptions(t, dir, traps)
	r, told := started(t, o)
	for i := range 3 {
		r.Event(event(i))
		if trap := traps.next(t); !strings.Contains(trap, fmt.Sprintf("event number %d", i)) || !strings.Contains(trap, fmt.Sprintf("alpha/%s/%d", r.box.journal, i+1)) {
			t.Errorf("trap %d: %q", i, trap)
		}
	}
	if news := told.next(t); news.GetKind() != api.KindOutboxFailed || news.GetSeverity() != api.Severity_SEVERITY_MAJOR || !strings.Contains(news.GetMessage(), "no space left on device") {
		t.Errorf("news %v", news)
	}
	if waiting, _ := r.Backlog(); waiting != 3 {
		t.Errorf("%d reports wait", waiting)
	}
	empty()
	if news := told.next(t); news.GetKind() != api.KindOutboxRestored || news.GetSeverity() != api.Severity_SEVERITY_CLEARED {
		t.Errorf("news %v", news)
	}
	journal := r.box.journal
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if len(traps.got) != 0 {
		t.Error("a trap was sent again")
	}
	box := open(t, o.Dir, 1<<20, "console/hq")
	if got := sequences(t, box, "console/hq"); got != "1 2 3" || box.journal != journal {
		t.Errorf("kept %s under %s, want 1 2 3 under %s", got, box.journal, journal)
	}
}

// TestOutboxThatOpensLate: what was reported before joins the journal of the file, and
// its traps are not sent again.
func TestOutboxThatOpensLate(t *testing.T) {
	traps := newTrapReceiver(t)
	o := diskOptions(t, t.TempDir(), traps)
	box := open(t, o.Dir, 1<<20, "console/hq")
	put(t, box, testEvent("one"), testEvent("two"))
	journal := box.journal
	if err := box.close(); err != nil {
		t.Fatal(err)
	}
	held, err := bolt.Open(filepath.Join(o.Dir, "outbox.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, told := started(t, o)
	r.Event(event(3))
	traps.next(t)
	if news := told.next(t); news.GetKind() != api.KindOutboxFailed || !strings.Contains(news.GetMessage(), "timeout") {
		t.Errorf("news %v", news)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if news := told.next(t); news.GetKind() != api.KindOutboxRestored {
		t.Errorf("news %v", news)
	}
	r.Event(event(4))
	if trap := traps.next(t); !strings.Contains(trap, fmt.Sprintf("alpha/%s/4", journal)) {
		t.Errorf("the next trap, of %s/4: %q", journal, trap)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	box = open(t, o.Dir, 1<<20, "console/hq")
	if got := sequences(t, box, "console/hq"); got != "1 2 3 4" || box.journal != journal {
		t.Errorf("kept %s under %s, want 1 2 3 4 under %s", got, box.journal, journal)
	}
}

// TestMemoryIsFullToo: what is given up is counted and said, worse than before.
func TestMemoryIsFullToo(t *testing.T) {
	dir, fill := smallDisk(t, "96m")
	empty := fill()
	o := diskOptions(t, dir, newTrapReceiver(t))
	o.Report.OutboxBytes = 64 << 20
	r, told := started(t, o)
	r.Event(event(1))
	told.next(t)
	const room = queueBytes>>20 - 1 // envelopes of little more than 1 MiB
	for range room + 10 {
		r.Points(testPoints(1 << 20).GetPoints())
	}
	if news := told.next(t); news.GetKind() != api.KindOutboxFailed || news.GetSeverity() != api.Severity_SEVERITY_CRITICAL {
		t.Errorf("news %v", news)
	}
	empty()
	if news := told.next(t); news.GetKind() != api.KindOutboxRestored || !strings.Contains(news.GetMessage(), " 10 reports found no room") {
		t.Errorf("news %v", news)
	}
	if _, dropped := r.Backlog(); dropped != 10 {
		t.Errorf("%d points given up", dropped)
	}
}
