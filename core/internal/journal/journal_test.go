package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"
)

var wall = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func options(boot string) Options {
	return Options{BootID: boot, Now: func() time.Time { return wall }, InputBytes: 64 << 10}
}

func open(t testing.TB, dir, boot string) (*Journal, Recovered) {
	t.Helper()
	j, rec, err := Open(dir, options(boot))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, rec
}

func save(t testing.TB, j *Journal, states ...string) {
	t.Helper()
	for _, s := range states {
		if err := j.SaveState([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFresh(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	j, rec := open(t, dir, "boot-1")
	if !rec.Fresh || rec.Lost || rec.State != nil || rec.JournalID == "" || rec.JournalID != j.ID() {
		t.Fatalf("%+v", rec)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestSaveAndRecover(t *testing.T) {
	dir := t.TempDir()
	j, first := open(t, dir, "boot-1")
	save(t, j, "one", "two", "three")
	_, rec := open(t, dir, "boot-1")
	if string(rec.State) != "three" || rec.Fresh || rec.Lost || !rec.SameBoot || rec.JournalID != first.JournalID || !rec.Written.Equal(wall) {
		t.Fatalf("%+v", rec)
	}
	_, rec = open(t, dir, "boot-2")
	if rec.SameBoot || rec.BootID != "boot-1" {
		t.Fatalf("after a boot: %+v", rec)
	}
}

func TestTooLarge(t *testing.T) {
	j, _ := open(t, t.TempDir(), "b")
	save(t, j, "small")
	if err := j.SaveState(make([]byte, maxState+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	save(t, j, strings.Repeat("x", maxState))
}

// damage overwrites a part of the state file.
func damage(t testing.TB, dir string, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, stateFile), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(with, at); err != nil {
		t.Fatal(err)
	}
}

func slotAt(sequence uint64) int64 { return headerSize + int64(sequence%2)*slotSize }

func TestDamage(t *testing.T) {
	junk := []byte("junk junk junk junk junk junk junk junk")
	for _, c := range []struct {
		name  string
		harm  func(t *testing.T, j *Journal, dir string)
		state string
		lost  bool
	}{
		{"the older copy", func(t *testing.T, _ *Journal, dir string) {
			damage(t, dir, slotAt(2)+10, junk)
		}, "three", false},
		{"the note", func(t *testing.T, _ *Journal, dir string) {
			damage(t, dir, commitAt, junk)
		}, "three", false},
		{"a state in force", func(t *testing.T, _ *Journal, dir string) {
			damage(t, dir, slotAt(3)+10, junk)
		}, "two", true},
		{"the power went while a state was written", func(t *testing.T, j *Journal, dir string) {
			torn := j.slots.appendRecord(nil, record{sequence: 4, state: []byte("four")})
			damage(t, dir, slotAt(4), torn[:len(torn)-2])
		}, "three", false},
		{"the power went before the note was written", func(t *testing.T, j *Journal, dir string) {
			damage(t, dir, slotAt(4), j.slots.appendRecord(nil, record{sequence: 4, journalID: j.ID(), state: []byte("four")}))
		}, "four", false},
		{"a state in force and the note", func(t *testing.T, _ *Journal, dir string) {
			damage(t, dir, slotAt(3)+10, junk)
			damage(t, dir, commitAt, junk)
		}, "two", true},
		{"both copies", func(t *testing.T, _ *Journal, dir string) {
			damage(t, dir, slotAt(2)+10, junk)
			damage(t, dir, slotAt(3)+10, junk)
		}, "", true},
		{"the header", func(t *testing.T, _ *Journal, dir string) {
			damage(t, dir, 0, junk)
		}, "", true},
		{"nothing is left of it", func(t *testing.T, _ *Journal, dir string) {
			if err := os.Truncate(filepath.Join(dir, stateFile), 0); err != nil {
				t.Fatal(err)
			}
		}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			j, first := open(t, dir, "b")
			save(t, j, "one", "two", "three")
			c.harm(t, j, dir)
			log, hook := test.NewNullLogger()
			o := options("b")
			o.Log = log
			again, rec, err := Open(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if string(rec.State) != c.state || rec.Lost != c.lost || rec.Fresh {
				t.Fatalf("%+v", rec)
			}
			if c.lost != (len(rec.SetAside) == 1) || c.lost != (len(hook.Entries) == 1 && hook.LastEntry().Level == logrus.ErrorLevel) {
				t.Errorf("set aside %v, log %v", rec.SetAside, hook.Entries)
			}
			if c.lost == (rec.JournalID == first.JournalID) {
				t.Errorf("journal id %s after %s", rec.JournalID, first.JournalID)
			}
			// The loss is said again until a state is saved.
			if _, rec := open(t, dir, "b"); rec.Lost != c.lost || rec.Fresh {
				t.Errorf("opened again before a save: %+v", rec)
			}
			last, _ := open(t, dir, "b")
			save(t, last, "five")
			if _, rec := open(t, dir, "b"); string(rec.State) != "five" || rec.Lost {
				t.Errorf("after the next save: %+v", rec)
			}
		})
	}
}

// TestDeletedStateIsLost, whatever of the node is left; a new node's is not, and a first
// start that was cut short leaves a new node.
func TestDeletedStateIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		gone []string
		lost bool
	}{
		"the state":              {[]string{"journal/state"}, true},
		"its folder":             {[]string{"journal"}, true},
		"all of it":              {[]string{"journal", "history"}, false},
		"nothing but the traces": {[]string{"journal/inputs", "history"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			dir, o := filepath.Join(home, "journal"), options("b")
			o.Traces = []string{filepath.Join(home, "outbox"), filepath.Join(home, "history")}
			reopen := func(saved string) Recovered {
				j, rec, err := Open(dir, o)
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				if saved != "" {
					save(t, j, saved)
				}
				return rec
			}
			if rec := reopen("one"); rec.Lost || !rec.Fresh {
				t.Fatalf("a new node: %+v", rec)
			}
			if err := os.WriteFile(o.Traces[1], nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, file := range c.gone {
				if err := os.RemoveAll(filepath.Join(home, file)); err != nil {
					t.Fatal(err)
				}
			}
			for again := range 2 { // it is said again until a state is saved
				if rec := reopen(""); rec.Lost != c.lost || c.lost != (len(rec.Reasons) > 0) || rec.Lost && (rec.State != nil || rec.Fresh) || again == 0 && len(rec.SetAside) > 0 {
					t.Fatalf("%+v", rec)
				}
			}
			reopen("two")
			if rec := reopen(""); rec.Lost || string(rec.State) != "two" {
				t.Errorf("after the next save: %+v", rec)
			}
		})
	}
}

func TestInputs(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, "b")
	for i := range 5000 {
		if err := j.Input(fmt.Sprintf("%d tick", i)); err != nil {
			t.Fatal(err)
		}
	}
	again, _ := open(t, dir, "b")
	lines, err := again.Inputs()
	if err != nil || len(lines) < 1000 || lines[len(lines)-1] != "4999 tick" {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if err := os.WriteFile(filepath.Join(dir, inputsFile), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, rec := open(t, dir, "b")
	if len(rec.Reasons) != 1 || len(rec.SetAside) != 1 || rec.Lost {
		t.Fatalf("%+v", rec)
	}
	if err := j.Input("on it goes"); err != nil {
		t.Fatal(err)
	}
}

// A disk that is full stops neither a state nor an input, nor the recovery from damage.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	j, _ := open(t, dir, "b")
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	for i := range 50 {
		save(t, j, strings.Repeat("state ", i*800)+strconv.Itoa(i))
		if err := j.Input(strings.Repeat("x", 2000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, rec := open(t, dir, "b"); !bytes.HasSuffix(rec.State, []byte("state 49")) {
		t.Fatalf("state of %d bytes", len(rec.State))
	}
	damage(t, dir, 0, []byte("junk"))
	j, rec := open(t, dir, "b")
	if !rec.Lost || len(rec.SetAside) != 0 || len(rec.Reasons) != 2 {
		t.Fatalf("%v %v", rec.SetAside, rec.Reasons)
	}
	save(t, j, "again")
}

// A process killed at any moment has kept every state that it was told is saved.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("JOURNAL_VICTIM"); dir != "" {
		j, rec := open(t, dir, "b")
		n, _ := strconv.Atoi(string(rec.State))
		for {
			n++
			save(t, j, strconv.Itoa(n))
			fmt.Println(n)
		}
	}
	dir := t.TempDir()
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$") //nolint:gosec // this very test
		cmd.Env = append(os.Environ(), "JOURNAL_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		part := make([]byte, 512)
		for said.Len() < 40+20*round {
			n, err := out.Read(part)
			if err != nil {
				t.Fatal(err)
			}
			said.Write(part[:n])
		}
		cmd.Process.Kill()
		said.ReadFrom(out)
		cmd.Wait()
		lines := strings.Fields(said.String())
		last, _ := strconv.Atoi(lines[len(lines)-1])
		_, rec := open(t, dir, "b")
		got, err := strconv.Atoi(string(rec.State))
		if err != nil || rec.Lost || got < last || got > last+1 {
			t.Fatalf("told %d, recovered %q (%v)", last, rec.State, rec.Reasons)
		}
	}
}

// Whatever is damaged, what is recovered was saved; and if it is not the newest, that is said.
func FuzzDamage(f *testing.F) {
	dir := f.TempDir()
	j, _ := open(f, dir, "b")
	save(f, j, "one", "two")
	whole, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(slotAt(2)), []byte{0}, uint32(commitAt), []byte{7}, uint32(fileSize))
	f.Add(uint32(0), []byte{0}, uint32(commitAt), []byte{2}, uint32(5000))
	f.Fuzz(func(t *testing.T, at uint32, with []byte, at2 uint32, with2 []byte, length uint32) {
		content := bytes.Clone(whole)
		copy(content[int(at)%len(content):], with)
		copy(content[int(at2)%len(content):], with2)
		content = content[:int(length)%(len(content)+1)]
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, stateFile), content, 0o600); err != nil {
			t.Fatal(err)
		}
		j, rec := open(t, dir, "b")
		if state := string(rec.State); !slices.Contains([]string{"", "one", "two"}, state) || (state != "two" && !rec.Lost) {
			t.Fatalf("%+v", rec)
		}
		save(t, j, "three")
		if _, rec := open(t, dir, "b"); string(rec.State) != "three" || rec.Lost {
			t.Fatalf("after a save: %+v", rec)
		}
	})
}

func BenchmarkSaveState(b *testing.B) {
	j, _ := open(b, b.TempDir(), "b")
	state := bytes.Repeat([]byte("x"), 500)
	for b.Loop() {
		if err := j.SaveState(state); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInput(b *testing.B) {
	j, _ := open(b, b.TempDir(), "b")
	for b.Loop() {
		if err := j.Input("12.345s beat link=cable sequence=123456 generation=7 role=active"); err != nil {
			b.Fatal(err)
		}
	}
}
