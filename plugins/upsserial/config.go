package upsserial

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/tty"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Device is the serial port that the UPS's cable is plugged into, e.g. /dev/ttyS0,
	// or better a name below /dev/serial/by-id; "none" at the node that has no line to
	// this UPS, which is the node that it feeds.
	Device string `yaml:"device"`
	// Protocol is apcsmart or megatec.
	Protocol string `yaml:"protocol"`
	// Baud is the rate in bits per second; 0: the protocol's usual one, 2400.
	Baud int `yaml:"baud"`
	// OffDelay is how long the UPS itself is told to wait before it switches off, for
	// models with protocol megatec that refuse to do it at once: 12s, 18s, ... 54s, 1m, ... 10m.
	OffDelay sdk.Duration `yaml:"off_delay"`
	// Timeout is how long an answer may take.
	Timeout sdk.Duration `yaml:"timeout"`
	// Poll is the pause between two readings of the output while it changes.
	Poll sdk.Duration `yaml:"poll"`
	// LowCharge is the battery charge below which the device's health is Degraded, a ratio from 0 to 1.
	LowCharge float64 `yaml:"low_charge"`
}

// noDevice is the option device of a node without a line to the UPS.
const noDevice = "none"

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config {
	return &Config{
		Timeout:   sdk.Duration(600 * time.Millisecond),
		Poll:      sdk.Duration(50 * time.Millisecond),
		LowCharge: 0.5,
	}
}

// Targets implements sdk.Targeted: the UPS at the end of the cable, if there is one here.
func (c *Config) Targets() []string {
	if c.Device == noDevice {
		return nil
	}
	return []string{"the UPS on " + c.Device}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	return errors.Join(c.checkDevice(), c.checkProtocol(), c.checkTimes())
}

func (c *Config) checkDevice() error {
	switch {
	case c.Device == "":
		return errors.New("device: missing: want the serial port of the UPS's cable, e.g. /dev/ttyS0, or none at the node that has no line to it")
	case c.Device != noDevice && !strings.HasPrefix(c.Device, "/dev/"):
		return fmt.Errorf("device: %q: want the port's full path below /dev, or none", c.Device)
	}
	return nil
}

func (c *Config) checkProtocol() error {
	var faults []error
	d := dialectNamed(c.Protocol)
	switch {
	case c.Protocol == "":
		faults = append(faults, fmt.Errorf("protocol: missing: want what the UPS speaks, one of %s", dialectWords()))
	case d == nil:
		faults = append(faults, fmt.Errorf("protocol: %q is not known: want one of %s", c.Protocol, dialectWords()))
	case c.OffDelay != 0 && !d.delays:
		faults = append(faults, fmt.Errorf("off_delay: %s switches off at once: leave it out", d.word))
	}
	if rates := tty.Rates(); c.Baud != 0 && !slices.Contains(rates, c.Baud) {
		faults = append(faults, fmt.Errorf("baud: %d: want one of %v", c.Baud, rates))
	}
	return errors.Join(faults...)
}

func (c *Config) checkTimes() error {
	var faults []error
	within := func(path string, d sdk.Duration, least, most time.Duration) {
		if time.Duration(d) < least || time.Duration(d) > most {
			faults = append(faults, fmt.Errorf("%s: %v is out of range: use %v to %v", path, d, least, most))
		}
	}
	within("timeout", c.Timeout, 50*time.Millisecond, 5*time.Second)
	within("poll", c.Poll, 10*time.Millisecond, time.Second)
	if d := time.Duration(c.OffDelay); d != 0 {
		within("off_delay", c.OffDelay, 12*time.Second, 10*time.Minute)
		if unit := 6 * time.Second; d < time.Minute && d%unit != 0 || d > time.Minute && d%time.Minute != 0 {
			faults = append(faults, fmt.Errorf("off_delay: %v: want steps of 6s below a minute, and whole minutes above", c.OffDelay))
		}
	}
	if c.LowCharge < 0 || c.LowCharge > 1 {
		faults = append(faults, fmt.Errorf("low_charge: %v is no ratio: use a value from 0 to 1, e.g. 0.5", c.LowCharge))
	}
	return errors.Join(faults...)
}
