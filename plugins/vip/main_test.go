package vip

import (
	"net"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/plugins/internal/sandbox"
)

// TestMain: calls through gRPC run on any thread, so the whole process gets a network namespace.
func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Network) }

// world is this process's namespace with lan0, and a neighbour's with lan1, joined by a cable.
type world struct {
	t         *testing.T
	neighbour netns.NsHandle
	lan0      netlink.Link
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sandbox.Need(t)
	w := &world{t: t}
	w.neighbour = newNamespace(t)
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lan0"}, PeerName: "lan1", PeerNamespace: netlink.NsFd(w.neighbour)}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(veth) })
	w.lan0 = w.up("lan0")
	w.address("lan0", "192.0.2.1/24")
	w.there(func() {
		w.up("lan1")
		w.address("lan1", "192.0.2.2/24")
	})
	return w
}

// newNamespace makes a namespace that nothing but its handle keeps.
func newNamespace(t *testing.T) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = home.Close() }()
	made, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	return made
}

// there runs something as the neighbour.
func (w *world) there(do func()) {
	w.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = home.Close() }()
	if err := netns.Set(w.neighbour); err != nil {
		w.t.Fatal(err)
	}
	do()
	if err := netns.Set(home); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) up(name string) netlink.Link {
	w.t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		w.t.Fatal(err)
	}
	return link
}

func (w *world) address(name, cidr string) {
	w.t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		w.t.Fatal(err)
	}
	address, err := netlink.ParseAddr(cidr)
	if err != nil {
		w.t.Fatal(err)
	}
	if address.IP.To4() == nil {
		address.Flags = unix.IFA_F_NODAD // used at once
	}
	if err := netlink.AddrAdd(link, address); err != nil {
		w.t.Fatal(err)
	}
}

// addresses lists what lan0 carries.
func (w *world) addresses() map[string]bool {
	w.t.Helper()
	list, err := netlink.AddrList(w.lan0, netlink.FAMILY_ALL)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, a := range list {
		if !a.IP.IsLinkLocalUnicast() {
			out[a.IPNet.String()] = true
		}
	}
	return out
}

// listen opens the neighbour's ear for ARP.
func (w *world) listen() *arpSegment {
	w.t.Helper()
	var ear *arpSegment
	w.there(func() {
		var err error
		if ear, err = openARP("lan1"); err != nil {
			w.t.Fatal(err)
		}
	})
	w.t.Cleanup(ear.close)
	return ear
}

func (w *world) mac(name string) net.HardwareAddr {
	w.t.Helper()
	iface, err := net.InterfaceByName(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return iface.HardwareAddr
}
