package reach

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// The ways to ask.
const (
	methodICMP = "icmp"
	methodARP  = "arp"
	methodNDP  = "ndp"
	methodTCP  = "tcp"
)

// Config is the plugin's section of a probe.
type Config struct {
	// Method is icmp (echo), arp or ndp (who has this address, IPv4 or IPv6) or tcp (connect).
	Method string `yaml:"method"`
	// Targets are IP addresses; for arp and ndp on the interface's own network, for tcp
	// host:port, the host being an IP address.
	Targets []string `yaml:"targets"`
	// Interface is where the question goes out; needed for arp and ndp.
	Interface string `yaml:"interface"`
	// Timeout is how long an answer is waited for.
	Timeout sdk.Duration `yaml:"timeout"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() *Config {
	return &Config{Method: methodICMP, Timeout: sdk.Duration(time.Second)}
}

// maxTargets bounds the questions of one probe.
const maxTargets = 64

// Validate checks the configuration by itself.
func (c *Config) Validate() error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch c.Method {
	case methodICMP, methodTCP:
	case methodARP, methodNDP:
		if c.Interface == "" {
			add("interface: missing: %s asks on one interface", c.Method)
		}
	default:
		add("method: %q: want icmp, arp, ndp or tcp", c.Method)
	}
	if n := len(c.Targets); n == 0 || n > maxTargets {
		add("targets: want 1 to %d addresses", maxTargets)
	}
	for i, target := range c.Targets {
		if err := checkTarget(c.Method, target); err != nil {
			add("targets[%d]: %w", i, err)
		}
	}
	if c.Timeout < sdk.Duration(time.Millisecond) || c.Timeout > sdk.Duration(time.Minute) {
		add("timeout: %s: want 1ms to 1m", c.Timeout)
	}
	return errors.Join(faults...)
}

func checkTarget(method, target string) error {
	if method == methodTCP {
		host, port, err := net.SplitHostPort(target)
		number, portErr := strconv.ParseUint(port, 10, 16)
		if _, hostErr := netip.ParseAddr(host); err != nil || hostErr != nil || portErr != nil || number == 0 {
			return fmt.Errorf("%q: want an IP address and port, e.g. 10.0.0.1:22", target)
		}
		return nil
	}
	address, err := netip.ParseAddr(target)
	if err != nil || address.IsUnspecified() || address.IsMulticast() {
		return fmt.Errorf("%q: want an IP address", target)
	}
	switch is4 := address.Unmap().Is4(); {
	case method == methodARP && !is4:
		return fmt.Errorf("%q: want an IPv4 address: arp knows no other, ndp asks for IPv6", target)
	case method == methodNDP && is4:
		return fmt.Errorf("%q: want an IPv6 address: ndp knows no other, arp asks for IPv4", target)
	}
	return nil
}
