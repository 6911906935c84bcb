package ingest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
)

// TestFullDisk: a console whose disk is full acknowledges nothing, and once
// there is room it takes everything; what it acknowledged is there after a restart.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("no small file system to be had: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	c, err := openConsole(dir, func() {})
	if err != nil {
		t.Fatal(err)
	}
	conn := c.node(t, "s0001", "alpha")
	const last = 600
	ballast := filepath.Join(dir, "ballast")
	refused, fillAt := 0, []uint64{100, 300}
	for acked := uint64(0); acked < last; {
		if len(fillAt) > 0 && acked == fillAt[0] {
			fillDisk(t, ballast)
			fillAt = fillAt[1:]
		}
		b := &api.Batch{}
		for n := acked + 1; n <= acked+20; n += 2 {
			b.Envelopes = append(b.Envelopes, eventNo(n), pointNo(n+1))
		}
		ack, err := request(conn, subject, b, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if ack.GetError() != "" {
			if refused++; refused%20 == 0 {
				if err := os.Remove(ballast); err != nil {
					t.Fatal(err)
				}
			}
			if refused > 60 {
				t.Fatalf("takes nothing any more: %s", ack.GetError())
			}
			continue
		}
		acked = ack.GetSequence()
	}
	conn.Close()
	if refused < 40 {
		t.Errorf("%d batches refused: the disk was not full twice", refused)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if c, err = openConsole(dir, func() {}); err != nil {
		t.Fatal(err)
	}
	if n := len(c.numbers(t)); n != last/2 {
		t.Errorf("%d events, want %d", n, last/2)
	}
	if n := countSamples(t, c); n != last/2 {
		t.Errorf("%v samples, want %d", n, last/2)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "series", "*.corrupt-*")); len(aside) != 0 {
		t.Errorf("the log was damaged: %v", aside)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
}

// fillDisk writes until nothing goes any more.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
