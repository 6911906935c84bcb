package lab

import (
	"net"

	"github.com/storeward/storeward/tests/fakes/upssim"
)

// What the simulated UPSes ask for before they obey: a community by SNMP v1 and
// v2c, a user with authPriv by v3 (SHA-256, AES-128).
const (
	WriteCommunity  = "private"
	WriteUser       = "storeward"
	AuthPassword    = "authentic-in-the-lab"
	PrivacyPassword = "private-in-the-lab"
)

// Fence says what feeds a node. The zero value is a UPS of RFC 1628.
type Fence struct {
	// Kind is one of upssim.Kinds.
	Kind string
	// Outlets are the outlets that the node's power supplies hang on, counted from 1,
	// for a kind with outlets: it runs while one of them is on. Empty: outlet 1.
	Outlets []int
}

// UPS is the simulated power supply of one node: its card answers SNMP on the
// store's LAN, also while the node it feeds is dark.
type UPS struct {
	*upssim.Device
	Address string // host:port of its card
	node    *Node
	card    net.PacketConn
	served  chan error
}

// supply is what hangs on the UPS's output.
type supply struct{ node *Node }

func (s supply) Off() error { return s.node.kill() }
func (s supply) On() error  { return s.node.boot() }

func newUPS(s *Store, node *Node) (*UPS, error) {
	fence := s.lab.Fences[node.Name]
	device, err := upssim.NewDevice(upssim.Options{
		Name: "ups-" + node.Name, Kind: fence.Kind, Feeds: fence.Outlets,
		Supply: supply{node}, Log: s.lab.Log.WithField("store", s.Name),
	})
	if err != nil {
		return nil, err
	}
	u := &UPS{
		Device: device, Address: net.JoinHostPort(s.addressOf(upsHost+node.number), "161"),
		node: node, served: make(chan error, 1),
	}
	if u.card, err = s.cards.ListenPacket("udp4", u.Address); err != nil {
		return nil, err
	}
	agent := upssim.NewAgent(u.Device, upssim.Access{Write: WriteCommunity, Users: []upssim.User{{
		Name: WriteUser, Auth: "sha256", AuthPassword: AuthPassword, Privacy: "aes", PrivacyPassword: PrivacyPassword, Write: true,
	}}})
	go func() { u.served <- agent.Serve(u.card) }()
	return u, nil
}

// UPS returns the UPS that feeds the node.
func (n *Node) UPS() *UPS { return n.Store.UPSes[n.number-1] }

// Kill cuts the node's power behind the UPS, as a failed power supply does: the
// UPS's output stays on.
func (n *Node) Kill() error { return n.kill() }

// PowerOn gives the node power: the UPS's output is switched on where it is off.
func (n *Node) PowerOn() error {
	if ups := n.UPS(); !ups.On() {
		return ups.Switch(true)
	}
	return n.boot()
}

func (u *UPS) close() error {
	u.Close()
	u.card.Close()
	return <-u.served
}
