package report

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
)

// rough opens an outbox that may be set aside, and counts how often it was.
func rough(t testing.TB, dir string) (*outbox, *[]Damage) {
	t.Helper()
	var set []Damage
	box := newOutbox(outboxOptions{
		dir: dir, limit: 8 << 20, destinations: []string{"a", "b"},
		now: time.Now, damaged: func(d Damage) { set = append(set, d) },
	})
	_, err := box.next("", 1, 1) // opens it
	if errors.Is(err, errRenewed) {
		_, err = box.next("", 1, 1) // makes a new one
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.close() })
	return box, &set
}

// filled makes an outbox with all that can be in one: large envelopes, free pages,
// branches, two cursors.
func filled(t testing.TB, dir string) (path string) {
	t.Helper()
	box, set := rough(t, dir)
	for range 6 {
		var batch []*api.Envelope
		for i := range 50 {
			batch = append(batch, testEvent(fmt.Sprint(i, strings.Repeat("x", 20+i*37%900))))
		}
		batch = append(batch, testEvent(strings.Repeat("large", 9000)))
		box.number(batch)
		if err := box.store(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(box.acknowledge("a", box.journal, 120), box.acknowledge("b", box.journal, 90), box.close()); err != nil || len(*set) > 0 {
		t.Fatal(err, *set)
	}
	return filepath.Join(dir, "outbox.db")
}

// says is everything that an outbox would tell, now and later.
func says(box *outbox) (string, error) {
	var text strings.Builder
	fmt.Fprintln(&text, box.journal, box.last, box.cursors)
	for _, d := range box.destinations {
		envelopes, err := box.next(d, 1<<20, 1<<30)
		if err != nil {
			return "", err
		}
		for _, e := range envelopes {
			fmt.Fprintln(&text, d, e)
		}
	}
	return text.String(), nil
}

// harms are the ways in which a file suffers, each different with every seed.
var harms = []struct {
	name string
	do   func(*rand.Rand, []byte) []byte
}{
	{"cut short", func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] }},
	{"a page of noise", func(r *rand.Rand, b []byte) []byte { return noise(r, b, r.IntN(len(b)/4096)*4096, 4096) }},
	{"a page of zeros", func(r *rand.Rand, b []byte) []byte {
		at := r.IntN(len(b)/4096) * 4096
		clear(b[at : at+4096])
		return b
	}},
	{"a page in the place of another", func(r *rand.Rand, b []byte) []byte {
		from, to := r.IntN(len(b)/4096)*4096, r.IntN(len(b)/4096)*4096
		copy(b[to:to+4096], b[from:from+4096])
		return b
	}},
	{"a page in the place of another, under its name", func(r *rand.Rand, b []byte) []byte {
		from, to := r.IntN(len(b)/4096)*4096, r.IntN(len(b)/4096)*4096
		copy(b[to+8:to+4096], b[from+8:from+4096])
		return b
	}},
	{"noise in a page's head", func(r *rand.Rand, b []byte) []byte {
		return noise(r, b, r.IntN(len(b)/4096)*4096, 8+r.IntN(100))
	}},
	{"a few bytes", func(r *rand.Rand, b []byte) []byte {
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		return b
	}},
	{"one bit", func(r *rand.Rand, b []byte) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	}},
	{"noise all over", func(r *rand.Rand, b []byte) []byte { return noise(r, b, 0, len(b)) }},
	{"nothing left", func(*rand.Rand, []byte) []byte { return nil }},
}

func noise(r *rand.Rand, b []byte, at, n int) []byte {
	for i := at; i < min(at+n, len(b)); i++ {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestDamageIsFoundOrHarmless: whatever happens to the file, the process lives; the
// outbox says the same as before, or is set aside and a new journal begins; and it
// works.
func TestDamageIsFoundOrHarmless(t *testing.T) {
	dir := t.TempDir()
	path := filled(t, dir)
	box, _ := rough(t, dir)
	want, err := says(box)
	if err != nil {
		t.Fatal(err)
	}
	old := box.journal
	box.close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, harm := range harms {
		t.Run(harm.name, func(t *testing.T) {
			found := 0
			const runs = 25
			for seed := range uint64(runs) {
				dir := t.TempDir()
				path := filepath.Join(dir, "outbox.db")
				harmed := harm.do(rand.New(rand.NewPCG(seed, 1)), slices.Clone(whole))
				if err := os.WriteFile(path, harmed, 0o600); err != nil {
					t.Fatal(err)
				}
				box, set := rough(t, dir)
				got, err := says(box)
				switch {
				case err != nil:
					t.Errorf("seed %d: %v", seed, err)
				case len(*set) == 0 && got != want:
					t.Errorf("seed %d: accepted, and something is different", seed)
				case len(*set) > 0 && (box.journal == old || got != fmt.Sprintln(box.journal, 0, box.cursors)):
					t.Errorf("seed %d: set aside, and the new outbox says %.200s", seed, got)
				}
				found += len(*set)
				e := []*api.Envelope{testEvent("works")}
				box.number(e)
				if err := errors.Join(box.store(e), box.close()); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				if len(*set) > 0 {
					if kept, err := os.ReadFile((*set)[0].Aside); err != nil || !bytes.Equal(kept, harmed) {
						t.Errorf("seed %d: what was damaged is not kept: %v", seed, err)
					}
				}
			}
			t.Logf("set aside %d times of %d", found, runs)
		})
	}
}

// TestDamageMetLater: the file suffers under the running outbox. Whatever it does
// next, the process lives, and a new journal begins at the latest when the damage
// is met.
func TestDamageMetLater(t *testing.T) {
	harm := map[string]func(path string, size int64) error{
		"cut to nothing": func(path string, _ int64) error { return os.Truncate(path, 0) },
		"cut short":      func(path string, _ int64) error { return os.Truncate(path, 3*4096) },
		"meta pages gone": func(path string, _ int64) error {
			return overwrite(path, 0, bytes.Repeat([]byte{0xa5}, 2*4096))
		},
		"all pages gone": func(path string, size int64) error {
			return overwrite(path, 2*4096, bytes.Repeat([]byte{0xa5}, int(size)-2*4096))
		},
		"all pages zero": func(path string, size int64) error {
			return overwrite(path, 2*4096, make([]byte, size-2*4096))
		},
	}
	does := map[string]func(*outbox) error{
		"store": func(box *outbox) error {
			e := []*api.Envelope{testEvent("later")}
			box.number(e)
			return box.store(e)
		},
		"next":        func(box *outbox) error { _, err := box.next("a", 1000, 1<<30); return err },
		"acknowledge": func(box *outbox) error { return box.acknowledge("b", box.journal, 300) },
		"trim": func(box *outbox) error {
			box.limit = 1000
			defer func() { box.limit = 8 << 20 }()
			return box.trim()
		},
	}
	for harmed, hurt := range harm {
		for doing, do := range does {
			t.Run(harmed+", then "+doing, func(t *testing.T) {
				dir := t.TempDir()
				path := filled(t, dir)
				box, set := rough(t, dir)
				old, waiting := box.journal, len(box.items)
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := hurt(path, info.Size()); err != nil {
					t.Fatal(err)
				}
				if err := do(box); !errors.Is(err, errRenewed) {
					t.Errorf("%s: %v", doing, err)
				}
				if len(*set) != 1 || (*set)[0].Waiting < 100 || (*set)[0].Waiting > waiting || box.journal == old {
					t.Fatalf("journal %s after %s, %d waited, set aside: %+v", box.journal, old, waiting, *set)
				}
				if err := box.acknowledge("a", old, 200); err != nil || box.cursors["a"] != 0 {
					t.Errorf("what arrived of the old journal counts for the new one: %v, %v", box.cursors, err)
				}
				put(t, box, testEvent("after"))
				if got := sequences(t, box, "a"); got != "1" {
					t.Errorf("the new journal has %q", got)
				}
				if err := box.close(); err != nil {
					t.Error(err)
				}
				if again, set := rough(t, dir); len(*set) > 0 || sequences(t, again, "b") != "1" {
					t.Errorf("the next start finds %+v", *set)
				}
			})
		}
	}
}

func overwrite(path string, at int64, with []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(with, at)
	return errors.Join(err, file.Close())
}

// TestNoRoomForANewOutbox: numbers are given, and count once there is a file again.
func TestNoRoomForANewOutbox(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir)
	box, set := rough(t, dir)
	if err := box.renew(errDamaged, 0); !errors.Is(err, errRenewed) || len(*set) != 1 {
		t.Fatal(err, *set)
	}
	box.path = filepath.Join(dir, "away", "outbox.db")
	e := []*api.Envelope{testEvent("early")}
	box.number(e)
	if err := box.store(e); err == nil || errors.Is(err, errRenewed) {
		t.Fatal(err)
	}
	if _, err := box.next("a", 1, 1); err == nil {
		t.Error("nothing is there, and was read")
	}
	journal := box.journal
	if err := os.Mkdir(filepath.Dir(box.path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := box.store(e); err != nil || e[0].Sequence != 1 || e[0].JournalId != journal {
		t.Errorf("%v: %v", err, e[0])
	}
	if got := sequences(t, box, "a"); got != "1" || len(*set) != 1 {
		t.Errorf("the outbox has %q, set aside: %+v", got, *set)
	}
}

// TestUnforeseenErrorIsNoDamage: bbolt is opened anew after an error that it does
// not recover from, and nothing is lost.
func TestUnforeseenErrorIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	box, set := rough(t, dir)
	put(t, box, testEvent("one"))
	box.file.handle.Close() // what a failed mapping does to it
	e := []*api.Envelope{testEvent("two")}
	box.number(e)
	if err := box.store(e); err == nil {
		t.Fatal("stored without a file")
	}
	if err := box.store(e); err != nil {
		t.Fatal(err)
	}
	if got := sequences(t, box, "a"); got != "1 2" || len(*set) > 0 {
		t.Errorf("the outbox has %q, set aside: %+v", got, *set)
	}
}
