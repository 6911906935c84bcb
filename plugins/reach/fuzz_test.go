package reach

import (
	"net"
	"net/netip"
	"testing"
)

// FuzzPackets: whatever arrives is an answer of the target asked, or none.
func FuzzPackets(f *testing.F) {
	own := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	target := netip.MustParseAddr("10.0.0.2")
	f.Add(request(own, target, netip.MustParseAddr("10.0.0.1")))
	f.Add([]byte{0, 0, 0, 0, 1, 2, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if sender, ok := answerOf(data, own); ok && !sender.Is4() {
			t.Errorf("an ARP answer of %s", sender)
		}
		e := &echo{target: target, raw: true, id: 0x0102}
		if e.isAnswer(data, &net.IPAddr{IP: net.IPv4(10, 0, 0, 3)}) {
			t.Error("an answer of somebody else counts")
		}
		if e.isAnswer(data, &net.IPAddr{IP: net.IPv4(10, 0, 0, 2)}) && (data[4] != 1 || data[5] != 2) {
			t.Error("the answer to somebody else counts")
		}
	})
}
