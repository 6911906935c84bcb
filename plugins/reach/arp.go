package reach

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/packet"
)

// ARP on Ethernet (RFC 826).
const (
	arpBytes   = 28
	arpRequest = 1
	arpReply   = 2
	etherARP   = 0x0806
)

var (
	broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	arpPrefix = []byte{0, 1, 8, 0, 6, 4} // Ethernet, IPv4, their lengths
)

// arpSocket is one socket for the questions of one probe.
type arpSocket struct {
	waiters

	conn     *packet.Conn
	device   *net.Interface
	networks []netip.Prefix // our addresses on the interface
}

// arpAsker opens a socket on the interface; release ends it.
func arpAsker(ctx context.Context, name string) (asker, func(), error) {
	device, err := askable(name)
	if err != nil {
		return nil, nil, err
	}
	if len(device.HardwareAddr) != 6 {
		return nil, nil, fmt.Errorf("%s is no Ethernet interface", name)
	}
	conn, err := packet.Listen(device, packet.Datagram, etherARP, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("open ARP socket on %s: %w", name, err)
	}
	s := &arpSocket{newWaiters(), conn, device, networksOf(device)}
	return s.ask, hear(ctx, conn, conn.SetReadDeadline, s.receive), nil
}

func networksOf(device *net.Interface) []netip.Prefix {
	addresses, err := device.Addrs()
	if err != nil {
		return nil
	}
	var networks []netip.Prefix
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() {
			networks = append(networks, prefix)
		}
	}
	return networks
}

func (s *arpSocket) ask(ctx context.Context, target string) reply {
	return s.askFor(ctx, target, func(address netip.Addr) error {
		if err := s.send(address); err != nil {
			return fmt.Errorf("send ARP request: %w", err)
		}
		return nil
	})
}

func (s *arpSocket) send(target netip.Addr) error {
	frame := request(s.device.HardwareAddr, s.source(target), target)
	_, err := s.conn.WriteTo(frame, &packet.Addr{HardwareAddr: broadcast})
	return err
}

// source is our address on the target's network; without one the request asks for
// nobody, as a duplicate address check does (RFC 5227), and is answered all the same.
func (s *arpSocket) source(target netip.Addr) netip.Addr {
	for _, network := range s.networks {
		if network.Contains(target) {
			return network.Addr()
		}
	}
	return netip.IPv4Unspecified()
}

func request(mac net.HardwareAddr, source, target netip.Addr) []byte {
	frame := make([]byte, 0, arpBytes)
	frame = append(frame, arpPrefix...)
	frame = binary.BigEndian.AppendUint16(frame, arpRequest)
	frame = append(frame, mac...)
	frame = append(frame, source.AsSlice()...)
	frame = append(frame, make([]byte, 6)...)
	return append(frame, target.AsSlice()...)
}

// receive marks the targets that answer until the socket ends.
func (s *arpSocket) receive() {
	buffer := make([]byte, 1500)
	for {
		n, _, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return // the probe is over, or the interface went: the questions then end by their deadline
		}
		if sender, ok := answerOf(buffer[:n], s.device.HardwareAddr); ok {
			s.mark(sender)
		}
	}
}

// answerOf returns the sender of a reply to us.
func answerOf(frame []byte, own net.HardwareAddr) (netip.Addr, bool) {
	if len(frame) < arpBytes || !bytes.Equal(frame[:6], arpPrefix) || binary.BigEndian.Uint16(frame[6:]) != arpReply {
		return netip.Addr{}, false
	}
	if !bytes.Equal(frame[18:24], own) {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(frame[14:18])
}
