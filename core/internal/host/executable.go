package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// highDescriptor lies above all that a child is given: giving it away must not
	// hide the program from the child before it runs.
	highDescriptor = 100
	// maxProgram is the greatest size of a third party's executable, in bytes.
	maxProgram = 1 << 30
)

// program is what is executed for a plugin.
type program struct {
	path string
	args []string
	file *os.File // held open; of a third party's from its first start on

	allowed *Allowed // of a third party's plugin
}

// admit opens a third party's executable, or looks whether the open one is still the
// allowed one: before every start, for a file can be written to while nothing runs it.
func (p *program) admit(ctx context.Context) (err error) {
	if p.allowed == nil {
		return nil
	}
	if p.file != nil {
		err := p.allowed.verify(ctx, p.file)
		if err == nil || ctx.Err() != nil { // half a look is no reason to let go of it
			return err
		}
		p.release()
	}
	p.file, err = p.allowed.open(ctx)
	return err
}

// release lets go of a third party's executable.
func (p *program) release() {
	if p.allowed != nil && p.file != nil {
		_ = p.file.Close()
		p.file = nil
	}
}

// command executes the file that is held open, so that a package upgrade which
// replaces the path cannot break a restart. A script's interpreter would get a
// descriptor that is closed by then: scripts are started by their path.
func (p program) command() *exec.Cmd {
	path := "/proc/self/fd/" + strconv.Itoa(int(p.file.Fd()))
	if isScript(p.file) {
		path = p.path
	}
	return &exec.Cmd{Path: path, Args: append([]string{p.path}, p.args...)}
}

// openProgram opens a plugin's executable at a descriptor that no child's own can collide with.
func openProgram(path string) (*os.File, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	high, err := duplicate(file)
	return high, errors.Join(err, file.Close())
}

// openRegular opens a file for reading and refuses what is none: opening a FIFO would wait
// for its writer for ever, and a device can be read for ever.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0) //nolint:gosec // the configuration or the operator names it
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// duplicate is the same open file at a descriptor that no child's own can collide with.
func duplicate(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, highDescriptor)
	if err != nil {
		return nil, fmt.Errorf("hold %s open: %w", file.Name(), err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil //nolint:gosec // a descriptor
}

func isScript(f *os.File) bool {
	mark := make([]byte, 2)
	n, _ := f.ReadAt(mark, 0)
	return n == 2 && string(mark) == "#!"
}

// noScript refuses a script: its interpreter would read the path anew, and who knows what then.
func noScript(path string, f *os.File) error {
	if isScript(f) {
		return fmt.Errorf("%s is a script: only a program that runs by itself can be allowed", path)
	}
	return nil
}

// stateOf is which file is open and how it is: whoever changes its bytes or its rights
// changes that too, if only the time of its last change (ctime), which nobody can set.
func stateOf(f *os.File) (stat unix.Stat_t, err error) {
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return stat, fmt.Errorf("look at the executable: %w", err)
	}
	stat.Atim = unix.Timespec{} // reading is no change
	return stat, nil
}

// sumOf is an executable's SHA-256 in hexadecimal digits. It gives up when ctx ends.
func sumOf(ctx context.Context, f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("look at the executable: %w", err)
	}
	if info.Size() > maxProgram {
		return "", fmt.Errorf("%s has %d bytes, and %d are the most", f.Name(), info.Size(), maxProgram)
	}
	h := sha256.New()
	if _, err := io.Copy(h, patient{ctx, io.NewSectionReader(f, 0, maxProgram)}); err != nil {
		return "", fmt.Errorf("read the executable: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// patient reads until ctx ends.
type patient struct {
	ctx context.Context //nolint:containedctx // of one copy
	r   io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// rootOnly refuses what somebody else than root, or than who runs this program, could
// write to. With a file it is the open one that is looked at, not what the path leads to.
func rootOnly(path string, f *os.File) error {
	var stat unix.Stat_t
	var err error
	if f != nil {
		err = unix.Fstat(int(f.Fd()), &stat)
	} else {
		err = unix.Stat(path, &stat)
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || stat.Mode&0o022 != 0 {
		return fmt.Errorf("%s must belong to root and be writable by root alone", path)
	}
	return nil
}

// rootOnlyFolders refuses a path that somebody else could lead elsewhere: by a folder above
// it, as it is written or as its links resolve. A sticky folder, as /tmp, is no better: who
// is first there takes the name.
func rootOnlyFolders(path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, p := range []string{filepath.Clean(path), resolved} {
		for p != "/" {
			p = filepath.Dir(p)
			if err := rootOnly(p, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
