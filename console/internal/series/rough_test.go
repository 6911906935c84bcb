package series

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedLog: what the database cuts off to repair its log is kept beside,
// and said.
func TestDamagedLog(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	appendPoints(t, d, "alpha", point(t0, 1, nil))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(dir, "wal", "00000000")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	copy(text[20:], "this is no record of a log")
	if err := os.WriteFile(segment, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d = open(t, dir)
	defer d.Close()
	kept, err := filepath.Glob(filepath.Join(dir, "wal.corrupt-*", "00000000"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("set aside: %v, %v", kept, err)
	}
	if whole, err := os.ReadFile(kept[0]); err != nil || string(whole) != string(text) {
		t.Errorf("what was set aside is not what was there: %v", err)
	}
	if again, _ := filepath.Glob(filepath.Join(dir, ".*")); len(again) != 0 {
		t.Errorf("left behind: %v", again)
	}
}

// TestWholeLog: nothing is set aside where nothing was wrong.
func TestWholeLog(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		d := open(t, dir)
		appendPoints(t, d, "alpha", point(t0, 1, nil))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "corrupt") || strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}
