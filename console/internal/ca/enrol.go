package ca

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The files that Enrol writes for a node.
const (
	NodeCertFile  = "node.pem"
	NodeKeyFile   = "node.key"
	AuthorityFile = "ca.pem"
)

// Enrol issues a node's certificate and writes it with its key and the
// authority's certificate into out. An existing key is not overwritten.
func (a *Authority) Enrol(store, node, out string, now time.Time) error {
	pair, err := a.Node(store, node, now)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	files := []struct {
		name string
		mode fs.FileMode
		text []byte
	}{{NodeKeyFile, 0o600, pair.Key}, {NodeCertFile, 0o644, pair.Cert}, {AuthorityFile, 0o644, a.Certificate()}}
	for _, f := range files {
		path := filepath.Join(out, f.name)
		if f.name == NodeKeyFile {
			if _, err := os.Stat(path); err == nil {
				return fmt.Errorf("%s exists: take another folder or remove it", path)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("look for %s: %w", path, err)
			}
		}
		if err := os.WriteFile(path, f.text, f.mode); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
	}
	return nil
}
