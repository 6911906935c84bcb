package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// records keeps small documents in the state directory. What is lost there is
// measured anew: nobody decides by it.
type records struct{ dir string }

func (r records) path(name string) string { return filepath.Join(r.dir, name+".json") }

// Load implements engine.Records.
func (r records) Load(name string) ([]byte, error) {
	text, err := os.ReadFile(r.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// Save implements engine.Records: the old document stays until the new one is on the disk.
func (r records) Save(name string, text []byte) error {
	if err := r.save(name, text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (r records) save(name string, text []byte) error {
	temporary := r.path(name) + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, r.path(name))
}
