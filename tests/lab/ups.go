package lab

import (
	"net"

	"github.com/storeward/storeward/tests/fakes/upssim"
)

// WriteCommunity is what the simulated UPSes ask for before they obey.
const WriteCommunity = "private"

// UPS is the simulated UPS of one node: its card answers SNMP on the store's
// LAN, also while the node it feeds is dark.
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
	name := "ups-" + node.Name
	u := &UPS{
		Device:  upssim.NewDevice(name, supply{node}, s.lab.Log.WithField("store", s.Name)),
		Address: net.JoinHostPort(s.addressOf(upsHost+node.number), "161"),
		node:    node, served: make(chan error, 1),
	}
	var err error
	if u.card, err = s.cards.ListenPacket("udp4", u.Address); err != nil {
		return nil, err
	}
	go func() { u.served <- upssim.NewAgent(u.Device, WriteCommunity).Serve(u.card) }()
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
