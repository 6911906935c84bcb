package ndp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter lets ICMPv6 solicitations and advertisements pass, and no packet with
// extension headers: none is valid with one that matters.
var filter = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 6, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protocol, SkipTrue: 4},
	bpf.LoadAbsolute{Off: headerSize, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpLessThan, Val: Solicitation, SkipTrue: 2},
	bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: Advertisement, SkipTrue: 1},
	bpf.RetConstant{Val: 1500},
	bpf.RetConstant{Val: 0},
}

// Socket speaks on one interface. It is a packet socket: a question about an address
// that nobody may use yet is asked from no address at all.
type Socket struct {
	conn   *packet.Conn
	device *net.Interface
	groups []int // sockets that hold memberships
}

// Open opens a socket on an Ethernet interface.
func Open(device *net.Interface) (*Socket, error) {
	if len(device.HardwareAddr) != 6 {
		return nil, fmt.Errorf("%s is no Ethernet interface", device.Name)
	}
	program, err := bpf.Assemble(filter)
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	conn, err := packet.Listen(device, packet.Datagram, unix.ETH_P_IPV6, &packet.Config{Filter: program})
	if err != nil {
		return nil, fmt.Errorf("open packet socket on %s: %w", device.Name, err)
	}
	return &Socket{conn: conn, device: device}, nil
}

// Close ends the socket and its memberships.
func (s *Socket) Close() error {
	for _, fd := range s.groups {
		_ = unix.Close(fd)
	}
	return s.conn.Close()
}

// Join has questions about an address delivered to this interface, as its owner does.
func (s *Socket) Join(a netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("join the group of %s: %w", a, err)
	}
	err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{
		Multiaddr: SolicitedNode(a).As16(), Interface: uint32(s.device.Index), //nolint:gosec // an interface's index
	})
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("join the group of %s: %w", a, err)
	}
	s.groups = append(s.groups, fd)
	return nil
}

// Solicit asks who has an address: from an address of our own, or, when source is
// the unspecified one, as a duplicate address check (RFC 4862 section 5.4.2).
func (s *Socket) Solicit(target, source netip.Addr) error {
	m := Message{Kind: Solicitation, Source: source, Destination: SolicitedNode(target), Target: target}
	if !source.IsUnspecified() {
		m.MAC = s.device.HardwareAddr
	}
	return s.send(m)
}

// Announce tells all neighbours that this interface has an address now: an unsolicited
// advertisement that overrides what they know, RFC 4861 section 7.2.6.
func (s *Socket) Announce(a netip.Addr) error {
	flags := byte(override)
	if forwards(s.device.Name) {
		flags |= router // a router that says it is none is no longer used as one
	}
	return s.send(Message{Kind: Advertisement, Source: a, Destination: allNodes, Target: a, MAC: s.device.HardwareAddr, Flags: flags})
}

func forwards(device string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + device + "/forwarding")
	return err == nil && strings.TrimSpace(string(text)) != "0"
}

// send puts a message to a multicast group on the wire, RFC 2464 section 7.
func (s *Socket) send(m Message) error {
	group := m.Destination.As16()
	to := net.HardwareAddr{0x33, 0x33, group[12], group[13], group[14], group[15]}
	if _, err := s.conn.WriteTo(m.marshal(), &packet.Addr{HardwareAddr: to}); err != nil {
		return fmt.Errorf("send neighbor discovery: %w", err)
	}
	return nil
}

// SetDeadline bounds Receive.
func (s *Socket) SetDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// Receive returns the next valid message of somebody else, with the sender's address
// on the wire. At the deadline the error is os.ErrDeadlineExceeded.
func (s *Socket) Receive() (m Message, sender net.HardwareAddr, err error) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return Message{}, nil, fmt.Errorf("receive neighbor discovery: %w", err)
		}
		a, ok := from.(*packet.Addr)
		if !ok || bytes.Equal(a.HardwareAddr, s.device.HardwareAddr) {
			continue
		}
		if m, ok := parse(buffer[:n]); ok {
			return m, a.HardwareAddr, nil
		}
	}
}

// Source is an address of the interface that a question may be asked from: the
// link-local one, else the unspecified address.
func Source(device *net.Interface) (netip.Addr, error) {
	addresses, err := device.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list addresses of %s: %w", device.Name, err)
	}
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
			return prefix.Addr(), nil
		}
	}
	return netip.IPv6Unspecified(), nil
}

// Claims tells whether a message shows that its sender has an address or is about to
// take it: the conditions of RFC 4862 sections 5.4.3 and 5.4.4.
func (m Message) Claims(a netip.Addr) bool {
	if m.Target != a {
		return false
	}
	return m.Kind == Advertisement || m.Source.IsUnspecified()
}
