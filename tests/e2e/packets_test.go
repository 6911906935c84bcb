package e2e

import (
	"fmt"
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
	s.send(active, victim, []byte("I am alpha, trust me"))
	forged := append([]byte(nil), old...)
	forged[len(forged)/2] ^= 1
	s.send(active, victim, forged)
	s.send(active, victim, old)
	s.eventually(10*time.Second, "the packets are counted", func() (string, bool) {
		now := s.lan(victim)
		counted := dropped(now) - dropped(before)
		return fmt.Sprintf("%d counted", counted), counted >= 3
	})
	if s.whole() != active || s.Store.Nodes[0].Boots() != 1 || s.Store.Nodes[1].Boots() != 1 {
		t.Error("strange packets moved the store")
	}
}

func dropped(l *api.LinkStatus) uint64 {
	return l.GetDroppedForged() + l.GetDroppedReplayed() + l.GetDroppedForeign()
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

// captureBeat takes one beat off the LAN as the node sends it.
func (s *store) captureBeat(from *lab.Node) []byte {
	s.t.Helper()
	conn, err := from.Space.ListenPackets(lab.LAN)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	frame := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(frame)
		if err != nil {
			s.t.Fatal("no beat on the LAN:", err)
		}
		_ = from.(*packet.Addr)
		// Ethernet 14, IPv4 20, UDP 8: protocol at 23, destination port at 36.
		if n > 42 && frame[23] == 17 && int(frame[36])<<8|int(frame[37]) == beatPort {
			return append([]byte(nil), frame[42:n]...)
		}
	}
}

// send sends a datagram from one node's own address to the other's link.
func (s *store) send(from, to *lab.Node, data []byte) {
	s.t.Helper()
	conn, err := from.Space.Dial(s.t.Context(), "udp4", fmt.Sprintf("%s:%d", to.Address(), beatPort))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		s.t.Fatal(err)
	}
}
