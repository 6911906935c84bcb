package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRecordsOutliveAndAreNeverHalf(t *testing.T) {
	r := records{t.TempDir()}
	if text, err := r.Load("lives"); text != nil || err != nil {
		t.Errorf("without a document: %q, %v", text, err)
	}
	for _, text := range []string{"one, which is long", "two"} {
		if err := r.Save("lives", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Load("lives"); string(got) != text || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	// A daemon that dies while it writes leaves the old document.
	if err := os.WriteFile(filepath.Join(r.dir, "lives.json.new"), []byte("thr"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Load("lives"); string(got) != "two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := (records{filepath.Join(r.dir, "no-such-folder")}).Save("lives", nil); err == nil {
		t.Error("no error from a folder that is not there")
	}
}

// TestRecordsThatAreNone: what stands in a document's place is an error, never a daemon that
// does not start; and it is written over.
func TestRecordsThatAreNone(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a FIFO": func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a file larger than memory": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<42))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := records{t.TempDir()}
			if err := put(r.path("alarms")); err != nil {
				t.Skip(err) // not on this file system
			}
			if text, err := r.Load("alarms"); err == nil {
				t.Errorf("read %d bytes", len(text))
			}
			if err := r.Save("alarms", []byte("new")); err != nil {
				t.Fatal(err)
			}
			if text, err := r.Load("alarms"); string(text) != "new" || err != nil {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}
