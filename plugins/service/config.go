package service

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration. Exactly one of
// Unit and Command is set.
type Config struct {
	// Unit is a systemd unit, e.g. "nginx.service". It should not be enabled: the cluster starts it.
	Unit string `yaml:"unit"`
	// Command is a program with its arguments, by its full path. It must stay in the foreground.
	Command []string `yaml:"command"`
	// User is whom the command runs as; empty: the plugin's own user, usually root.
	User string `yaml:"user"`
	// Directory is the command's working directory.
	Directory string `yaml:"directory"`
	// Environment holds the command's variables; PATH, and with User HOME, USER and LOGNAME, are set already.
	Environment map[string]string `yaml:"environment"`
	// StopSignal asks the command's process group to end, e.g. TERM, INT, QUIT.
	StopSignal string `yaml:"stop_signal"`
	// StopGrace is how long the command may take to end before it is killed.
	StopGrace sdk.Duration `yaml:"stop_grace"`
	// Settle is how long a fresh process without a ready check must live to count as started.
	Settle sdk.Duration `yaml:"settle"`
	// Ready tells when the service answers: asked until it does at a start, and by every monitor.
	Ready Ready `yaml:"ready"`
	// Promote, Demote and Role give the service two running roles, for a warm start: programs with their
	// arguments, by their full path, run as User. All three are set, or none. Promote lets a running service
	// have the data, Demote takes it away; each ends with 0 once that is done.
	Promote []string `yaml:"promote"`
	Demote  []string `yaml:"demote"`
	// Role tells the role by its exit code, as an OCF agent's monitor: 0 not promoted, 8 promoted,
	// 9 promoted and failed; anything else: it could not be found out.
	Role []string `yaml:"role"`
	// OutputLimit bounds the file with the command's output, in bytes; as much again is kept of what came before.
	OutputLimit int64 `yaml:"output_limit"`
}

// Ready is a connection that must succeed. At most one address is set.
type Ready struct {
	// TCP is host:port.
	TCP string `yaml:"tcp"`
	// Unix is the path of a stream socket.
	Unix string `yaml:"unix"`
	// Timeout is how long one attempt may take.
	Timeout sdk.Duration `yaml:"timeout"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{
		Directory:   "/",
		StopSignal:  "TERM",
		StopGrace:   sdk.Duration(10 * time.Second),
		Settle:      sdk.Duration(20 * time.Millisecond),
		Ready:       Ready{Timeout: sdk.Duration(time.Second)},
		OutputLimit: 1 << 20,
	}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	return errors.Join(c.checkWhat(), c.checkHow(), c.checkStop(), c.checkRoles(), c.Ready.check())
}

// Promotable tells whether the instance offers Promoter.
func (c *Config) Promotable() bool { return len(c.Promote) > 0 }

func (c *Config) checkRoles() error {
	var faults []error
	commands := map[string][]string{"promote": c.Promote, "demote": c.Demote, "role": c.Role}
	given := len(c.Promote)+len(c.Demote)+len(c.Role) > 0
	for _, key := range slices.Sorted(maps.Keys(commands)) {
		switch command := commands[key]; {
		case given && len(command) == 0:
			faults = append(faults, fmt.Errorf("%s: is missing: promote, demote and role go together", key))
		case given && !filepath.IsAbs(command[0]):
			faults = append(faults, fmt.Errorf("%s[0]: %q is no full path: e.g. \"/usr/local/bin/cache-role\"", key, command[0]))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) checkWhat() error {
	switch {
	case c.Unit == "" && len(c.Command) == 0:
		return errors.New("unit: is missing: name a systemd unit, or a command")
	case c.Unit != "" && len(c.Command) > 0:
		return errors.New("command: is given beside a unit: use one of them")
	case c.Unit != "" && !strings.Contains(c.Unit, "."):
		return fmt.Errorf("unit: %q has no type: e.g. \"%s.service\"", c.Unit, c.Unit)
	case len(c.Command) > 0 && !filepath.IsAbs(c.Command[0]):
		return fmt.Errorf("command[0]: %q is no full path: e.g. \"/usr/sbin/nginx\"", c.Command[0])
	}
	return nil
}

func (c *Config) checkHow() error {
	var faults []error
	if !filepath.IsAbs(c.Directory) {
		faults = append(faults, fmt.Errorf("directory: %q is no full path", c.Directory))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.HasPrefix(name, "STOREWARD_") {
			faults = append(faults, fmt.Errorf("environment: %q cannot be set: use a plain name that does not start with STOREWARD_", name))
		}
	}
	if c.OutputLimit < 4096 || c.OutputLimit > 1<<30 {
		faults = append(faults, fmt.Errorf("output_limit: %d is out of range: use 4096 to %d bytes", c.OutputLimit, 1<<30))
	}
	if d := c.Settle.Std(); d > time.Minute {
		faults = append(faults, fmt.Errorf("settle: %v is out of range: use 0s to 1m", d))
	}
	return errors.Join(faults...)
}

func (c *Config) checkStop() error {
	var faults []error
	if c.signal() == 0 {
		faults = append(faults, fmt.Errorf("stop_signal: %q is no signal: e.g. TERM, INT, QUIT", c.StopSignal))
	}
	if d := c.StopGrace.Std(); d <= 0 || d > time.Hour {
		faults = append(faults, fmt.Errorf("stop_grace: %v is out of range: use more than 0s, at most 1h", d))
	}
	return errors.Join(faults...)
}

// signal returns 0 for an unknown name.
func (c *Config) signal() unix.Signal {
	return unix.SignalNum("SIG" + strings.TrimPrefix(c.StopSignal, "SIG"))
}

func (c *Config) environment() []string {
	out := make([]string, 0, len(c.Environment))
	for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
		out = append(out, name+"="+c.Environment[name])
	}
	return out
}

func (r Ready) check() error {
	var faults []error
	if r.TCP != "" && r.Unix != "" {
		faults = append(faults, errors.New("ready.unix: is given beside tcp: use one of them"))
	}
	if r.TCP != "" {
		if _, port, err := net.SplitHostPort(r.TCP); err != nil || port == "" {
			faults = append(faults, fmt.Errorf("ready.tcp: %q is not host:port", r.TCP))
		}
	}
	if r.Unix != "" && !filepath.IsAbs(r.Unix) {
		faults = append(faults, fmt.Errorf("ready.unix: %q is no full path", r.Unix))
	}
	if d := r.Timeout.Std(); d < time.Millisecond || d > time.Minute {
		faults = append(faults, fmt.Errorf("ready.timeout: %v is out of range: use 1ms to 1m", d))
	}
	return errors.Join(faults...)
}

// address returns the network and the address to connect to, "" where none is configured.
func (r Ready) address() (network, address string) {
	switch {
	case r.TCP != "":
		return "tcp", r.TCP
	case r.Unix != "":
		return "unix", r.Unix
	}
	return "", ""
}
