package mount

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Source is the device, e.g. "/dev/drbd0", or the directory of a bind mount.
	Source string `yaml:"source"`
	// Target is the directory to mount on.
	Target string `yaml:"target"`
	// Type is the file system's type, or bind (as in fstab also: none with the option bind).
	Type string `yaml:"type"`
	// Options are mount options, as a list or as fstab has them: [noatime, data=ordered] or "noatime,data=ordered".
	Options Options `yaml:"options"`
	// MakeTarget makes a missing target directory.
	MakeTarget bool `yaml:"make_target"`
	// Lazy detaches a busy mount when it could not be unmounted in time. Whoever
	// still holds files goes on writing to them: never with storage that the peer takes over.
	Lazy bool `yaml:"lazy"`
	// BusyRetry is the pause between two attempts to unmount what is busy.
	BusyRetry sdk.Duration `yaml:"busy_retry"`
}

// Options are mount options, one each.
type Options []string

// UnmarshalYAML takes a list, or text with commas.
func (o *Options) UnmarshalYAML(decode func(any) error) error {
	var list []string
	if decode(&list) == nil {
		*o = list
		return nil
	}
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	*o = nil
	if text != "" {
		*o = strings.Split(text, ",")
	}
	return nil
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{Type: "ext4", BusyRetry: sdk.Duration(100 * time.Millisecond)}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	var faults []error
	if c.Source == "" || (c.bind() && !filepath.IsAbs(c.Source)) {
		faults = append(faults, fmt.Errorf("source: %q is no device or full path: e.g. \"/dev/drbd0\"", c.Source))
	}
	switch {
	case !filepath.IsAbs(c.Target) || filepath.Clean(c.Target) != c.Target:
		faults = append(faults, fmt.Errorf("target: %q is no clean full path: e.g. \"/srv/database\"", c.Target))
	case c.Target == "/":
		faults = append(faults, errors.New("target: / is the machine's own: name a directory below it"))
	}
	if c.Type == "" || strings.ContainsAny(c.Type, ", /") {
		faults = append(faults, fmt.Errorf("type: %q is no file system: e.g. ext4, xfs, bind", c.Type))
	}
	for i, option := range c.Options {
		if option == "" || strings.ContainsAny(option, ", ") {
			faults = append(faults, fmt.Errorf("options[%d]: %q is no single option: list each one by itself", i, option))
		}
	}
	if d := c.BusyRetry.Std(); d < time.Millisecond || d > time.Minute {
		faults = append(faults, fmt.Errorf("busy_retry: %v is out of range: use 1ms to 1m", d))
	}
	return errors.Join(faults...)
}

// bind tells whether a directory is mounted instead of a device.
func (c *Config) bind() bool {
	return c.Type == "bind" || (c.Type == "none" && slices.Contains(c.Options, "bind"))
}

// flagOptions are the options that the kernel takes as flags, mount(2).
var flagOptions = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "sync": unix.MS_SYNCHRONOUS,
	"dirsync": unix.MS_DIRSYNC, "noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME,
	"relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME, "lazytime": unix.MS_LAZYTIME,
}

// flags splits the options into the kernel's flags and the file system's own text.
func (c *Config) flags() (flags uintptr, data string) {
	var rest []string
	for _, option := range c.Options {
		flag, known := flagOptions[option]
		switch {
		case known:
			flags |= flag
		case option == "defaults", option == "rw", option == "bind":
		default:
			rest = append(rest, option)
		}
	}
	return flags, strings.Join(rest, ",")
}

func (c *Config) readOnly() bool {
	flags, _ := c.flags()
	return flags&unix.MS_RDONLY != 0
}
