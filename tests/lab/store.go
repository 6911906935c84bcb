package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/storeward/storeward/tests/fakes/serialline"
)

// SerialBaud is the rate of the nodes' serial cable, unless somebody sets another.
const SerialBaud = 115200

// Last bytes of the addresses on a store's LAN, 10.77.STORE.0/24.
const (
	tillHost    = 50
	vipHost     = 100 // the first virtual IP is .101
	upsHost     = 10  // the card of the UPS that feeds node 1 is .11
	gatewayHost = 254
)

// Names of a store's own namespaces' interfaces.
const (
	lanBridge = "lan"
	wanPort   = "wan"
)

// Store is one store: two nodes, a UPS each, a switch that is also the router,
// and a till.
type Store struct {
	Number int
	Name   string // "s1"
	Nodes  []*Node
	UPSes  []*UPS // the UPS at index i feeds the node at index i
	Till   *Space
	Serial *serialline.Line // the null-modem cable between the nodes

	lab    *Lab
	router *Space // switch and gateway
	patch  *Space // the cross-over cable, so that cutting it touches neither node
	cards  *Space // the UPSes' network cards

	mu  sync.Mutex
	cut map[string]bool // links cut on purpose
}

// nodeNames are the nodes of every store.
var nodeNames = []string{"alpha", "beta"}

func (s *Store) addressOf(host int) string { return fmt.Sprintf("10.77.%d.%d", s.Number, host) }

// VIP is the store's nth virtual IP, counted from 1.
func (s *Store) VIP(n int) string { return s.addressOf(vipHost + n) }

// TillAddress is the till's on the LAN.
func (s *Store) TillAddress() string { return s.addressOf(tillHost) }

// Gateway is what the nodes' ping group may name.
func (s *Store) Gateway() string { return s.addressOf(gatewayHost) }

// Node returns a node by its name.
func (s *Store) Node(name string) *Node {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Peer returns the other node.
func (s *Store) Peer(n *Node) *Node { return s.Nodes[2-n.number] }

func lanPort(node string) string   { return "lan-" + node }
func cablePort(node string) string { return "x-" + node }

// newStore makes the namespaces, the wires and the folders of a store.
func newStore(l *Lab, number int) (*Store, error) {
	s := &Store{Number: number, Name: fmt.Sprintf("s%d", number), lab: l, cut: map[string]bool{}}
	for _, part := range []struct {
		name  string
		place **Space
	}{{"router", &s.router}, {"cable", &s.patch}, {"ups", &s.cards}, {"till", &s.Till}} {
		space, err := l.space(s.Name + "-" + part.name)
		if err != nil {
			return nil, err
		}
		*part.place = space
	}
	for i, name := range nodeNames {
		node, err := s.newNode(name, i+1)
		if err != nil {
			return nil, err
		}
		s.Nodes = append(s.Nodes, node)
	}
	line, err := serialline.New(serialline.Behaviour{Baud: SerialBaud})
	if err != nil {
		return nil, fmt.Errorf("lay the serial cable of %s: %w", s.Name, err)
	}
	s.Serial = line
	l.AtDown(line.Close)
	if err := s.lay(); err != nil {
		return nil, fmt.Errorf("lay the network of %s: %w", s.Name, err)
	}
	for _, node := range s.Nodes {
		ups, err := newUPS(s, node)
		if err != nil {
			return nil, err
		}
		s.UPSes = append(s.UPSes, ups)
		if l.Watchdog > 0 {
			if err := startWatchdog(node, l.Watchdog); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *Store) newNode(name string, number int) (*Node, error) {
	space, err := s.lab.space(s.Name + "-" + name)
	if err != nil {
		return nil, err
	}
	n := &Node{Store: s, Name: name, Space: space, number: number, dir: filepath.Join(s.lab.DataDir(), s.Name, name)}
	for _, folder := range []string{n.Etc(), n.Disk(), n.Logs(), filepath.Join(n.dir, "root")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// lay wires everything: LAN, cross-over, WAN.
func (s *Store) lay() error {
	var crossOver, lan []string
	for _, node := range s.Nodes {
		if err := wire(s.patch, cablePort(node.Name), node.Space, Cable); err != nil {
			return err
		}
		crossOver = append(crossOver, cablePort(node.Name))
		if err := wire(s.router, lanPort(node.Name), node.Space, LAN); err != nil {
			return err
		}
		lan = append(lan, lanPort(node.Name))
	}
	for name, space := range map[string]*Space{"ups": s.cards, "till": s.Till} {
		if err := wire(s.router, lanPort(name), space, LAN); err != nil {
			return err
		}
		lan = append(lan, lanPort(name))
	}
	if err := bridge(s.patch, "cable", crossOver...); err != nil {
		return err
	}
	if err := bridge(s.router, lanBridge, lan...); err != nil {
		return err
	}
	return s.number()
}

// number gives the store's fixed parts their addresses and routes.
func (s *Store) number() error {
	wan := fmt.Sprintf("10.79.0.%d", s.Number)
	return errors.Join(
		wire(s.lab.HQ, "store-"+s.Name, s.router, wanPort),
		plug(s.lab.HQ, wanBridge, "store-"+s.Name),
		address(s.router, lanBridge, s.Gateway()+"/24"),
		address(s.router, wanPort, wan+"/24"),
		forward(s.router),
		address(s.cards, LAN, s.addressOf(upsHost+1)+"/24", s.addressOf(upsHost+2)+"/24"),
		route(s.cards, "", s.Gateway()),
		address(s.Till, LAN, s.TillAddress()+"/24"),
		route(s.Till, "", s.Gateway()),
		route(s.lab.HQ, fmt.Sprintf("10.77.%d.0/24", s.Number), wan),
	)
}

// setPort turns a port of the switch. It cannot fail while the lab stands, so a failure is only told.
func (s *Store) setPort(port string, up bool) {
	if err := setLink(s.router, port, up); err != nil {
		s.lab.Log.WithError(err).WithField("link", port).Error("port not switched")
	}
}

// updateCables sets every port to what it must be: a cable carries only when
// nobody cut it and both its ends have power.
func (s *Store) updateCables() {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := !s.cut["cable"] && s.Nodes[0].Alive() && s.Nodes[1].Alive()
	for _, node := range s.survivorFirst() {
		if err := setLink(s.patch, cablePort(node.Name), whole); err != nil {
			s.lab.Log.WithError(err).WithField("link", cablePort(node.Name)).Error("port not switched")
		}
	}
	for _, node := range s.Nodes {
		s.setPort(lanPort(node.Name), node.Alive() && !s.cut[node.Name])
	}
	b := s.Serial.Behaviour()
	b.Cut = s.cut["serial"]
	s.Serial.Set(b)
	for _, ups := range s.UPSes {
		if ups.Cable != nil {
			b := ups.Cable.Behaviour()
			b.Cut = s.cut[serialCut+ups.node.Name]
			ups.Cable.Set(b)
		}
	}
	if err := setLink(s.lab.HQ, "store-"+s.Name, !s.cut["wan"]); err != nil {
		s.lab.Log.WithError(err).WithField("link", "wan").Error("port not switched")
	}
}

// survivorFirst orders the nodes so that a living one learns first that its cable is dead.
func (s *Store) survivorFirst() []*Node {
	if s.Nodes[1].Alive() {
		return []*Node{s.Nodes[1], s.Nodes[0]}
	}
	return s.Nodes
}

// linkNames are the links of a store, for people.
const linkNames = "cable, serial, wan, lan-alpha, lan-beta, ups-alpha, ups-beta"

// serialCut begins the name of the serial cable to the UPS that feeds a node.
const serialCut = "ups-"

// setCut cuts or mends a link.
func (s *Store) setCut(link string, cut bool) error {
	key, err := s.cutKey(link)
	if err == nil && key == "serial" && (cut || !s.isCut(key)) { // one that was cut while it was used can be mended
		err = s.serialUsed()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.cut[key] = cut
	s.mu.Unlock()
	s.updateCables()
	return nil
}

func (s *Store) isCut(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut[key]
}

// cutKey is where a link stands in Store.cut: cable, serial, wan; the LAN port of a
// node as lan-alpha or just alpha; the serial cable to its UPS, where it has one.
func (s *Store) cutKey(link string) (string, error) {
	if link == "cable" || link == "serial" || link == "wan" {
		return link, nil
	}
	if name := strings.TrimPrefix(link, "lan-"); s.Node(name) != nil {
		return name, nil
	}
	node := s.Node(strings.TrimPrefix(link, serialCut))
	switch {
	case node == nil:
		return "", fmt.Errorf("no link %q in store %s: there are %s", link, s.Name, linkNames)
	case node.UPS().Cable == nil:
		return "", fmt.Errorf("the UPS of %s has no serial cable; it is reached over the LAN", node.ID())
	}
	return link, nil
}

// serialUsed returns an error while no node has its end of the serial cable open: what is done to it would do nothing.
func (s *Store) serialUsed() error {
	if s.Serial.Opened(0) || s.Serial.Opened(1) {
		return nil
	}
	return fmt.Errorf("no node of store %s uses its serial cable", s.Name)
}
