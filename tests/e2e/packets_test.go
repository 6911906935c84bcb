package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/packet"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// TestM2ForgedAndReplayedBeatsAreDropped: whoever sits on the LAN can neither
// pretend to be a node nor repeat what one said.
func TestM2ForgedAndReplayedBeatsAreDropped(t *testing.T) {
	s := open(t, harness.Options{})
	active := s.whole()
	victim := s.Store.Peer(active)
	old := s.captureBeat(active)
	s.never(time.Second, "", func() bool { return false }) // let the captured beat grow old

	before := s.lan(victim)
	forged := old.beat()
	forged[len(forged)/2] ^= 1
	for _, data := range [][]byte{[]byte("I am alpha, trust me"), forged, old.beat()} {
		s.send(active, old.with(data))
	}
	s.eventually(10*time.Second, "the packets are counted, each as what it is", func() (string, bool) {
		now := s.lan(victim)
		forged, replayed := now.GetDroppedForged()-before.GetDroppedForged(), now.GetDroppedReplayed()-before.GetDroppedReplayed()
		return fmt.Sprintf("%d forged, %d replayed", forged, replayed), forged >= 2 && replayed >= 1
	})
	if s.whole() != active || s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("strange packets moved the store")
	}
}

func (s *store) lan(n *lab.Node) *api.LinkStatus {
	s.t.Helper()
	for _, l := range s.state(n).GetLinks() {
		if l.GetName() == "lan" {
			return l
		}
	}
	s.t.Fatal("no link lan")
	return nil
}

// beatPort is where the links of the harness's configuration talk.
const beatPort = 694

// frame is a beat as it went over the LAN: Ethernet (14 bytes), IPv4 (20), UDP (8), beat.
type frame []byte

const (
	ipAt   = 14
	udpAt  = ipAt + 20
	beatAt = udpAt + 8
)

func (f frame) beat() []byte { return bytes.Clone(f[beatAt:]) }

// with is the same frame with something else in the beat's place. It has the sender's own
// address and port: the plugin drops any other.
func (f frame) with(data []byte) frame {
	out := append(bytes.Clone(f[:beatAt]), data...)
	ip, udp := out[ipAt:udpAt], out[udpAt:beatAt]
	binary.BigEndian.PutUint16(ip[2:], uint16(len(out)-ipAt))
	binary.BigEndian.PutUint16(ip[10:], 0)
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
	binary.BigEndian.PutUint16(udp[4:], uint16(len(out)-udpAt))
	binary.BigEndian.PutUint16(udp[6:], 0) // no checksum, RFC 768
	return out
}

// captureBeat takes one beat off the LAN as the node sends it.
func (s *store) captureBeat(from *lab.Node) frame {
	s.t.Helper()
	conn, err := from.Space.ListenPackets(lab.LAN)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	own := netip.MustParseAddr(from.Address()).As4()
	buffer := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			s.t.Fatal("no beat on the LAN:", err)
		}
		f := frame(buffer[:n])
		if n > beatAt && f[ipAt] == 0x45 && f[ipAt+9] == 17 && bytes.Equal(f[ipAt+12:ipAt+16], own[:]) &&
			binary.BigEndian.Uint16(f[udpAt+2:]) == beatPort {
			return bytes.Clone(f[:ipAt+int(binary.BigEndian.Uint16(f[ipAt+2:]))]) // without what Ethernet added
		}
	}
}

// send puts a frame on the LAN at a node.
func (s *store) send(from *lab.Node, f frame) {
	s.t.Helper()
	conn, err := from.Space.ListenPackets(lab.LAN)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.WriteTo(f, &packet.Addr{HardwareAddr: net.HardwareAddr(f[:6])}); err != nil {
		s.t.Fatal(err)
	}
}
