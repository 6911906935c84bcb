package lab

import (
	"errors"
	"net"
	"os"

	"github.com/storeward/storeward/tests/fakes/serialline"
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
	// Serial is one of upssim.Serials, for a UPS that also has a serial port: its cable
	// goes to the node's peer. Empty: it has none.
	Serial string
}

// UPSBaud is the rate of the cable to a UPS's serial port.
const UPSBaud = 2400

// UPS is the simulated power supply of one node: its card answers SNMP on the
// store's LAN, also while the node it feeds is dark.
type UPS struct {
	*upssim.Device
	Address string // host:port of its card
	node    *Node
	card    net.PacketConn
	served  chan error

	// Cable goes from the serial port to the node's peer; nil where the UPS has none.
	Cable      *serialline.Line
	port       *os.File // the UPS's end
	portServed chan error
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
	if fence.Serial == "" {
		return u, nil
	}
	return u, u.layCable(fence.Serial)
}

// layCable connects the UPS's serial port with the port of its node's peer.
func (u *UPS) layCable(protocol string) (err error) {
	if u.Cable, err = serialline.New(serialline.Behaviour{Baud: UPSBaud}); err != nil {
		return err
	}
	if u.port, err = u.Cable.Plug(1); err != nil {
		return err
	}
	port, err := upssim.NewSerialPort(u.Device, protocol, u.port)
	if err != nil {
		return err
	}
	u.portServed = make(chan error, 1)
	go func() { u.portServed <- port.Serve() }()
	return nil
}

// SerialPort is the peer's end of the cable, as the peer sees it.
func (u *UPS) SerialPort() string { return u.Cable.Port(0) }

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
	errs := []error{<-u.served}
	if u.Cable != nil {
		u.port.Close()
		if u.portServed != nil {
			errs = append(errs, <-u.portServed)
		}
		errs = append(errs, u.Cable.Close())
	}
	return errors.Join(errs...)
}
