package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxRecord is the greatest size of a document in bytes: far more than any has.
const maxRecord = 16 << 20

// records keeps small documents in the state directory. What is lost there is measured
// anew, or a warning less: it can forbid something, and allows nothing.
type records struct{ dir string }

func (r records) path(name string) string { return filepath.Join(r.dir, name+".json") }

// Load implements engine.Records.
func (r records) Load(name string) ([]byte, error) {
	text, err := read(r.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// read reads a document. What a damaged disk or somebody else has put in its place, larger
// than memory or a FIFO without a writer, must not keep the daemon from starting.
func read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // a name of the daemon's own
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxRecord:
		return nil, fmt.Errorf("it has %d bytes, and %d are the most", info.Size(), maxRecord)
	}
	return io.ReadAll(io.LimitReader(f, maxRecord))
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
