package vip

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/ndp"
)

const virtual = "2001:db8::101"

// newWorld6 is the world with IPv6 on both ends of the cable.
func newWorld6(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.address("lan0", "2001:db8::1/64")
	w.there(func() { w.address("lan1", "2001:db8::2/64") })
	return w
}

func openTest6(t *testing.T) *instance {
	t.Helper()
	return openTest(t, func(c *Config) { c.Address = virtual + "/64" })
}

// knows returns the MAC that the neighbour has for the virtual address.
func (w *world) knows() string {
	w.t.Helper()
	mac := ""
	w.there(func() {
		lan1, err := netlink.LinkByName("lan1")
		if err != nil {
			w.t.Fatal(err)
		}
		list, err := netlink.NeighList(lan1.Attrs().Index, netlink.FAMILY_V6)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, n := range list {
			if n.IP.String() == virtual {
				mac = n.HardwareAddr.String()
			}
		}
	})
	return mac
}

// The neighbour holds the address of the node that had the virtual one before: it
// learns at once who has it now.
func TestIPv6IsAnnouncedAndRemoved(t *testing.T) {
	w := newWorld6(t)
	former := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	w.there(func() {
		lan1, err := netlink.LinkByName("lan1")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.NeighSet(&netlink.Neigh{
			LinkIndex: lan1.Attrs().Index, Family: netlink.FAMILY_V6, State: unix.NUD_REACHABLE, IP: net.ParseIP(virtual), HardwareAddr: former,
		}); err != nil {
			t.Fatal(err)
		}
	})
	if w.knows() != former.String() {
		t.Fatalf("the neighbour knows %q", w.knows())
	}
	v := openTest6(t)
	for range 2 {
		if err := v.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	limit, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for own := w.mac("lan0").String(); w.knows() != own; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the neighbour still knows %s, not %s", w.knows(), own)
		}
	}
	if state := running(t, v); !state.Running || state.Status != sdk.OK {
		t.Errorf("state %+v", state)
	}
	for range 2 {
		if err := v.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.addresses(); got[virtual+"/64"] || !got["2001:db8::1/64"] || !got["192.0.2.1/24"] {
		t.Errorf("addresses after the stop: %v", got)
	}
	if running(t, v).Running {
		t.Error("runs after its stop")
	}
}

// A service can listen on it at once, and the node's own connections do not use it.
func TestIPv6IsUsableAtOnceAndNotPreferred(t *testing.T) {
	newWorld6(t)
	v := openTest6(t)
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	service, err := net.Listen("tcp", "["+virtual+"]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	own, err := net.Dial("udp", "[2001:db8::2]:9")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if from := own.LocalAddr().(*net.UDPAddr).IP.String(); from != "2001:db8::1" {
		t.Errorf("connections come from %s", from)
	}
}

func TestIPv6DuplicateIsRefused(t *testing.T) {
	w := newWorld6(t)
	var mac string
	w.there(func() {
		w.address("lan1", virtual+"/64")
		mac = w.mac("lan1").String()
	})
	if err := openTest6(t).Start(t.Context()); err == nil || !strings.Contains(err.Error(), mac) {
		t.Errorf("error %v lacks %s", err, mac)
	}
	if w.addresses()[virtual+"/64"] {
		t.Error("a stranger's address was taken")
	}
}

// Somebody who is about to take the same address asks the same question.
func TestIPv6WhoAsksTheSameIsADuplicate(t *testing.T) {
	w := newWorld6(t)
	var rival *ndp.Socket
	w.there(func() {
		device, err := net.InterfaceByName("lan1")
		if err != nil {
			t.Fatal(err)
		}
		if rival, err = ndp.Open(device); err != nil {
			t.Fatal(err)
		}
		if err := rival.Join(netip.MustParseAddr(virtual)); err != nil {
			t.Fatal(err)
		}
	})
	defer rival.Close()
	heard := make(chan error, 1)
	go func() {
		_ = rival.SetDeadline(time.Now().Add(5 * time.Second))
		for {
			m, _, err := rival.Receive()
			if err != nil {
				heard <- err
				return
			}
			if m.Claims(netip.MustParseAddr(virtual)) {
				heard <- rival.Solicit(netip.MustParseAddr(virtual), netip.IPv6Unspecified())
				return
			}
		}
	}()
	v := openTest(t, func(c *Config) {
		c.Address, c.Probe = virtual+"/64", Probe{Count: 1, Wait: sdk.Duration(2 * time.Second)}
	})
	if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "answers for this address") {
		t.Errorf("error %v", err)
	}
	if err := <-heard; err != nil {
		t.Errorf("our own question was not heard: %v", err)
	}
}

func TestIPv6Conformance(t *testing.T) {
	newWorld6(t)
	sdktest.Run(t, sdktest.Case{
		Plugin:   New(),
		Config:   "address: " + virtual + "/64\ninterface: lan0\nannounce: {count: 2, every: 10ms}\nprobe: {count: 1, wait: 10ms}\n",
		Resource: true,
	})
}

func TestIPv6AsTheKernelHasIt(t *testing.T) {
	w := newWorld6(t)
	v := openTest6(t)
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := netlink.AddrList(w.lan0, netlink.FAMILY_V6)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.IP.String() == virtual && (a.Flags&unix.IFA_F_TENTATIVE != 0 || a.Flags&unix.IFA_F_DEPRECATED == 0 || a.Label != "") {
			t.Errorf("the kernel has it as %+v", a)
		}
	}
}
