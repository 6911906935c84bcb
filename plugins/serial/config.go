package serial

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/storeward/storeward/plugins/internal/tty"
)

// Config is the plugin's section of a link.
type Config struct {
	// Device is the serial port, e.g. /dev/ttyS0, or better a name below /dev/serial/by-id.
	Device string `yaml:"device"`
	// Baud is the rate in bits per second, the same at both ends.
	Baud int `yaml:"baud"`
	// Carrier names the modem line that tells whether the peer's port has power: dcd, cts, dsr, or none.
	Carrier string `yaml:"carrier"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() *Config { return &Config{Baud: 115200, Carrier: "none"} }

// Validate checks the configuration by itself; whether the port exists is a matter of the moment.
func (c *Config) Validate() error {
	var faults []error
	switch {
	case c.Device == "":
		faults = append(faults, errors.New("device: missing: want a serial port, e.g. /dev/ttyS0"))
	case !strings.HasPrefix(c.Device, "/dev/"):
		faults = append(faults, fmt.Errorf("device: %q: want the port's full path below /dev", c.Device))
	}
	if rates := tty.Rates(); !slices.Contains(rates, c.Baud) {
		faults = append(faults, fmt.Errorf("baud: %d: want one of %v", c.Baud, rates))
	}
	if _, known := carriers[c.Carrier]; !known && c.Carrier != "none" {
		faults = append(faults, fmt.Errorf("carrier: %q: want none, dcd, cts or dsr", c.Carrier))
	}
	return errors.Join(faults...)
}
