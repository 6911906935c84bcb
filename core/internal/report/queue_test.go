package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/storeward/storeward/core/api"
)

// TestFullQueueKeepsEvents: a disk that refuses for long gives every envelope
// its number, and an event still finds room at the points' expense.
func TestFullQueueKeepsEvents(t *testing.T) {
	var q queue
	for range queueLimit {
		if refused := q.add(testPoints(1)); refused != 0 {
			t.Fatalf("%d were given up", refused)
		}
	}
	for i, e := range q.all() {
		e.Sequence = uint64(i) + 1
	}
	first := q.all()[0]
	if refused := q.add(testEvent("the node failed")); refused != 1 {
		t.Errorf("%d were given up for an event", refused)
	}
	if refused := q.add(testPoints(1)); refused != 1 || len(q.all()) != queueLimit+1 {
		t.Errorf("points found room in a full queue: %d given up, %d wait", refused, len(q.all()))
	}
	all := q.all()
	if all[0].Body != nil || all[0].Sequence != 1 || first.Body == nil {
		t.Errorf("the oldest points wait as %v, their holder has %v", all[0], first)
	}
	if last := all[len(all)-1]; last.GetEvent().GetMessage() != "the node failed" {
		t.Errorf("the newest is %v", last)
	}
	if told := q.untold(len(all)); len(told) != 1 || len(q.untold(len(all))) != 0 {
		t.Errorf("%d events are to be told, want one, once", len(told))
	}
	q.forget(len(all))
	if q.bodies != 0 || q.bytes != 0 {
		t.Errorf("empty with %d bodies of %d bytes", q.bodies, q.bytes)
	}
}

// TestQueueIsBoundedInBytes: large incidents give way to events, never the other way.
func TestQueueIsBoundedInBytes(t *testing.T) {
	var q queue
	large := func() *api.Envelope {
		return &api.Envelope{Body: &api.Envelope_Incident{Incident: &api.Incident{Scenario: strings.Repeat("x", 1<<20)}}}
	}
	refused := uint64(0)
	for range 100 {
		refused += q.add(large())
		if q.bytes > queueBytes {
			t.Fatalf("%d bytes wait", q.bytes)
		}
	}
	if refused == 0 {
		t.Error("nothing was given up")
	}
	for i := range 2000 {
		q.add(testEvent(fmt.Sprint(i, strings.Repeat("y", 1<<10))))
	}
	events := 0
	for _, e := range q.all() {
		if e.GetEvent() != nil {
			events++
		}
	}
	if events != 2000 || q.bytes > queueBytes {
		t.Errorf("%d of 2000 events wait in %d bytes", events, q.bytes)
	}
}

// TestOpenWritesNothing: a node starts on a full disk, with all that waits.
func TestOpenWritesNothing(t *testing.T) {
	dir := t.TempDir()
	box := open(t, dir, 1<<20, "console/hq")
	put(t, box, testEvent("one"))
	if err := box.close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	box = open(t, dir, 1<<20, "console/hq", "influx/new")
	if got := sequences(t, box, "influx/new"); got != "1" {
		t.Errorf("waiting: %s", got)
	}
	after, err := os.ReadFile(filepath.Join(dir, "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file was written")
	}
}

// TestRefusalIsNoDamage: a disk that takes nothing does not cost what waits.
func TestRefusalIsNoDamage(t *testing.T) {
	if !refused(fmt.Errorf("grow: %w", &os.PathError{Op: "write", Err: syscall.ENOSPC})) || refused(os.ErrInvalid) {
		t.Error("a full disk and damage are mistaken for each other")
	}
}
