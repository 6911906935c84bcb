package vip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Operations of ARP, RFC 826.
const (
	arpRequest = 1
	arpReply   = 2
	arpSize    = 28 // Ethernet and IPv4
)

var (
	broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	nobody    = net.HardwareAddr{0, 0, 0, 0, 0, 0}
)

// arp is an ARP packet for Ethernet and IPv4, RFC 826.
type arp struct {
	operation          uint16
	senderMAC          net.HardwareAddr
	senderIP, targetIP netip.Addr
	targetMAC          net.HardwareAddr
}

func (a arp) marshal() []byte {
	out := make([]byte, arpSize)
	binary.BigEndian.PutUint16(out[0:], 1) // Ethernet
	binary.BigEndian.PutUint16(out[2:], unix.ETH_P_IP)
	out[4], out[5] = 6, 4
	binary.BigEndian.PutUint16(out[6:], a.operation)
	copy(out[8:14], a.senderMAC)
	sender, target := a.senderIP.As4(), a.targetIP.As4()
	copy(out[14:18], sender[:])
	copy(out[18:24], a.targetMAC)
	copy(out[24:28], target[:])
	return out
}

// parseARP returns false for whatever is not ARP for Ethernet and IPv4.
func parseARP(b []byte) (arp, bool) {
	if len(b) < arpSize || binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != unix.ETH_P_IP || b[4] != 6 || b[5] != 4 {
		return arp{}, false
	}
	return arp{
		operation: binary.BigEndian.Uint16(b[6:]),
		senderMAC: net.HardwareAddr(append([]byte(nil), b[8:14]...)),
		senderIP:  netip.AddrFrom4([4]byte(b[14:18])),
		targetMAC: net.HardwareAddr(append([]byte(nil), b[18:24]...)),
		targetIP:  netip.AddrFrom4([4]byte(b[24:28])),
	}, true
}

// claims tells whether the packet shows somebody else using the address or
// about to: RFC 5227 section 2.1.1, the two conditions of a conflict.
func (a arp) claims(address netip.Addr, own net.HardwareAddr) bool {
	if a.senderMAC.String() == own.String() {
		return false
	}
	probing := a.operation == arpRequest && a.senderIP.IsUnspecified() && a.targetIP == address
	return a.senderIP == address || probing
}

// arpSegment speaks ARP on one interface.
type arpSegment struct {
	conn *packet.Conn
	mac  net.HardwareAddr
}

func openARP(name string) (*arpSegment, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	conn, err := packet.Listen(iface, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return nil, fmt.Errorf("open packet socket on %s: %w", name, err)
	}
	return &arpSegment{conn: conn, mac: iface.HardwareAddr}, nil
}

func (s *arpSegment) close() { _ = s.conn.Close() }

func (s *arpSegment) send(a arp) error {
	if _, err := s.conn.WriteTo(a.marshal(), &packet.Addr{HardwareAddr: broadcast}); err != nil {
		return fmt.Errorf("send arp: %w", err)
	}
	return nil
}

// announce tells every neighbour who has the address now, RFC 5227 section 2.3.
// Both forms go out, because some devices heed only one of them.
func (s *arpSegment) announce(address netip.Addr) error {
	request := arp{operation: arpRequest, senderMAC: s.mac, senderIP: address, targetMAC: nobody, targetIP: address}
	reply := arp{operation: arpReply, senderMAC: s.mac, senderIP: address, targetMAC: broadcast, targetIP: address}
	return errors.Join(s.send(request), s.send(reply))
}

// ask sends an ARP probe, RFC 5227 section 2.1.1.
func (s *arpSegment) ask(address netip.Addr) error {
	return s.send(arp{operation: arpRequest, senderMAC: s.mac, senderIP: netip.IPv4Unspecified(), targetMAC: nobody, targetIP: address})
}

func (s *arpSegment) listen(address netip.Addr, deadline time.Time) (net.HardwareAddr, error) {
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	buffer := make([]byte, 256)
	for {
		n, _, err := s.conn.ReadFrom(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read arp: %w", err)
		}
		if a, ok := parseARP(buffer[:n]); ok && a.claims(address, s.mac) {
			return a.senderMAC, nil
		}
	}
}
