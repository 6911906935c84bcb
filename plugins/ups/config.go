package ups

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Address is the device's SNMP agent, host:port; the port is usually 161.
	Address string `yaml:"address"`
	// Kind is the make of device, a word of the table; empty: by its sysObjectID.
	Kind string `yaml:"kind"`
	// Outlets are the outlets that feed the node, by number, by unit:number, or by the
	// name that the device has for them. All of them are switched, and all must be
	// read off. A UPS that switches as a whole has none.
	Outlets []string `yaml:"outlets"`
	// Version is the version of SNMP: 3, 2c or 1.
	Version string `yaml:"version"`
	// Community is the SNMP community with the right to write, for versions 1 and 2c.
	Community sdk.Secret `yaml:"community"`
	// User is the name of the USM user, for version 3, and so are all options down to InsecureOrders.
	User string `yaml:"user"`
	// Security is authPriv, authNoPriv or noAuthNoPriv.
	Security string `yaml:"security"`
	// AuthProtocol is md5, sha, sha224, sha256, sha384 or sha512.
	AuthProtocol string `yaml:"auth_protocol"`
	// AuthPassword is the password that authenticates, at least 8 characters.
	AuthPassword sdk.Secret `yaml:"auth_password"`
	// PrivacyProtocol is des, aes, aes192, aes256 (both after Blumenthal), aes192c or aes256c (both after Reeder).
	PrivacyProtocol string `yaml:"privacy_protocol"`
	// PrivacyPassword is the password that encrypts, at least 8 characters.
	PrivacyPassword sdk.Secret `yaml:"privacy_password"`
	// Context is the name of the SNMP context, usually empty.
	Context string `yaml:"context"`
	// InsecureOrders allows orders with noAuthNoPriv, which anybody on the network could send as well.
	InsecureOrders bool `yaml:"insecure_orders"`
	// TimedOff is how long a cut lasts where the device itself can end it; 0: until it is ordered on.
	TimedOff sdk.Duration `yaml:"timed_off"`
	// Timeout is how long the first packet waits for its answer; each further one
	// without an answer waits twice as long as the one before.
	Timeout sdk.Duration `yaml:"timeout"`
	// Poll is the pause between two readings of the output while it changes.
	Poll sdk.Duration `yaml:"poll"`
	// LowCharge is the battery charge below which the device's health is Degraded, a ratio from 0 to 1.
	LowCharge float64 `yaml:"low_charge"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{
		Version:         "2c",
		Security:        "authPriv",
		AuthProtocol:    "sha256",
		PrivacyProtocol: "aes",
		Timeout:         sdk.Duration(100 * time.Millisecond),
		Poll:            sdk.Duration(10 * time.Millisecond),
		LowCharge:       0.5,
	}
}

// Targets implements sdk.Targeted: the outlets that are switched, or the whole device. Who
// asks for it, with which community or user, makes it no other.
func (c *Config) Targets() []string {
	agent := c.Address
	if c.Context != "" { // an agent may speak for several devices
		agent = c.Context + " at " + agent
	}
	if len(c.Outlets) == 0 {
		return []string{agent}
	}
	var out []string
	for _, outlet := range c.Outlets {
		out = append(out, fmt.Sprintf("outlet %s of %s", outlet, agent))
	}
	return out
}

// maxOutlets is how many power supplies one node may have on one device.
const maxOutlets = 8

var versions = map[string]gosnmp.SnmpVersion{"1": gosnmp.Version1, "2c": gosnmp.Version2c, "3": gosnmp.Version3}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	return errors.Join(c.checkAddress(), c.checkKind(), c.checkOutlets(), c.checkVersion(), c.checkTimes())
}

func (c *Config) checkAddress() error {
	if c.Address == "" {
		return errors.New(`address: is missing: name the device's agent as host:port, e.g. "192.0.2.11:161"`)
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

func (c *Config) checkKind() error {
	if c.Kind == "" {
		return nil
	}
	k, known := kindNamed(c.Kind)
	switch {
	case !known:
		return fmt.Errorf("kind: %q is not known: leave it out to let the device tell, or use one of %s", c.Kind, kindWords())
	case k.hasOutlets() && len(c.Outlets) == 0:
		return fmt.Errorf("outlets: is missing: kind %s has outlets: list those that feed the node, e.g. [3]", k.word)
	case !k.hasOutlets() && len(c.Outlets) > 0:
		return fmt.Errorf("outlets: kind %s switches as a whole: leave them out", k.word)
	case c.TimedOff > 0 && k.timed == nil:
		return fmt.Errorf("timed_off: kind %s has no off with an end that can be read: leave it out", k.word)
	}
	return nil
}

func (c *Config) checkOutlets() error {
	if len(c.Outlets) > maxOutlets {
		return fmt.Errorf("outlets: are %d: want %d at most", len(c.Outlets), maxOutlets)
	}
	for i, text := range c.Outlets {
		o, err := parseOutlet(text)
		if err != nil {
			return fmt.Errorf("outlets[%d]: %w", i, err)
		}
		if slices.Contains(c.Outlets[:i], text) {
			return fmt.Errorf("outlets[%d]: %s is listed twice", i, o)
		}
	}
	return nil
}

// parseOutlet reads 3 (outlet 3), 2:3 (outlet 3 of unit 2) or a name. A unit
// that is not said is -1.
func parseOutlet(text string) (outlet, error) {
	unit, number := -1, text
	if head, tail, both := strings.Cut(text, ":"); both {
		if n, err := strconv.ParseUint(head, 10, 16); err == nil {
			unit, number = int(n), tail
		}
	}
	n, err := strconv.ParseUint(number, 10, 16)
	switch {
	case err == nil && n == 0:
		return outlet{}, fmt.Errorf("%q: outlets are counted from 1", text)
	case err == nil:
		return outlet{unit: unit, number: int(n), said: text}, nil
	case strings.TrimSpace(text) == "":
		return outlet{}, errors.New("is empty: want a number, unit:number or a name")
	}
	return outlet{unit: -1, said: text, named: true}, nil
}

func (c *Config) checkVersion() error {
	version, known := versions[c.Version]
	switch {
	case !known:
		return fmt.Errorf("version: %q is not supported: use 3, 2c or 1", c.Version)
	case version == gosnmp.Version3:
		return c.checkUser()
	case c.Community.IsZero():
		return errors.New("community: is missing: name the SNMP community with the right to write, e.g. {file: /etc/storeward/ups.community}")
	}
	return nil
}

func (c *Config) checkTimes() error {
	var faults []error
	within := func(path string, d sdk.Duration, least, most time.Duration) {
		if time.Duration(d) < least || time.Duration(d) > most {
			faults = append(faults, fmt.Errorf("%s: %v is out of range: use %v to %v", path, d, least, most))
		}
	}
	within("timeout", c.Timeout, 10*time.Millisecond, 10*time.Second)
	within("poll", c.Poll, time.Millisecond, time.Second)
	within("timed_off", c.TimedOff, 0, 5*time.Minute)
	if c.LowCharge < 0 || c.LowCharge > 1 {
		faults = append(faults, fmt.Errorf("low_charge: %v is no ratio: use a value from 0 to 1, e.g. 0.5", c.LowCharge))
	}
	return errors.Join(faults...)
}
