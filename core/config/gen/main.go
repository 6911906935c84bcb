// Command gen writes what is derived from the configuration's structs: the JSON
// Schema, the reference page and the commented sample. The structs' comments,
// tags and defaults are its only source, so that nothing is declared twice.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// outputs are the generated files, below the root of the tree.
var outputs = []struct {
	path string
	make func(*object) ([]byte, error)
}{
	{"core/config/storeward.schema.json", schema},
	{"packaging/docs/configuration.md", page},
	{"contrib/examples/storeward.yaml", sample},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	model, err := read(filepath.Join(root, "core/config/config.go"))
	if err != nil {
		return err
	}
	for _, out := range outputs {
		text, err := out.make(model)
		if err != nil {
			return fmt.Errorf("make %s: %w", out.path, err)
		}
		file := filepath.Join(root, out.path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // a folder of the source tree
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // a file of the source tree
			return err
		}
	}
	return nil
}

// findRoot walks up to the folder with go.mod, so that go generate and go run both work.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod here or above")
		}
		dir = up
	}
}
