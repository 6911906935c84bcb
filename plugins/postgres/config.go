package postgres

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Data is the data directory. Empty: the instance probes only.
	Data string `yaml:"data"`
	// Bin is the directory with the programs of PostgreSQL, e.g. "/usr/lib/postgresql/15/bin".
	Bin string `yaml:"bin"`
	// User owns the data and runs the server.
	User string `yaml:"user"`
	// Port is the server's port.
	Port int `yaml:"port"`
	// Options are settings for the server's command line, name: value; they win over postgresql.conf.
	Options map[string]string `yaml:"options"`
	// StopGrace is how long a fast shutdown may take before an immediate one is ordered.
	StopGrace sdk.Duration `yaml:"stop_grace"`
	// OutputLimit bounds the file with the server's output, in bytes; as much again is kept of what came before.
	OutputLimit int64 `yaml:"output_limit"`
	// Probe is the question of the probe and of the monitor's connection.
	Probe Probe `yaml:"probe"`
}

// Probe says what to ask and where.
type Probe struct {
	// Address is host or host:port, e.g. the virtual address; empty: 127.0.0.1. Without a port, Port.
	Address string `yaml:"address"`
	// Database, User and Password are for the connection.
	Database string     `yaml:"database"`
	User     string     `yaml:"user"`
	Password sdk.Secret `yaml:"password"`
	// TLS is disable, prefer, require or verify-full, as libpq's sslmode.
	TLS string `yaml:"tls"`
	// Query must succeed.
	Query string `yaml:"query"`
	// Timeout is how long connection and query together may take.
	Timeout sdk.Duration `yaml:"timeout"`
	// Slow is the time for both from which the server is Degraded; 0s: never.
	Slow sdk.Duration `yaml:"slow"`
	// ConnectionsWarn is the share of max_connections in use from which the server is Degraded; 0: never.
	ConnectionsWarn float64 `yaml:"connections_warn"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{
		User:        "postgres",
		Port:        5432,
		StopGrace:   sdk.Duration(20 * time.Second),
		OutputLimit: 4 << 20,
		Probe: Probe{
			Database: "postgres", User: "postgres", TLS: "prefer", Query: "SELECT 1",
			Timeout: sdk.Duration(2 * time.Second), ConnectionsWarn: 0.9,
		},
	}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	return errors.Join(c.checkServer(), c.checkOptions(), c.Probe.check())
}

func (c *Config) checkServer() error {
	var faults []error
	if c.Data == "" && c.Probe.Address == "" {
		faults = append(faults, errors.New("data: is missing: name the data directory, or probe.address to probe only"))
	}
	if c.Data != "" && (!filepath.IsAbs(c.Data) || filepath.Clean(c.Data) != c.Data) {
		faults = append(faults, fmt.Errorf("data: %q is no clean full path: e.g. \"/srv/database/pg\"", c.Data))
	}
	if c.Data != "" && !filepath.IsAbs(c.Bin) {
		faults = append(faults, fmt.Errorf("bin: %q is no full path: e.g. \"/usr/lib/postgresql/15/bin\"", c.Bin))
	}
	if c.User == "" || c.User == "root" {
		faults = append(faults, fmt.Errorf("user: %q cannot run the server: e.g. postgres", c.User))
	}
	if c.Port < 1 || c.Port > 65535 {
		faults = append(faults, fmt.Errorf("port: %d is out of range: use 1 to 65535", c.Port))
	}
	if d := c.StopGrace.Std(); d <= 0 || d > time.Hour {
		faults = append(faults, fmt.Errorf("stop_grace: %v is out of range: use more than 0s, at most 1h", d))
	}
	if c.OutputLimit < 4096 || c.OutputLimit > 1<<30 {
		faults = append(faults, fmt.Errorf("output_limit: %d is out of range: use 4096 to %d bytes", c.OutputLimit, 1<<30))
	}
	return errors.Join(faults...)
}

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_.]*$`)

func (c *Config) checkOptions() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		switch {
		case !settingName.MatchString(name):
			faults = append(faults, fmt.Errorf("options: %q is no setting of PostgreSQL", name))
		case name == "port", name == "data_directory":
			faults = append(faults, fmt.Errorf("options: %s is set by the key of this plugin", name))
		}
	}
	return errors.Join(faults...)
}

func (p Probe) check() error {
	var faults []error
	if _, _, err := p.split(0); err != nil {
		faults = append(faults, fmt.Errorf("probe.address: %q is no host or host:port", p.Address))
	}
	if p.User == "" || p.Database == "" {
		faults = append(faults, errors.New("probe.user: and probe.database must be set"))
	}
	if !slices.Contains([]string{"disable", "prefer", "require", "verify-full"}, p.TLS) {
		faults = append(faults, fmt.Errorf("probe.tls: %q is unknown: use disable, prefer, require or verify-full", p.TLS))
	}
	if p.Query == "" {
		faults = append(faults, errors.New("probe.query: is empty: e.g. SELECT 1"))
	}
	if d := p.Timeout.Std(); d < time.Millisecond || d > 10*time.Minute {
		faults = append(faults, fmt.Errorf("probe.timeout: %v is out of range: use 1ms to 10m", d))
	}
	if p.Slow > 0 && p.Slow >= p.Timeout {
		faults = append(faults, fmt.Errorf("probe.slow: %v is not below the timeout of %v", p.Slow, p.Timeout))
	}
	if p.ConnectionsWarn < 0 || p.ConnectionsWarn > 1 {
		faults = append(faults, fmt.Errorf("probe.connections_warn: %v is no ratio: use a value from 0 (off) to 1", p.ConnectionsWarn))
	}
	return errors.Join(faults...)
}

// split returns the host and the port to connect to.
func (p Probe) split(port int) (string, uint16, error) {
	if p.Address == "" {
		return "127.0.0.1", uint16(port), nil
	}
	host, text, err := net.SplitHostPort(p.Address)
	if err != nil {
		if net.ParseIP(p.Address) == nil && !regexp.MustCompile(`^[A-Za-z0-9.-]+$`).MatchString(p.Address) {
			return "", 0, err
		}
		return p.Address, uint16(port), nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", 0, fmt.Errorf("no host and port: %q", p.Address)
	}
	return host, uint16(n), nil
}

// command is the server's command line.
func (c *Config) command() []string {
	out := []string{filepath.Join(c.Bin, "postgres"), "-D", c.Data, "-p", strconv.Itoa(c.Port)}
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		out = append(out, "-c", name+"="+c.Options[name])
	}
	return out
}
