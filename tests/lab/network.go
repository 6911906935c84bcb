package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// portIndexes gives the far ends of cables interface numbers that no near end
// has. The kernel reports a lost carrier at once only on an interface whose
// number differs from its peer's; equal numbers cost up to a second.
var portIndexes atomic.Int32

const firstPortIndex = 10_000

// wire lays a cable: a port in one namespace, an interface in another. The
// port's state is the cable's state: while it is down, the other end has no carrier.
func wire(from *Space, port string, to *Space, name string) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = port
	attributes.Index = firstPortIndex + int(portIndexes.Add(1))
	cable := &netlink.Veth{LinkAttrs: attributes, PeerName: name, PeerNamespace: netlink.NsFd(int(to.file))}
	if err := from.handle.LinkAdd(cable); err != nil {
		return fmt.Errorf("wire %s in %s to %s in %s: %w", port, from.Name, name, to.Name, err)
	}
	return setLink(from, port, true)
}

// bridge makes a switch and plugs the ports of the same namespace in.
func bridge(s *Space, name string, ports ...string) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	noSnooping := false
	if err := s.handle.LinkAdd(&netlink.Bridge{LinkAttrs: attributes, MulticastSnooping: &noSnooping}); err != nil {
		return fmt.Errorf("make bridge in %s: %w", s.Name, err)
	}
	for _, port := range ports {
		if err := plug(s, name, port); err != nil {
			return err
		}
	}
	return setLink(s, name, true)
}

func plug(s *Space, bridge, port string) error {
	master, err := s.handle.LinkByName(bridge)
	if err != nil {
		return err
	}
	link, err := s.handle.LinkByName(port)
	if err != nil {
		return err
	}
	return s.handle.LinkSetMaster(link, master)
}

func setLink(s *Space, name string, up bool) error {
	link, err := s.handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s in %s: %w", name, s.Name, err)
	}
	if up {
		return s.handle.LinkSetUp(link)
	}
	return s.handle.LinkSetDown(link)
}

// address gives an interface addresses in CIDR form and takes it up.
func address(s *Space, name string, cidrs ...string) error {
	link, err := s.handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s in %s: %w", name, s.Name, err)
	}
	for _, cidr := range cidrs {
		parsed, err := netlink.ParseAddr(cidr)
		if err != nil {
			return err
		}
		if err := s.handle.AddrAdd(link, parsed); err != nil {
			return fmt.Errorf("add %s to %s in %s: %w", cidr, name, s.Name, err)
		}
	}
	return s.handle.LinkSetUp(link)
}

// clearAddresses does to an interface what the loss of power does: down, nothing configured.
func clearAddresses(s *Space, name string) error {
	link, err := s.handle.LinkByName(name)
	if err != nil {
		return err
	}
	if err := s.handle.LinkSetDown(link); err != nil {
		return err
	}
	addresses, err := s.handle.AddrList(link, unix.AF_INET)
	if err != nil {
		return err
	}
	for i := range addresses {
		// An address of the same network goes with the first one of it.
		if err := s.handle.AddrDel(link, &addresses[i]); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return err
		}
	}
	return nil
}

// route sends what goes to a network, or everything when it is empty, to a gateway.
func route(s *Space, network, gateway string) error {
	r := &netlink.Route{Gw: net.ParseIP(gateway)}
	if network != "" {
		_, destination, err := net.ParseCIDR(network)
		if err != nil {
			return err
		}
		r.Dst = destination
	}
	if err := s.handle.RouteReplace(r); err != nil {
		return fmt.Errorf("route %s by %s in %s: %w", network, gateway, s.Name, err)
	}
	return nil
}

// forward makes a namespace a router.
func forward(s *Space) error {
	return s.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) })
}

// lose makes an interface drop a share of what arrives, whatever its protocol;
// 0 ends it. There is no netem on many kernels: this is nftables' numgen.
func lose(ctx context.Context, s *Space, name string, percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("loss of %d %%: between 0 and 100", percent)
	}
	table := "storeward_lab_" + name
	rules := fmt.Sprintf("table netdev %[1]s\ndelete table netdev %[1]s\n", table)
	if percent > 0 {
		chance := fmt.Sprintf("numgen random mod 100 < %d", percent)
		if percent == 100 {
			chance = "" // nftables refuses a comparison that is always true
		}
		rules += fmt.Sprintf("table netdev %s { chain lossy { type filter hook ingress device %s priority 0; %s drop; }; }\n", table, name, chance)
	}
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	return s.once(func() error {
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("set loss of %s in %s: %w: %s", name, s.Name, err, out)
		}
		return nil
	})
}
