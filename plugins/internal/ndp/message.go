// Package ndp speaks Neighbor Discovery for IPv6 (RFC 4861) on one Ethernet
// interface: it asks who has an address, hears who claims one, and tells the
// neighbours who has it now. It believes nothing that came through a router.
package ndp

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Kinds of messages, RFC 4861 sections 4.3 and 4.4.
const (
	Solicitation  = 135
	Advertisement = 136
)

// Flags of an advertisement.
const (
	router   = 0x80
	override = 0x20
)

const (
	headerSize    = 40 // of IPv6
	messageSize   = 24 // type, code, checksum, flags, target
	optionSize    = 8  // a link-layer address of Ethernet
	protocol      = 58 // ICMPv6
	hopLimit      = 255
	sourceOption  = 1 // RFC 4861 section 4.6.1
	targetOption  = 2
	payloadOffset = 4 // of the payload's length in the header
)

var allNodes = netip.MustParseAddr("ff02::1")

// Message is a solicitation or an advertisement.
type Message struct {
	Kind                byte
	Source, Destination netip.Addr
	Target              netip.Addr       // whom it is about
	MAC                 net.HardwareAddr // the link-layer address in it; nil: none
	Flags               byte             // of an advertisement
}

// SolicitedNode is the multicast group in which the owner of an address listens for
// questions about it, RFC 4291 section 2.7.1.
func SolicitedNode(a netip.Addr) netip.Addr {
	group := netip.MustParseAddr("ff02::1:ff00:0").As16()
	own := a.As16()
	copy(group[13:], own[13:])
	return netip.AddrFrom16(group)
}

// marshal gives the IPv6 packet of a message.
func (m Message) marshal() []byte {
	body := make([]byte, messageSize, messageSize+optionSize)
	body[0] = m.Kind
	option := byte(sourceOption)
	if m.Kind == Advertisement {
		body[4] = m.Flags
		option = targetOption
	}
	target := m.Target.As16()
	copy(body[8:], target[:])
	if m.MAC != nil {
		body = append(append(body, option, 1), m.MAC...)
	}
	packet := make([]byte, headerSize, headerSize+len(body))
	packet[0] = 6 << 4
	binary.BigEndian.PutUint16(packet[payloadOffset:], uint16(len(body))) //nolint:gosec // 32 at most
	packet[6], packet[7] = protocol, hopLimit
	source, destination := m.Source.As16(), m.Destination.As16()
	copy(packet[8:], source[:])
	copy(packet[24:], destination[:])
	binary.BigEndian.PutUint16(body[2:], checksum(packet, body))
	return append(packet, body...)
}

// parse returns false for whatever is no valid message by RFC 4861 sections 7.1.1 and 7.1.2.
func parse(packet []byte) (Message, bool) {
	if len(packet) < headerSize+messageSize || packet[0]>>4 != 6 || packet[6] != protocol || packet[7] != hopLimit {
		return Message{}, false
	}
	length := int(binary.BigEndian.Uint16(packet[payloadOffset:]))
	if length < messageSize || headerSize+length > len(packet) {
		return Message{}, false
	}
	body := packet[headerSize : headerSize+length]
	if kind := body[0]; kind != Solicitation && kind != Advertisement || body[1] != 0 || checksum(packet[:headerSize], body) != 0 {
		return Message{}, false
	}
	m := Message{
		Kind: body[0], Source: address(packet[8:]), Destination: address(packet[24:]), Target: address(body[8:]),
	}
	if m.Kind == Advertisement {
		m.Flags = body[4]
	}
	var ok bool
	if m.MAC, ok = linkLayer(m.Kind, body[messageSize:]); !ok || m.Target.IsMulticast() {
		return Message{}, false
	}
	if m.Source.IsUnspecified() && (m.Kind == Advertisement || m.MAC != nil) {
		return Message{}, false
	}
	return m, true
}

func address(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b[:16])) }

// linkLayer finds the Ethernet address among the options; false: the options are broken.
func linkLayer(kind byte, options []byte) (mac net.HardwareAddr, ok bool) {
	wanted := byte(sourceOption)
	if kind == Advertisement {
		wanted = targetOption
	}
	for len(options) > 0 {
		if len(options) < 2 || options[1] == 0 || int(options[1])*8 > len(options) {
			return nil, false
		}
		size := int(options[1]) * 8
		if options[0] == wanted && size == optionSize {
			mac = net.HardwareAddr(append([]byte(nil), options[2:8]...))
		}
		options = options[size:]
	}
	return mac, true
}

// checksum is that of RFC 4443 section 2.3; over a message that carries it, it is 0.
func checksum(header, body []byte) uint16 {
	sum := uint32(len(body)) + protocol //nolint:gosec // a packet's size
	add := func(b []byte) {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		if len(b)%2 == 1 {
			sum += uint32(b[len(b)-1]) << 8
		}
	}
	add(header[8:40])
	add(body)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum) //nolint:gosec // folded
}
