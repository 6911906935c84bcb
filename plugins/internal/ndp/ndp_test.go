package ndp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	own    = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	target = netip.MustParseAddr("2001:db8::101")
)

func TestSolicitedNode(t *testing.T) {
	// The example of RFC 4291, section 2.7.1.
	if got := SolicitedNode(netip.MustParseAddr("4037::01:800:200e:8c6c")); got != netip.MustParseAddr("ff02::1:ff0e:8c6c") {
		t.Errorf("got %s", got)
	}
}

func TestMessagesSurviveTheWire(t *testing.T) {
	for name, m := range map[string]Message{
		"a duplicate address check": {Kind: Solicitation, Source: netip.IPv6Unspecified(), Destination: SolicitedNode(target), Target: target},
		"a question":                {Kind: Solicitation, Source: netip.MustParseAddr("fe80::1"), Destination: SolicitedNode(target), Target: target, MAC: own},
		"an announcement":           {Kind: Advertisement, Source: target, Destination: allNodes, Target: target, MAC: own, Flags: override},
	} {
		packet := m.marshal()
		got, ok := parse(packet)
		if diff := cmp.Diff(m, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); !ok || diff != "" {
			t.Errorf("%s: %v %s", name, ok, diff)
		}
		for i := range len(packet) * 8 {
			if bit := i / 8; bit == 1 || bit == 2 || bit == 3 || bit == 0 && i%8 < 4 {
				continue // traffic class and flow label are nobody's business
			}
			bad := bytes.Clone(packet)
			bad[i/8] ^= 1 << (i % 8)
			if _, ok := parse(bad); ok {
				t.Errorf("%s: bit %d was changed and nobody noticed", name, i)
			}
		}
	}
}

func TestClaims(t *testing.T) {
	elsewhere := netip.MustParseAddr("2001:db8::9")
	for name, c := range map[string]struct {
		m    Message
		want bool
	}{
		"its owner":               {Message{Kind: Advertisement, Source: target, Target: target}, true},
		"who is about to take it": {Message{Kind: Solicitation, Source: netip.IPv6Unspecified(), Target: target}, true},
		"who asks for it":         {Message{Kind: Solicitation, Source: elsewhere, Target: target}, false},
		"another address":         {Message{Kind: Advertisement, Source: elsewhere, Target: elsewhere}, false},
	} {
		if got := c.m.Claims(target); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzParse: whatever arrives is a valid message or none.
func FuzzParse(f *testing.F) {
	f.Add(Message{Kind: Advertisement, Source: target, Destination: allNodes, Target: target, MAC: own}.marshal())
	f.Add(make([]byte, headerSize+messageSize))
	f.Fuzz(func(t *testing.T, packet []byte) {
		m, ok := parse(packet)
		if ok && (m.Target.IsMulticast() || m.Kind != Solicitation && m.Kind != Advertisement || m.MAC != nil && len(m.MAC) != 6) {
			t.Errorf("%+v", m)
		}
	})
}
