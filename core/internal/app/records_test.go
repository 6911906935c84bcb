package app

import (
	"os"
	"path/filepath"
	"testing"
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
