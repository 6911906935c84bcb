package host

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Mounts are the file systems to watch, by their mount point; empty: every one on a disk.
	Mounts []string `yaml:"mounts"`
	// Interfaces are the network interfaces to count on; empty: every one that is hardware or has an address.
	Interfaces []string `yaml:"interfaces"`
	// Warn holds the thresholds from which the machine is Degraded.
	Warn Warn `yaml:"warn"`
}

// Warn holds ratios from 0 to 1 (load: per processor); 0 switches a threshold off.
type Warn struct {
	// CPU is the share of processor time in use over BusyFor.
	CPU float64 `yaml:"cpu"`
	// BusyFor is how long the processors must have been busy: a short burst is no shortage.
	BusyFor sdk.Duration `yaml:"busy_for"`
	// Load is the load of one minute for each processor.
	Load float64 `yaml:"load"`
	// Memory is the share of memory that no program can get any more.
	Memory float64 `yaml:"memory"`
	// Swap is the share of swap space in use.
	Swap float64 `yaml:"swap"`
	// Filesystem is the share of a file system's space in use.
	Filesystem float64 `yaml:"filesystem"`
	// Inodes is the share of a file system's inodes in use.
	Inodes float64 `yaml:"inodes"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{Warn: Warn{CPU: 0.97, BusyFor: sdk.Duration(time.Minute), Memory: 0.95, Swap: 0.8, Filesystem: 0.9, Inodes: 0.9}}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	var faults []error
	for i, mount := range c.Mounts {
		if !filepath.IsAbs(mount) || filepath.Clean(mount) != mount {
			faults = append(faults, fmt.Errorf("mounts[%d]: %q is no clean full path: e.g. \"/srv\"", i, mount))
		}
	}
	for i, name := range c.Interfaces {
		if name == "" {
			faults = append(faults, fmt.Errorf("interfaces[%d]: is empty: name an interface, e.g. eth0", i))
		}
	}
	for _, ratio := range []struct {
		name  string
		value float64
	}{
		{"cpu", c.Warn.CPU},
		{"memory", c.Warn.Memory},
		{"swap", c.Warn.Swap},
		{"filesystem", c.Warn.Filesystem},
		{"inodes", c.Warn.Inodes},
	} {
		if ratio.value < 0 || ratio.value > 1 {
			faults = append(faults, fmt.Errorf("warn.%s: %v is no ratio: use a value from 0 (off) to 1", ratio.name, ratio.value))
		}
	}
	if c.Warn.BusyFor < 0 {
		faults = append(faults, fmt.Errorf("warn.busy_for: %v is negative: use a time such as 1m", c.Warn.BusyFor.Std()))
	}
	if c.Warn.Load < 0 {
		faults = append(faults, fmt.Errorf("warn.load: %v is negative: use 0 (off) or more", c.Warn.Load))
	}
	return errors.Join(faults...)
}
