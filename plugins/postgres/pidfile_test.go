package postgres

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestProcessesOfAServer: a process that ends has let go of its program before it lets go
// of its directory; it serves nothing, and is not passed over.
func TestProcessesOfAServer(t *testing.T) {
	proc, data := t.TempDir(), t.TempDir()
	process := func(pid string, links map[string]string) {
		t.Helper()
		home := filepath.Join(proc, pid)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, target := range links {
			if err := os.Symlink(target, filepath.Join(home, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	process("self", map[string]string{"cwd": data, "exe": "/usr/lib/postgresql/15/bin/postgres"})
	process("11", map[string]string{"cwd": data, "exe": "/usr/lib/postgresql/15/bin/postgres"})
	process("12", map[string]string{"cwd": data, "exe": "/usr/lib/postgresql/15/bin/postgres (deleted)"})
	process("13", map[string]string{"cwd": data})
	process("14", map[string]string{"cwd": data, "exe": "/usr/bin/bash"})
	process("15", map[string]string{"cwd": "/", "exe": "/usr/lib/postgresql/15/bin/postgres"})
	process("16", nil)
	serving, ending, err := processesIn(proc, data)
	if err != nil || !slices.Equal(serving, []int{11, 12}) || !slices.Equal(ending, []int{13}) {
		t.Errorf("serving %v, ending %v, error %v", serving, ending, err)
	}
	if _, _, err := processesIn(filepath.Join(proc, "none"), data); err == nil {
		t.Error("nobody was seen where nobody could be seen")
	}
}
