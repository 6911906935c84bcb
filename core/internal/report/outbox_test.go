package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC)

func testEvent(text string) *api.Envelope {
	return &api.Envelope{
		Store: "s1", Node: "alpha",
		Body: &api.Envelope_Event{Event: &api.Event{Kind: api.KindAlarm, Message: text}},
	}
}

func testPoints(size int) *api.Envelope {
	return &api.Envelope{
		Store: "s1", Node: "alpha",
		Body: &api.Envelope_Points{Points: &api.Points{Points: []*api.Point{{
			Measurement: strings.Repeat("m", size), Fields: map[string]float64{"x": 1},
		}}}},
	}
}

func open(t *testing.T, dir string, limit int64, destinations ...string) *outbox {
	t.Helper()
	box := newOutbox(outboxOptions{
		dir: dir, limit: limit, destinations: destinations, now: func() time.Time { return testTime },
		damaged: func(d Damage) { t.Errorf("set aside: %+v", d) },
	})
	_, err := box.next("", 1, 1) // opens it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.close() })
	return box
}

func put(t *testing.T, box *outbox, envelopes ...*api.Envelope) {
	t.Helper()
	box.number(envelopes)
	if err := errors.Join(box.store(envelopes), box.trim()); err != nil {
		t.Fatal(err)
	}
}

func sequences(t *testing.T, box *outbox, destination string) string {
	t.Helper()
	envelopes, err := box.next(destination, 1000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, e := range envelopes {
		s = append(s, fmt.Sprint(e.Sequence))
	}
	return strings.Join(s, " ")
}

// TestC2OutboxKeepsUntilAcknowledged: each destination gets everything, across restarts.
func TestC2OutboxKeepsUntilAcknowledged(t *testing.T) {
	dir := t.TempDir()
	box := open(t, dir, 1<<20, "a", "b")
	put(t, box, testEvent("one"), testEvent("two"), testEvent("three"))
	if err := box.acknowledge("a", box.journal, 2); err != nil {
		t.Fatal(err)
	}
	journal := box.journal
	box.close()

	box = open(t, dir, 1<<20, "a", "b")
	if box.journal != journal {
		t.Errorf("the journal id changed from %s to %s", journal, box.journal)
	}
	if got := sequences(t, box, "a"); got != "3" {
		t.Errorf("a lacks %q, want 3", got)
	}
	if got := sequences(t, box, "b"); got != "1 2 3" {
		t.Errorf("b lacks %q, want 1 2 3", got)
	}
	put(t, box, testEvent("four"))
	if got := sequences(t, box, "a"); got != "3 4" {
		t.Errorf("a lacks %q, want 3 4: numbers go on after a restart", got)
	}
	if err := box.acknowledge("b", box.journal, 99); err != nil {
		t.Fatal(err)
	}
	if err := box.acknowledge("a", box.journal, 4); err != nil {
		t.Fatal(err)
	}
	if waiting, _, _ := box.stats(); waiting != 0 || box.bytes != 0 {
		t.Errorf("%d envelopes of %d bytes wait after everything arrived", waiting, box.bytes)
	}
}

// TestOutboxCountsWhatIsDeliveredAtOnce: a destination that has an envelope before its
// writer goes on leaves nothing behind that waits.
func TestOutboxCountsWhatIsDeliveredAtOnce(t *testing.T) {
	box := open(t, t.TempDir(), 1<<20, "a")
	const all = 300
	delivered := make(chan error, all)
	go func() {
		for arrived := uint64(0); arrived < all; {
			envelopes, err := box.next("a", 1, 1<<20)
			if err == nil && len(envelopes) == 0 {
				continue
			}
			if err == nil {
				arrived = envelopes[0].Sequence
				err = box.acknowledge("a", envelopes[0].JournalId, arrived)
			}
			delivered <- err
			if err != nil {
				return
			}
		}
	}()
	for n := range all {
		put(t, box, testEvent("one"))
		if err := <-delivered; err != nil {
			t.Fatal(err)
		}
		if waiting, _, _ := box.stats(); waiting != 0 {
			t.Fatalf("after %d: %d envelopes wait, and all have arrived", n+1, waiting)
		}
	}
}

func TestOutboxForgetsDestinations(t *testing.T) {
	dir := t.TempDir()
	box := open(t, dir, 1<<20, "a", "gone")
	put(t, box, testEvent("one"))
	box.close()
	box = open(t, dir, 1<<20, "a")
	if err := box.acknowledge("a", box.journal, 1); err != nil {
		t.Fatal(err)
	}
	if waiting, _, _ := box.stats(); waiting != 0 {
		t.Errorf("%d envelopes wait for a destination that is configured no more", waiting)
	}
}

func TestOutboxWithoutDestinationsCountsOn(t *testing.T) {
	dir := t.TempDir()
	box := open(t, dir, 1<<20)
	put(t, box, testEvent("one"), testEvent("two"))
	box.close()
	box = open(t, dir, 1<<20)
	e := testEvent("three")
	put(t, box, e)
	if waiting, _, _ := box.stats(); waiting != 0 || e.Sequence != 3 {
		t.Errorf("waiting %d, sequence %d; want 0 and 3", waiting, e.Sequence)
	}
}

// TestC2OutboxIsBounded: points are thinned, then dropped, oldest first; events stay; numbers have no gap.
func TestC2OutboxIsBounded(t *testing.T) {
	box := open(t, t.TempDir(), 20000, "a")
	put(t, box, testEvent("precious"))
	for range 30 {
		put(t, box, testPoints(1000))
	}
	waiting, dropped, lost := box.stats()
	if waiting != 31 || dropped == 0 || lost != 0 {
		t.Fatalf("waiting %d, dropped %d, lost events %d; want 31, some, 0", waiting, dropped, lost)
	}
	if box.bytes > 20000 {
		t.Errorf("the outbox holds %d bytes, its limit is 20000", box.bytes)
	}
	envelopes, err := box.next("a", 1000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range envelopes {
		if e.Sequence != uint64(i+1) {
			t.Fatalf("envelope %d has the number %d: a gap", i+1, e.Sequence)
		}
	}
	if envelopes[0].GetEvent().GetMessage() != "precious" {
		t.Error("the event lost its body before the points did")
	}
	if envelopes[30].GetPoints() == nil {
		t.Error("the newest points lost their body before older ones did")
	}
}

func TestOutboxDropsEventsLast(t *testing.T) {
	box := open(t, t.TempDir(), 4000, "a")
	for range 20 {
		put(t, box, testEvent(strings.Repeat("e", 500)))
	}
	if _, _, lost := box.stats(); lost == 0 || box.bytes > 5000 {
		t.Errorf("lost %d events, %d bytes: the outbox grows without bound", lost, box.bytes)
	}
}
