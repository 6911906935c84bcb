package heartbeat

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socket is an open UDP socket of a link, and how a beat leaves by it.
type socket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	to   unix.Sockaddr
	// source holds the control message that names our address as the sender: a socket
	// that is bound to a group would leave the choice to the kernel.
	source []byte
}

// send gives the kernel a beat; it never waits for room.
func (s *socket) send(beat []byte) error {
	var sendErr error
	err := s.raw.Control(func(fd uintptr) {
		_, sendErr = unix.SendmsgN(int(fd), beat, s.source, s.to, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	return errors.Join(err, sendErr)
}

// open opens the link's socket: bound to our address, or to the group, so that
// nothing else arrives by it.
func (l *link) open() (*socket, error) {
	bound, family := l.address, unix.AF_INET6
	if l.group.IsValid() {
		bound = netip.AddrPortFrom(l.group, l.address.Port())
	}
	if bound.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "link") //nolint:gosec // a descriptor
	defer file.Close()                      // the connection has its own
	s := &socket{}
	if err := l.set(fd, s); err != nil {
		return nil, fmt.Errorf("open %s: %w", bound, err)
	}
	to, err := sockaddr(bound, l.config.Interface)
	if err == nil {
		err = unix.Bind(fd, to)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", bound, err)
	}
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", bound, err)
	}
	s.conn = conn.(*net.UDPConn) //nolint:forcetypeassert // of a UDP socket
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	return s, nil
}

// set prepares a socket before it is bound, and notes where its beats go.
func (l *link) set(fd int, s *socket) (err error) {
	if l.config.Interface != "" {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, l.config.Interface); err != nil {
			return fmt.Errorf("bind to %s: %w", l.config.Interface, err)
		}
	}
	// Beats go before other traffic where anybody looks (RFC 4594, network control).
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, 0xc0)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 0xc0)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 6)
	if !l.group.IsValid() {
		s.to, err = sockaddr(l.peer, l.config.Interface)
		return err
	}
	device, err := net.InterfaceByName(l.config.Interface)
	if err != nil {
		return err
	}
	if s.to, err = sockaddr(netip.AddrPortFrom(l.group, l.peer.Port()), l.config.Interface); err != nil {
		return err
	}
	if l.group.Is4() {
		return l.join4(fd, int32(device.Index), s) //nolint:gosec // an interface's index
	}
	return l.join6(fd, device.Index, s)
}

// join4 joins the group, and lets beats leave by one interface, no farther than its
// network, and not back to us, see ip(7).
func (l *link) join4(fd int, device int32, s *socket) error {
	s.source = unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: device, Spec_dst: l.address.Addr().As4()})
	where := &unix.IPMreqn{Multiaddr: l.group.As4(), Ifindex: device}
	return errors.Join(
		unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, where),
		unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: device}),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
	)
}

// join6 is join4 for IPv6, see ipv6(7).
func (l *link) join6(fd, device int, s *socket) error {
	s.source = unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: uint32(device), Addr: l.address.Addr().As16()}) //nolint:gosec // an interface's index
	return errors.Join(
		unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{
			Multiaddr: l.group.As16(), Interface: uint32(device), //nolint:gosec // an interface's index
		}),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, device),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0),
	)
}

// sockaddr is an end in the kernel's form. A link-local address counts on one
// interface: the one that its zone names, else the link's.
func sockaddr(end netip.AddrPort, device string) (unix.Sockaddr, error) {
	a := end.Addr()
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(end.Port()), Addr: a.As4()}, nil
	}
	out := &unix.SockaddrInet6{Port: int(end.Port()), Addr: a.As16()}
	if zone := a.Zone(); zone != "" {
		device = zone
	}
	if device != "" && (a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast()) {
		found, err := net.InterfaceByName(device)
		if err != nil {
			return nil, fmt.Errorf("find interface %s: %w", device, err)
		}
		out.ZoneId = uint32(found.Index) //nolint:gosec // an interface's index
	}
	return out, nil
}
