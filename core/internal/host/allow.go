package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/sys/unix"
)

// ErrRefused means that a plugin of a third party may not run: its allow file is faulty,
// or its executable is not the one that was allowed.
var ErrRefused = errors.New("refused")

// ForeignDir is where an administrator installs plugins of third parties; an allow file
// may name any other place.
const ForeignDir = "/usr/local/libexec/storeward"

// AllowDir is the folder of allow files, beside the configuration.
const AllowDir = "allow.d"

// maxAllow is the greatest size of an allow file.
const maxAllow = 64 << 10

// Allowed is a third party's plugin that this node may run: the file PLUGIN.yaml in allow.d.
type Allowed struct {
	// Plugin is the name that configurations use.
	Plugin string `yaml:"plugin" json:"plugin"`
	// Path is the executable, absolute; it must be root's alone, as the allow file.
	Path string `yaml:"path" json:"path"`
	// SHA256 is the executable's hash in hexadecimal digits (FIPS 180-4).
	SHA256 string `yaml:"sha256" json:"sha256"`

	fault error // why nothing is allowed
}

// ReadAllowed reads a folder of allow files; one that is not there allows nothing. A faulty
// file keeps its own plugin from running, and no other. The own plugins' names are taken.
func ReadAllowed(dir string, own []string) []Allowed {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil
	}
	open := rootOnly(dir, nil)
	var out []Allowed
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if slices.Contains(own, name) {
			continue // what Storeward brings itself is nobody else's to replace
		}
		a, err := readAllow(file)
		switch {
		case open != nil:
			err = open
		case err != nil:
			err = fmt.Errorf("%s: %w", file, err)
		case a.Plugin != name:
			err = fmt.Errorf("%s allows plugin %q: name the file %s.yaml", file, a.Plugin, a.Plugin)
		}
		out = append(out, Allowed{Plugin: name, Path: a.Path, SHA256: a.SHA256, fault: err})
	}
	return out
}

func readAllow(file string) (a Allowed, err error) {
	f, err := os.Open(file) //nolint:gosec // found in the folder of allow files
	if err != nil {
		return a, err
	}
	defer func() { _ = f.Close() }()
	if err := rootOnly(file, f); err != nil {
		return a, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxAllow))
	if err != nil {
		return a, err
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&a); err != nil {
		return a, fmt.Errorf("want plugin, path and sha256: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	sum, err := hex.DecodeString(a.SHA256)
	switch {
	case !filepath.IsAbs(a.Path):
		return a, fmt.Errorf("path %q: want an absolute path", a.Path)
	case err != nil || len(sum) != sha256.Size:
		return a, errors.New("sha256: want 64 hexadecimal digits")
	}
	return a, nil
}

// Allow is what would allow an executable to run as a plugin.
func Allow(plugin, path string) (Allowed, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Allowed{}, fmt.Errorf("look at the executable: %w", err)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return Allowed{}, fmt.Errorf("look at the executable: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := noScript(path, f); err != nil {
		return Allowed{}, err
	}
	sum, err := sumOf(f)
	return Allowed{Plugin: plugin, Path: path, SHA256: sum}, err
}

// Text is the allow file.
func (a Allowed) Text() string {
	return fmt.Sprintf("plugin: %s\npath: %s\nsha256: %s\n", a.Plugin, a.Path, a.SHA256)
}

// Fault is why the plugin may not run, by its allow file or by its executable as it is now.
func (a Allowed) Fault() error {
	f, err := a.open()
	if err != nil {
		return err
	}
	return f.Close()
}

// open opens the executable if it is the allowed one.
func (a Allowed) open() (*os.File, error) {
	if a.fault != nil {
		return nil, a.refused(a.fault)
	}
	f, err := openProgram(a.Path)
	if err != nil {
		return nil, a.refused(err)
	}
	if err := a.verify(f); err != nil {
		return nil, errors.Join(a.refused(err), f.Close())
	}
	return f, nil
}

// verify tells why an open file is not the allowed executable. Who may write to it could
// change it after it was looked at.
func (a Allowed) verify(f *os.File) error {
	if err := rootOnly(a.Path, f); err != nil {
		return err
	}
	if err := noScript(a.Path, f); err != nil {
		return err
	}
	sum, err := sumOf(f)
	if err != nil {
		return err
	}
	if !strings.EqualFold(sum, a.SHA256) {
		return fmt.Errorf("%s is not the executable that was allowed: its SHA-256 is %s, and the allow file says %s", a.Path, sum, a.SHA256)
	}
	return nil
}

func (a Allowed) refused(why error) error {
	return fmt.Errorf("plugin %s is %w: %w", a.Plugin, ErrRefused, why)
}

func sumOf(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return "", fmt.Errorf("read the executable: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// noScript refuses a script: its interpreter would read the path anew, and who knows what then.
func noScript(path string, f *os.File) error {
	if isScript(f) {
		return fmt.Errorf("%s is a script: only a program that runs by itself can be allowed", path)
	}
	return nil
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
