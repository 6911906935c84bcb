package ups

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Address is the SNMP agent of the UPS, host:port; the port is usually 161.
	Address string `yaml:"address"`
	// Community is the SNMP community with the right to write.
	Community sdk.Secret `yaml:"community"`
	// Version is the version of SNMP: 2c or 1.
	Version string `yaml:"version"`
	// Timeout is how long one packet waits for its answer. A packet without an
	// answer is sent again until the order expires or the deadline is reached.
	Timeout sdk.Duration `yaml:"timeout"`
	// Poll is the pause between two readings of the output while it changes.
	Poll sdk.Duration `yaml:"poll"`
	// LowCharge is the battery charge below which the device's health is Degraded, a ratio from 0 to 1.
	LowCharge float64 `yaml:"low_charge"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{
		Version:   "2c",
		Timeout:   sdk.Duration(100 * time.Millisecond),
		Poll:      sdk.Duration(10 * time.Millisecond),
		LowCharge: 0.5,
	}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	return errors.Join(c.checkAddress(), c.checkCommunity(), c.checkVersion(), c.checkTimes())
}

func (c *Config) checkAddress() error {
	if c.Address == "" {
		return errors.New(`address: is missing: name the agent of the UPS as host:port, e.g. "192.0.2.11:161"`)
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" {
		return fmt.Errorf("address: %q is not host:port: e.g. \"192.0.2.11:161\"", c.Address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("address: port %q is not a number from 1 to 65535", port)
	}
	return nil
}

func (c *Config) checkCommunity() error {
	if c.Community.IsZero() {
		return errors.New("community: is missing: name the SNMP community with the right to write, e.g. {file: /etc/storeward/ups.community}")
	}
	return nil
}

func (c *Config) checkVersion() error {
	if _, err := c.version(); err != nil {
		return err
	}
	if c.LowCharge < 0 || c.LowCharge > 1 {
		return fmt.Errorf("low_charge: %v is no ratio: use a value from 0 to 1, e.g. 0.5", c.LowCharge)
	}
	return nil
}

func (c *Config) checkTimes() error {
	var faults []error
	if d := time.Duration(c.Timeout); d < 10*time.Millisecond || d > 10*time.Second {
		faults = append(faults, fmt.Errorf("timeout: %v is out of range: use 10ms to 10s", d))
	}
	if d := time.Duration(c.Poll); d < time.Millisecond || d > time.Second {
		faults = append(faults, fmt.Errorf("poll: %v is out of range: use 1ms to 1s", d))
	}
	return errors.Join(faults...)
}

func (c *Config) version() (gosnmp.SnmpVersion, error) {
	switch c.Version {
	case "2c":
		return gosnmp.Version2c, nil
	case "1":
		return gosnmp.Version1, nil
	}
	return 0, fmt.Errorf("version: %q is not supported: use 2c or 1", c.Version)
}
