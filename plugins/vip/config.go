package vip

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Address is the virtual address with its prefix length, e.g. "192.0.2.101/24" or "2001:db8::101/64".
	Address string `yaml:"address"`
	// Interface is the network interface that carries it, e.g. "eth0".
	Interface string `yaml:"interface"`
	// Label is shown by "ip address", of IPv4 alone; it starts with the interface's name. Empty: the interface's name and ":vip" where that fits.
	Label string `yaml:"label"`
	// Probe is the duplicate address check before the address is added.
	Probe Probe `yaml:"probe"`
	// Announce is the gratuitous ARP or unsolicited neighbour advertisement after the address was added.
	Announce Announce `yaml:"announce"`
}

// Probe is the duplicate address check, RFC 5227 section 2.1.1 or RFC 4862 section
// 5.4, with shorter times: the peer is known to be off, so that the check finds
// strangers only.
type Probe struct {
	// Count is how often the address is asked for; 0 switches the check off.
	Count int `yaml:"count"`
	// Wait is how long each probe waits for somebody to answer.
	Wait sdk.Duration `yaml:"wait"`
}

// Announce is the announcement of RFC 5227 section 2.3, as request and as reply, or
// of RFC 4861 section 7.2.6.
type Announce struct {
	// Count is how many announcements are sent; the first one at once.
	Count int `yaml:"count"`
	// Every is the time between two announcements.
	Every sdk.Duration `yaml:"every"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{
		Probe:    Probe{Count: 2, Wait: sdk.Duration(25 * time.Millisecond)},
		Announce: Announce{Count: 5, Every: sdk.Duration(200 * time.Millisecond)},
	}
}

// Targets implements sdk.Targeted: the address that moves.
func (c *Config) Targets() []string {
	prefix, err := c.prefix()
	if err != nil {
		return nil
	}
	return []string{prefix.Addr().String()}
}

// maxName is IFNAMSIZ without its final zero: the kernel's bound on names and labels.
const maxName = 15

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	_, addressFault := c.prefix()
	return errors.Join(addressFault, c.checkInterface(), c.Probe.check(), c.Announce.check())
}

func (c *Config) prefix() (netip.Prefix, error) {
	if c.Address == "" {
		return netip.Prefix{}, errors.New(`address: is missing: name the virtual address with its prefix length, e.g. "192.0.2.101/24"`)
	}
	prefix, err := netip.ParsePrefix(c.Address)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("address: %q is no address with a prefix length: e.g. \"192.0.2.101/24\"", c.Address)
	}
	if a := prefix.Addr(); !a.IsGlobalUnicast() || a.Is4In6() {
		return netip.Prefix{}, fmt.Errorf("address: %s is not a host's address: use a unicast address", c.Address)
	}
	return prefix, nil
}

func (c *Config) checkInterface() error {
	switch {
	case c.Interface == "":
		return errors.New(`interface: is missing: name the interface that carries the address, e.g. "eth0"`)
	case len(c.Interface) > maxName:
		return fmt.Errorf("interface: %q is longer than the %d characters of an interface's name", c.Interface, maxName)
	case c.Label == "":
		return nil
	case len(c.Label) > maxName || (c.Label != c.Interface && len(c.Label) <= len(c.Interface)+1) || c.Label[:len(c.Interface)] != c.Interface:
		return fmt.Errorf("label: %q is refused by the kernel: at most %d characters, starting with \"%s:\"", c.Label, maxName, c.Interface)
	}
	return nil
}

func (c *Config) label() string {
	if c.Label == "" && len(c.Interface)+len(":vip") <= maxName {
		return c.Interface + ":vip"
	}
	return c.Label
}

func (p Probe) check() error {
	var faults []error
	if p.Count < 0 || p.Count > 10 {
		faults = append(faults, fmt.Errorf("probe.count: %d is out of range: use 0 (no check) to 10", p.Count))
	}
	if d := p.Wait.Std(); p.Count > 0 && (d < time.Millisecond || d > 2*time.Second) {
		faults = append(faults, fmt.Errorf("probe.wait: %v is out of range: use 1ms to 2s", d))
	}
	return errors.Join(faults...)
}

func (a Announce) check() error {
	var faults []error
	if a.Count < 1 || a.Count > 100 {
		faults = append(faults, fmt.Errorf("announce.count: %d is out of range: use 1 to 100", a.Count))
	}
	if d := a.Every.Std(); d < 10*time.Millisecond || d > time.Minute {
		faults = append(faults, fmt.Errorf("announce.every: %v is out of range: use 10ms to 1m", d))
	}
	return errors.Join(faults...)
}
