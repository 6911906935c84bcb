package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/storeward/storeward/core/api"
)

// TestDiskThatHangs: a write that does not return holds up no trap, is told of, and what
// waited is kept under the numbers that the traps had, once.
func TestDiskThatHangs(t *testing.T) {
	traps := newTrapReceiver(t)
	o := diskOptions(t, t.TempDir(), traps)
	r, told := started(t, o)
	r.Event(event(1))
	traps.next(t)
	journal := r.box.journal
	r.box.disk.Lock() // as a write that hangs holds it
	for i := 2; i <= 4; i++ {
		r.Event(event(i))
		if trap := traps.next(t); !strings.Contains(trap, fmt.Sprintf("event number %d", i)) || !strings.Contains(trap, fmt.Sprintf("alpha/%s/%d", journal, i)) {
			t.Errorf("trap %d: %q", i, trap)
		}
	}
	if news := told.next(t); news.GetKind() != api.KindOutboxFailed || !strings.Contains(news.GetMessage(), errHangs.Error()) {
		t.Errorf("news %v", news)
	}
	r.box.disk.Unlock()
	if news := told.next(t); news.GetKind() != api.KindOutboxRestored {
		t.Errorf("news %v", news)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if len(traps.got) != 0 {
		t.Error("a trap was sent again")
	}
	box := open(t, o.Dir, 1<<20, "console/hq")
	if got := sequences(t, box, "console/hq"); got != "1 2 3 4" || box.journal != journal {
		t.Errorf("kept %s under %s, want 1 2 3 4 under %s", got, box.journal, journal)
	}
}

// TestNumbersRiseWhileTheDiskHangs: what comes while the disk is given something never
// gets a lower number than that, even if another journal began meanwhile.
func TestNumbersRiseWhileTheDiskHangs(t *testing.T) {
	box := newOutbox(outboxOptions{dir: t.TempDir()})
	given, late := []*api.Envelope{testEvent("one"), testEvent("two")}, []*api.Envelope{testEvent("three")}
	box.number(given)
	box.numberAfter(given, late)
	if n := late[0].GetSequence(); n != 3 {
		t.Errorf("number %d after 1 and 2", n)
	}
	box.begin()
	later := []*api.Envelope{late[0], testEvent("four")}
	box.numberAfter(given, later)
	if n := later[1].GetSequence(); n != 0 {
		t.Errorf("number %d of the new journal before those that come first", n)
	}
	all := append(given, later...)
	box.number(all)
	for i, e := range all {
		if e.GetSequence() != uint64(i+1) || e.GetJournalId() != box.journal { //nolint:gosec // small
			t.Errorf("%d is %s/%d", i+1, e.GetJournalId(), e.GetSequence())
		}
	}
}
