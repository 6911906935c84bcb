package heartbeat

import (
	"errors"
	"fmt"
	"net/netip"
)

// Config is the plugin's section of a link.
type Config struct {
	// Address is this node's end of the link, host:port; the host is an IP address.
	Address string `yaml:"address"`
	// Peer is the peer's end. Packets from elsewhere are dropped and counted.
	Peer string `yaml:"peer"`
	// Group is a multicast address that both ends send to and join; empty: beats go straight
	// to the peer. It needs an interface.
	Group string `yaml:"group"`
	// Interface binds the link to one network interface and has its carrier watched.
	// Empty: whatever routes to the peer; no carrier is reported.
	Interface string `yaml:"interface"`
	// Direct says that the link is a cable from node to node. It needs an interface.
	Direct bool `yaml:"direct"`
}

// Validate checks the configuration by itself; whether the interface and the
// address exist is a matter of the moment.
func (c *Config) Validate() error {
	address, addressErr := end("address", c.Address)
	peer, peerErr := end("peer", c.Peer)
	faults := []error{addressErr, peerErr}
	if addressErr == nil && peerErr == nil {
		if address.Addr().Is4() != peer.Addr().Is4() {
			faults = append(faults, errors.New("peer: want the same address family as address"))
		}
		if address == peer {
			faults = append(faults, errors.New("peer: is this node's own end: want the other node's"))
		}
	}
	if addressErr == nil && peerErr == nil {
		faults = append(faults, c.checkGroup(address, peer))
	}
	if len(c.Interface) > 15 {
		faults = append(faults, fmt.Errorf("interface: %q is longer than an interface's name can be (15)", c.Interface))
	}
	if c.Direct && c.Interface == "" {
		faults = append(faults, errors.New("interface: missing: a direct link's carrier is watched on it"))
	}
	return errors.Join(faults...)
}

func (c *Config) checkGroup(address, peer netip.AddrPort) error {
	if c.Group == "" {
		return nil
	}
	group, err := netip.ParseAddr(c.Group)
	switch {
	case err != nil || !group.IsMulticast() || group.IsInterfaceLocalMulticast():
		return fmt.Errorf("group: %q: want a multicast address, e.g. 239.255.6.94 or ff02::5:694", c.Group)
	case group.Is4() != address.Addr().Is4():
		return errors.New("group: want the same address family as address")
	case address.Port() != peer.Port():
		return errors.New("peer: want the same port as address: one port is the group's")
	case c.Interface == "":
		return errors.New("interface: missing: a group is joined on one interface")
	}
	return nil
}

func end(key, text string) (netip.AddrPort, error) {
	if text == "" {
		return netip.AddrPort{}, fmt.Errorf("%s: missing: want an IP address and port, e.g. 10.0.0.1:694", key)
	}
	parsed, err := netip.ParseAddrPort(text)
	if err != nil || parsed.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%s: %q: want an IP address and port, e.g. 10.0.0.1:694", key, text)
	}
	if parsed.Addr().IsMulticast() || parsed.Addr().IsUnspecified() {
		return netip.AddrPort{}, fmt.Errorf("%s: %q: want the address of one node", key, text)
	}
	return netip.AddrPortFrom(parsed.Addr().Unmap(), parsed.Port()), nil
}
