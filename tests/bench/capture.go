package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/tests/lab"
)

// sniffer sees every IPv4 packet of a node's interface with the kernel's own time
// stamp, so that a late reader sees no late packets.
type sniffer struct{ fd int }

// Bounds of the sniffer's socket.
const (
	snifferBuffer = 8 << 20
	snifferPause  = 200 * time.Millisecond // how often it looks whether to end
)

func newSniffer(s *lab.Space, name string) (*sniffer, error) {
	var fd int
	err := s.Do(func() error {
		link, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		protocol := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)) // what leaves as well
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(protocol)); err != nil {
			return err
		}
		wait := unix.NsecToTimeval(int64(snifferPause))
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, snifferBuffer),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: link.Index}),
		)
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s of %s: %w", name, s.Name, err)
	}
	return &sniffer{fd}, nil
}

func (s *sniffer) close() error { return unix.Close(s.fd) }

// listen hands over every packet until ctx ends.
func (s *sniffer) listen(ctx context.Context, got func(at time.Time, p parcel)) error {
	buffer, control := make([]byte, 2048), make([]byte, 128)
	for ctx.Err() == nil {
		n, nc, _, _, err := unix.Recvmsg(s.fd, buffer, control, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive packets: %w", err)
		}
		at, ok := stampOf(control[:nc])
		p, known := unpack(buffer[:n])
		if ok && known {
			got(at, p)
		}
	}
	return nil
}

// stampOf finds the kernel's time of a packet.
func stampOf(control []byte) (time.Time, bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), true //nolint:gosec // a timespec of a 64-bit kernel
		}
	}
	return time.Time{}, false
}

// kind is what a packet is to its product.
type kind string

// The kinds that prove life.
const (
	beats         kind = "beats"
	advertisement kind = "advertisements"
	token         kind = "token"
	linkPing      kind = "link pings"
)

// parcel is a packet of one of the products.
type parcel struct {
	kind kind
	from netip.Addr
}

// Numbers on the wire.
const (
	beatPort     = 694  // heartbeat's by IANA, and ours
	corosyncPort = 5405 // corosync.conf(5), mcastport
	vrrp         = 112  // RFC 5798 section 5.1.1.4
	knetData     = 0    // libknet's header: version, type; what corosync itself says travels as data
	knetPing     = 0x81
)

// unpack tells what an IPv4 packet is; false: nothing of interest.
func unpack(packet []byte) (parcel, bool) {
	if len(packet) < 20 || packet[0]>>4 != 4 {
		return parcel{}, false
	}
	from := netip.AddrFrom4([4]byte(packet[12:16]))
	header := int(packet[0]&0x0f) * 4
	switch packet[9] {
	case vrrp:
		return parcel{advertisement, netip.Addr{}}, true // whoever sends: one master speaks for the address
	case unix.IPPROTO_UDP:
		if len(packet) < header+10 {
			return parcel{}, false
		}
		port, payload := binary.BigEndian.Uint16(packet[header+2:]), packet[header+8:]
		switch {
		case port == beatPort:
			return parcel{beats, from}, true
		case port == corosyncPort && payload[1] == knetData:
			return parcel{token, from}, true
		case port == corosyncPort && payload[1] == knetPing:
			return parcel{linkPing, from}, true
		}
	}
	return parcel{}, false
}
