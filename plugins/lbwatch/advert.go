package lbwatch

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// VRRP, RFC 5798 (version 3, IPv4 and IPv6) and RFC 3768 (version 2, IPv4).
const (
	vrrpProtocol  = 112
	vrrpTTL       = 255 // anything else came through a router
	vrrpHeader    = 8
	advertisement = 1
)

// advert is one advertisement: its sender says that it is the master.
type advert struct {
	source    netip.Addr
	version   int
	id        int
	priority  int           // 255 owns the addresses; 0 gives them up
	interval  time.Duration // between two of its advertisements
	addresses []netip.Addr
}

// down is how long after an advertisement its sender counts as gone: the master down
// interval of RFC 5798 section 6.1 and RFC 3768 section 6.1.
func (a *advert) down() time.Duration {
	skew := time.Duration(256-a.priority) * a.interval / 256
	if a.version == 2 {
		skew = time.Duration(256-a.priority) * time.Second / 256
	}
	return 3*a.interval + skew
}

// parseAdvert reads an IP packet; false if it is no valid advertisement.
func parseAdvert(packet []byte) (advert, bool) {
	var source, destination netip.Addr
	var body []byte
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		header, total := int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
		fragmented := binary.BigEndian.Uint16(packet[6:])&0x3fff != 0
		if header < 20 || total < header || total > len(packet) || fragmented || packet[8] != vrrpTTL || packet[9] != vrrpProtocol {
			return advert{}, false
		}
		source, destination = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
		body = packet[header:total]
	case len(packet) >= 40 && packet[0]>>4 == 6:
		length := int(binary.BigEndian.Uint16(packet[4:]))
		if 40+length > len(packet) || packet[6] != vrrpProtocol || packet[7] != vrrpTTL {
			return advert{}, false
		}
		source, destination = netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
		body = packet[40 : 40+length]
	default:
		return advert{}, false
	}
	return parseBody(source, destination, body)
}

func parseBody(source, destination netip.Addr, body []byte) (advert, bool) {
	if len(body) < vrrpHeader || body[0]&15 != advertisement {
		return advert{}, false
	}
	a := advert{source: source, version: int(body[0] >> 4), id: int(body[1]), priority: int(body[2])}
	switch {
	case a.version == 2 && source.Is4():
		a.interval = time.Duration(body[5]) * time.Second
	case a.version == 3:
		a.interval = time.Duration(binary.BigEndian.Uint16(body[4:])&0x0fff) * 10 * time.Millisecond
	default:
		return advert{}, false
	}
	size, count := source.BitLen()/8, int(body[3])
	if len(body) < vrrpHeader+count*size || a.id == 0 || a.interval == 0 || !summed(source, destination, body) {
		return advert{}, false
	}
	for i := range count {
		address, _ := netip.AddrFromSlice(body[vrrpHeader+i*size : vrrpHeader+(i+1)*size])
		a.addresses = append(a.addresses, address)
	}
	return a, true
}

// summed verifies the checksum. In IPv6 it covers the pseudo header too; in version 3
// for IPv4 some routers sum it in and others do not (RFC 5798 section 5.2.8 can be
// read both ways).
func summed(source, destination netip.Addr, body []byte) bool {
	plain := sum(0, body)
	pseudo := sum(sum(uint32(len(body))+vrrpProtocol, source.AsSlice()), destination.AsSlice()) //nolint:gosec // a packet's size
	whole := fold(plain + pseudo)
	return whole == 0xffff || source.Is4() && fold(plain) == 0xffff
}

func sum(total uint32, b []byte) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		total += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		total += uint32(b[len(b)-1]) << 8
	}
	return total
}

func fold(total uint32) uint32 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return total
}
