package ringfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func texts(t testing.TB, r *Ring) []string {
	t.Helper()
	records, err := r.Records()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i, rec := range records {
		if i > 0 && rec.Sequence <= records[i-1].Sequence {
			t.Fatalf("record %d after %d", rec.Sequence, records[i-1].Sequence)
		}
		list = append(list, string(rec.Data))
	}
	return list
}

func open(t testing.TB, path string) *Ring {
	t.Helper()
	r, err := Open(path, minSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func appendN(t testing.TB, r *Ring, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := r.Append(fmt.Appendf(nil, "record %d %s", i, strings.Repeat("x", i%300))); err != nil {
			t.Fatal(err)
		}
	}
}

func checkNewest(t testing.TB, got []string, last, atLeast int) {
	t.Helper()
	if len(got) < atLeast {
		t.Fatalf("%d records, want %d or more", len(got), atLeast)
	}
	for i, text := range got {
		n := last - len(got) + 1 + i
		if want := fmt.Sprintf("record %d %s", n, strings.Repeat("x", n%300)); text != want {
			t.Fatalf("record %d of %d is %q, want %q", i, len(got), text, want)
		}
	}
}

func TestKeepsTheNewest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	r := open(t, path)
	if got := texts(t, r); got != nil {
		t.Fatalf("a new ring holds %q", got)
	}
	appendN(t, r, 0, 5)
	checkNewest(t, texts(t, r), 4, 5)
	appendN(t, r, 5, 5000)
	checkNewest(t, texts(t, r), 4999, 300)
	again := open(t, path)
	appendN(t, again, 5000, 5100)
	checkNewest(t, texts(t, open(t, path)), 5099, 300)
	info, err := os.Stat(path)
	if err != nil || info.Size() != minSize {
		t.Errorf("size %d, %v", info.Size(), err)
	}
}

func TestEmptyAndLargeRecords(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "ring"))
	if err := r.Append(nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Append(make([]byte, minSize/2)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if got := texts(t, r); len(got) != 1 || got[0] != "" {
		t.Errorf("got %q", got)
	}
}

// A record whose payload contains a record of another ring, or of a former life of the file, is one record.
func TestRecordsWithinRecords(t *testing.T) {
	dir := t.TempDir()
	other := open(t, filepath.Join(dir, "other"))
	inner := other.appendRecord(nil, 99, []byte("inner"))
	r := open(t, filepath.Join(dir, "ring"))
	if err := r.Append(append([]byte("1234"), inner...)); err != nil {
		t.Fatal(err)
	}
	r.file.WriteAt([]byte{0}, headerSize) // damage the outer one
	if got := texts(t, r); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestTornRecordIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	r := open(t, path)
	appendN(t, r, 0, 10)
	before := r.offset
	appendN(t, r, 10, 11)
	// A power cut left only a part of the last record on the disk.
	if _, err := r.file.WriteAt(make([]byte, 8), headerSize+before+recordHeader); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	checkNewest(t, texts(t, again), 9, 10)
	appendN(t, again, 10, 12)
	checkNewest(t, texts(t, open(t, path)), 11, 12)
}

func TestResizeKeepsRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	appendN(t, open(t, path), 0, 100)
	r, err := Open(path, 4*minSize)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	checkNewest(t, texts(t, r), 99, 100)
	appendN(t, open(t, path), 100, 200)
}

func TestForeignIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path, aside := filepath.Join(dir, "ring"), filepath.Join(dir, "ring.corrupt-1")
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, minSize); !errors.Is(err, ErrForeign) {
		t.Fatalf("got %v", err)
	}
	r, reason, err := OpenOrReset(path, minSize, aside)
	if err != nil || reason == nil {
		t.Fatalf("reason %v, %v", reason, err)
	}
	defer r.Close()
	appendN(t, r, 0, 3)
	if kept, err := os.ReadFile(aside); err != nil || string(kept) != "something else" {
		t.Errorf("set aside: %q, %v", kept, err)
	}
}

// smallDisk mounts a file system of 1 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "ring")
	r := open(t, path)
	fill(t, dir)
	appendN(t, r, 0, 3000)
	checkNewest(t, texts(t, open(t, path)), 2999, 300)

	// Even a damaged ring begins anew, in its own blocks.
	r.file.WriteAt([]byte("damage"), 0)
	again, reason, err := OpenOrReset(path, minSize, path+".corrupt-1")
	if err != nil || reason == nil {
		t.Fatalf("reason %v, %v", reason, err)
	}
	defer again.Close()
	appendN(t, again, 0, 3000)
	checkNewest(t, texts(t, again), 2999, 300)
}

// A process killed at any moment loses at most the record it was writing.
func TestKilled(t *testing.T) {
	if path := os.Getenv("RINGFILE_VICTIM"); path != "" {
		r := open(t, path)
		for i := 0; ; i++ {
			appendN(t, r, i, i+1)
			fmt.Println(i)
		}
	}
	path := filepath.Join(t.TempDir(), "ring")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$") //nolint:gosec // this very test
	cmd.Env = append(os.Environ(), "RINGFILE_VICTIM="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 8<<10)
	var all bytes.Buffer
	for all.Len() < 32<<10 {
		n, err := out.Read(said)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(said[:n])
	}
	cmd.Process.Kill()
	rest := new(bytes.Buffer)
	rest.ReadFrom(out)
	all.Write(rest.Bytes())
	cmd.Wait()
	lines := strings.Split(strings.TrimSuffix(all.String(), "\n"), "\n")
	last := 0
	fmt.Sscan(lines[len(lines)-1], &last)
	got := texts(t, open(t, path))
	newest := 0
	fmt.Sscanf(got[len(got)-1], "record %d", &newest)
	if newest < last {
		t.Errorf("record %d was acknowledged, the newest read is %d", last, newest)
	}
	checkNewest(t, got, newest, 200)
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "ring")
	r, err := Create(path, minSize)
	if err != nil {
		f.Fatal(err)
	}
	appendN(f, r, 0, 300)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{0}, uint32(minSize))
	f.Add(uint32(headerSize+4), []byte{0xff, 0xff}, uint32(5000))
	f.Add(uint32(headerSize+12), []byte{0xff, 0xff, 0xff, 0xff}, uint32(minSize))
	f.Fuzz(func(t *testing.T, at uint32, damage []byte, length uint32) {
		content := bytes.Clone(whole)
		copy(content[int(at)%len(content):], damage)
		content = content[:int(length)%(len(content)+1)]
		path := filepath.Join(t.TempDir(), "ring")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		r, reason, err := OpenOrReset(path, minSize, path+".aside")
		if err != nil {
			t.Fatalf("%v (%v)", err, reason)
		}
		defer r.Close()
		for i, rec := range texts(t, r) {
			if !strings.HasPrefix(rec, "record ") {
				t.Fatalf("record %d is %q", i, rec)
			}
		}
		appendN(t, r, 1000, 1003)
		got := texts(t, r)
		if len(got) < 3 || !strings.HasPrefix(got[len(got)-1], "record 1002 ") {
			t.Fatalf("after damage the newest of %d is %q", len(got), got[len(got)-1])
		}
	})
}
