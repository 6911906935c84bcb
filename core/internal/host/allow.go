package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

	fault    error    // why nothing is allowed
	examined *os.File // the executable, while Allow holds it
	wrong    wrong
}

// wrong is the file that was hashed last and is not the allowed executable, as it was before
// that: it is not read again until it changes. Nothing is remembered of the allowed one, so
// that no memory allows anything.
type wrong struct {
	file unix.Stat_t
	why  error
}

// settled is how long ago a file must have changed to be remembered: what changes twice
// within a tick of the file system's clock, two seconds at most, looks as if it had not.
const settled = 2 * time.Second

// ReadAllowed reads a folder of allow files; one that is not there allows nothing. A faulty
// file keeps its own plugin from running, and no other. The own plugins' names are taken.
// Ignored says of each entry that allows nothing to nobody why, in a sentence.
func ReadAllowed(dir string, own []string) (allowed []Allowed, ignored []error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{fmt.Errorf("no plugin of a third party is allowed: %w", err)}
	}
	open := rootOnly(dir, nil)
	for _, entry := range entries {
		file := filepath.Join(dir, entry.Name())
		name, isAllow := strings.CutSuffix(entry.Name(), ".yaml")
		switch {
		case !isAllow || name == "":
			ignored = append(ignored, fmt.Errorf("%s is ignored: an allow file is called PLUGIN.yaml", file))
			continue
		case slices.Contains(own, name): // what Storeward brings itself is nobody else's to replace
			ignored = append(ignored, fmt.Errorf("%s is ignored: %s is a plugin of Storeward's own", file, name))
			continue
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
		allowed = append(allowed, Allowed{Plugin: name, Path: a.Path, SHA256: a.SHA256, fault: err})
	}
	return allowed, ignored
}

func readAllow(file string) (a Allowed, err error) {
	f, err := openRegular(file)
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
	if a, err = decodeAllow(text); err != nil {
		return a, err
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

func decodeAllow(text []byte) (a Allowed, err error) {
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&a); err != nil {
		return a, fmt.Errorf("want plugin, path and sha256: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return a, nil
}

// Allow is what would allow an executable to run as a plugin. Until Close it holds open
// what it hashed, and a host with it among its Allowed runs that, wherever it lies and
// whatever its path leads to by then.
func Allow(ctx context.Context, plugin, path string) (Allowed, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Allowed{}, fmt.Errorf("look at the executable: %w", err)
	}
	f, err := openRegular(path)
	if err != nil {
		return Allowed{}, fmt.Errorf("look at the executable: %w", err)
	}
	if err := noScript(path, f); err != nil {
		return Allowed{}, errors.Join(err, f.Close())
	}
	sum, err := sumOf(ctx, f)
	if err != nil {
		return Allowed{}, errors.Join(err, f.Close())
	}
	return Allowed{Plugin: plugin, Path: path, SHA256: sum, examined: f}, nil
}

// Close lets go of an executable that Allow opened.
func (a Allowed) Close() error {
	return a.examined.Close()
}

// Exposed tells why somebody else than root could change the executable that Allow opened,
// or put another in its place; nil: nobody could.
func (a Allowed) Exposed() error {
	if err := rootOnly(a.Path, a.examined); err != nil {
		return err
	}
	return rootOnlyFolders(a.Path)
}

// Text is the allow file. A path that is read as another one, as the YAML library writes it,
// is an error: it has tabs, line breaks or what is no UTF-8.
func (a Allowed) Text() (string, error) {
	text, err := yaml.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("write the allow file: %w", err)
	}
	if read, err := decodeAllow(text); err != nil || read.Path != a.Path {
		return "", fmt.Errorf("write the allow file: %q is no path for YAML: install the executable at a plainer one", a.Path)
	}
	return string(text), nil
}

// open opens the executable if it is the allowed one, and if root alone could have put it
// where its path leads.
func (a *Allowed) open(ctx context.Context) (f *os.File, err error) {
	if a.fault != nil {
		return nil, a.refused(a.fault)
	}
	if a.examined != nil {
		f, err = duplicate(a.examined)
	} else if err = rootOnlyFolders(a.Path); err == nil {
		f, err = openProgram(a.Path)
	}
	if err != nil {
		return nil, a.refused(err)
	}
	if err := a.verify(ctx, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// verify tells why an open file is not the allowed executable. It looks at the file alone:
// its path may lead elsewhere by now, or nowhere.
func (a *Allowed) verify(ctx context.Context, f *os.File) error {
	if a.examined == nil {
		if err := rootOnly(a.Path, f); err != nil {
			return a.refused(err)
		}
	}
	if err := noScript(a.Path, f); err != nil {
		return a.refused(err)
	}
	before, err := stateOf(f)
	if err != nil {
		return a.refused(err)
	}
	if a.wrong.why != nil && before == a.wrong.file {
		return a.wrong.why
	}
	sum, err := sumOf(ctx, f)
	switch {
	case ctx.Err() != nil:
		return err // that it could not be read in time says nothing about it
	case err != nil:
		return a.refused(err)
	case !strings.EqualFold(sum, a.SHA256):
		err := a.refused(fmt.Errorf("%s is not the executable that was allowed: its SHA-256 is %s, and the allow file says %s", a.Path, sum, a.SHA256))
		if time.Since(time.Unix(before.Ctim.Unix())) > settled {
			a.wrong = wrong{before, err}
		}
		return err
	}
	return nil
}

func (a *Allowed) refused(why error) error {
	return fmt.Errorf("plugin %s is %w: %w", a.Plugin, ErrRefused, why)
}
