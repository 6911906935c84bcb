package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/storeward/storeward/core/api"
)

// FuzzOpenFile: what the check accepts, bbolt can read, and it holds what it held.
func FuzzOpenFile(f *testing.F) {
	path := filled(f, f.TempDir())
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	file, want, err := openFile(path)
	if err != nil {
		f.Fatal(err)
	}
	file.close()
	f.Add(uint32(4096), []byte{1, 2, 3}, uint32(len(whole)))
	f.Add(uint32(0), []byte{}, uint32(5000))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		harmed := slices.Clone(whole[:min(int(size), len(whole))])
		if int(at) < len(harmed) {
			copy(harmed[at:], patch)
		}
		path := filepath.Join(t.TempDir(), "outbox.db")
		if err := os.WriteFile(path, harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		file, got, err := openFile(path)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Error(err)
			}
			return
		}
		file.close()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v", got)
		}
	})
}

// TestOddThingsInTheOutboxsPlace are set aside like damage.
func TestOddThingsInTheOutboxsPlace(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"an empty file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a folder": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "file"), nil, 0o600))
		},
		"a loop of links": func(path string) error { return os.Symlink(path, path) },
		"another database": func(path string) error {
			db, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := put(filepath.Join(dir, "outbox.db")); err != nil {
				t.Fatal(err)
			}
			box, set := rough(t, dir)
			if len(*set) != 1 || (*set)[0].Waiting != -1 {
				t.Fatalf("set aside: %+v", *set)
			}
			if _, err := os.Lstat((*set)[0].Aside); err != nil {
				t.Error(err)
			}
			put := []*api.Envelope{testEvent("works")}
			box.number(put)
			if err := box.store(put); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUnfinishedOutboxIsNoDamage: a daemon killed while it makes its first outbox
// finds nothing to report.
func TestUnfinishedOutboxIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outbox.db.new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, dir, 1<<20, "a"), testEvent("works"))
}

// TestAsidesAreFew: a disk that damages everything is not filled with what it damaged.
func TestAsidesAreFew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	for i := range 10 {
		if err := os.WriteFile(path, []byte(fmt.Sprint(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		if aside, err := setAside(path, testTime.Add(time.Duration(i)*time.Second)); err != nil || aside == "" {
			t.Fatal(aside, err)
		}
	}
	kept, err := filepath.Glob(path + ".corrupt-*")
	if err != nil || len(kept) != asidesKept {
		t.Fatal(kept, err)
	}
	if text, err := os.ReadFile(kept[len(kept)-1]); err != nil || string(text) != "9" {
		t.Errorf("the newest is %q: %v", text, err)
	}
	if aside, err := setAside(path, testTime); err != nil || aside != "" {
		t.Errorf("nothing was set aside as %q: %v", aside, err)
	}
}
