package flight

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func sample(second int) []byte {
	values := map[string]float64{}
	for i := range 40 {
		values[fmt.Sprintf("network.eth%d.received_bytes_total", i)] = float64(second * i)
	}
	encoded, err := proto.Marshal(&api.Sample{Time: timestamppb.New(start.Add(time.Duration(second) * time.Second)), Values: values})
	if err != nil {
		panic(err) // numbers and names can be encoded
	}
	return encoded
}

func open(t *testing.T, dir, boot string) *Recorder {
	t.Helper()
	r, err := Open(dir, Options{BootID: boot})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func record(t *testing.T, r *Recorder, from, to int) {
	t.Helper()
	for s := from; s < to; s++ {
		one := sample(s)
		if err := r.Record(one); err != nil {
			t.Fatal(err)
		}
		r.RecordPeer(one)
		r.RecordPeer(one) // the peer's news come more often than its samples
	}
}

// check tells whether samples are exactly those of the seconds from first to last.
func check(t *testing.T, what string, got []*api.Sample, first, last int) {
	t.Helper()
	if len(got) != last-first+1 {
		t.Fatalf("%s: %d samples, want %d", what, len(got), last-first+1)
	}
	for i, s := range got {
		if want := start.Add(time.Duration(first+i) * time.Second); !s.GetTime().AsTime().Equal(want) {
			t.Fatalf("%s: sample %d is of %v, want %v", what, i, s.GetTime().AsTime(), want)
		}
	}
}

func TestFreeze(t *testing.T) {
	r := open(t, t.TempDir(), "one")
	if got := r.Freeze(start, time.Hour, time.Hour); got != nil {
		t.Fatalf("an empty recorder froze %v", got)
	}
	record(t, r, 0, 1000)
	at := start.Add(900 * time.Second)
	check(t, "own", r.Freeze(at, 60*time.Second, 30*time.Second), 840, 930)
	check(t, "peer", r.FreezePeer(at, 60*time.Second, 30*time.Second), 840, 930)
	check(t, "the future is not waited for", r.Freeze(start.Add(999*time.Second), time.Second, time.Minute), 998, 999)
	check(t, "no more than is kept", r.Freeze(at, time.Hour, time.Hour), 699, 999)
	check(t, "no more of the peer", r.FreezePeer(at, time.Hour, time.Hour), 700, 999)
}

func TestSurvivesBoots(t *testing.T) {
	dir := t.TempDir()
	record(t, open(t, dir, "one"), 0, 500)
	again := open(t, dir, "one")
	if got := again.BeforeBoot(); got != nil {
		t.Fatalf("a restart of the daemon is no boot: %d samples", len(got))
	}
	check(t, "a restart of the daemon", again.Freeze(start.Add(499*time.Second), 10*time.Second, 0), 489, 499)

	second := open(t, dir, "two")
	check(t, "the boot before", second.BeforeBoot(), 199, 499)
	record(t, second, 600, 900)
	check(t, "this boot alone", second.Freeze(start.Add(899*time.Second), time.Hour, 0), 600, 899)
	check(t, "still the boot before", open(t, dir, "two").BeforeBoot(), 199, 499)
	check(t, "after a further boot", open(t, dir, "three").BeforeBoot(), 600, 899)
}

func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ringFile), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, hook := test.NewNullLogger()
	r, err := Open(dir, Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	record(t, r, 0, 3)
	check(t, "begun anew", r.Freeze(start, time.Minute, time.Minute), 0, 2)
	aside, _ := filepath.Glob(filepath.Join(dir, "flight.corrupt-*"))
	if len(aside) != 1 || len(hook.Entries) != 1 {
		t.Errorf("set aside %v, logged %v", aside, hook.Entries)
	}
}

func BenchmarkRecord(b *testing.B) {
	r, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	s := sample(1)
	for b.Loop() {
		if err := r.Record(s); err != nil {
			b.Fatal(err)
		}
	}
}
