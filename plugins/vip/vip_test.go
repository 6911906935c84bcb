package vip

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
)

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func openTest(t *testing.T, change func(*Config)) *instance {
	t.Helper()
	cfg := DefaultConfig().(*Config)
	cfg.Address, cfg.Interface = "192.0.2.101/24", "lan0"
	cfg.Announce = Announce{Count: 3, Every: sdk.Duration(10 * time.Millisecond)}
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	got, err := open(t.Context(), sdk.Env{Instance: "vip-db", Log: quiet()}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = got.Close() })
	return got.(*instance)
}

func running(t *testing.T, v *instance) sdk.State {
	t.Helper()
	state, err := v.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestStartAnnouncesAndStopRemoves(t *testing.T) {
	w := newWorld(t)
	ear := w.listen()
	v := openTest(t, nil)
	if running(t, v).Running {
		t.Fatal("runs before its start")
	}
	for range 2 {
		if err := v.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if state := running(t, v); !state.Running || state.Status != sdk.OK {
		t.Errorf("state %+v", state)
	}
	if !w.addresses()["192.0.2.101/24"] {
		t.Errorf("addresses %v", w.addresses())
	}
	requests, replies := hear(t, ear, netip.MustParseAddr("192.0.2.101"), 3)
	if requests < 3 || replies < 3 {
		t.Errorf("heard %d announcements as request and %d as reply, want 3", requests, replies)
	}
	for range 2 {
		if err := v.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.addresses(); len(got) != 1 || !got["192.0.2.1/24"] {
		t.Errorf("addresses after the stop: %v", got)
	}
}

// hear counts announcements of both forms until enough of both came or none comes any more.
func hear(t *testing.T, ear *arpSegment, address netip.Addr, enough int) (requests, replies int) {
	t.Helper()
	if err := ear.conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 256)
	for requests < enough || replies < enough {
		n, _, err := ear.conn.ReadFrom(buffer)
		if err != nil {
			return requests, replies
		}
		a, ok := parseARP(buffer[:n])
		switch {
		case !ok || a.senderIP != address || a.targetIP != address:
		case a.operation == arpRequest:
			requests++
		case a.operation == arpReply:
			replies++
		}
	}
	return requests, replies
}

func TestDuplicateIsRefused(t *testing.T) {
	w := newWorld(t)
	var mac string
	w.there(func() {
		w.address("lan1", "192.0.2.101/24")
		mac = w.mac("lan1").String()
	})
	v := openTest(t, nil)
	err := v.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), mac) {
		t.Errorf("error %v lacks %s", err, mac)
	}
	if w.addresses()["192.0.2.101/24"] {
		t.Error("a stranger's address was taken")
	}
}

func TestAddressOfAnotherInterfaceIsRefused(t *testing.T) {
	w := newWorld(t)
	spare := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "spare0"}, PeerName: "spare1"}
	if err := netlink.LinkAdd(spare); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = netlink.LinkDel(spare) }()
	w.address("spare0", "192.0.2.101/32")
	if err := openTest(t, nil).Start(t.Context()); err == nil {
		t.Error("the address is on two interfaces")
	}
}

func TestStopKeepsOtherAddresses(t *testing.T) {
	w := newWorld(t)
	old, err := netlink.ParseAddr("192.0.2.1/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrDel(w.lan0, old); err != nil {
		t.Fatal(err)
	}
	v := openTest(t, nil)
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.address("lan0", "192.0.2.1/24") // now a secondary one
	if err := v.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.addresses(); !got["192.0.2.1/24"] {
		t.Errorf("the node lost its own address: %v", got)
	}
}

func TestLostCarrierIsDegraded(t *testing.T) {
	w := newWorld(t)
	v := openTest(t, nil)
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.there(func() {
		lan1, err := netlink.LinkByName("lan1")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetDown(lan1); err != nil {
			t.Fatal(err)
		}
	})
	if state := running(t, v); !state.Running || state.Status != sdk.Degraded {
		t.Errorf("state %+v", state)
	}
}

func TestMissingInterface(t *testing.T) {
	newWorld(t)
	v := openTest(t, func(c *Config) { c.Interface = "gone0" })
	if err := v.Start(t.Context()); err == nil {
		t.Error("started on an interface that does not exist")
	}
	if err := v.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if state := running(t, v); state.Running {
		t.Errorf("state %+v", state)
	}
}

func TestClaims(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.101")
	other, own := net.HardwareAddr{2, 0, 0, 0, 0, 9}, net.HardwareAddr{2, 0, 0, 0, 0, 1}
	for _, test := range []struct {
		name string
		arp  arp
		want bool
	}{
		{"a reply", arp{operation: arpReply, senderMAC: other, senderIP: address}, true},
		{"a request of its owner", arp{operation: arpRequest, senderMAC: other, senderIP: address}, true},
		{"another's probe", arp{operation: arpRequest, senderMAC: other, senderIP: netip.IPv4Unspecified(), targetIP: address}, true},
		{"a neighbour who asks", arp{operation: arpRequest, senderMAC: other, senderIP: netip.MustParseAddr("192.0.2.7"), targetIP: address}, false},
		{"our own", arp{operation: arpReply, senderMAC: own, senderIP: address}, false},
	} {
		test.arp.targetMAC = nobody
		if !test.arp.targetIP.IsValid() {
			test.arp.targetIP = netip.IPv4Unspecified()
		}
		back, ok := parseARP(test.arp.marshal())
		if !ok || back.claims(address, own) != test.want {
			t.Errorf("%s: parsed %v, claims %v, want %v", test.name, ok, !test.want, test.want)
		}
	}
	if _, ok := parseARP(make([]byte, arpSize)); ok {
		t.Error("zeros are ARP")
	}
}

func TestTargets(t *testing.T) {
	if got := (&Config{Address: "2001:DB8:0::65/64"}).Targets(); len(got) != 1 || got[0] != "2001:db8::65" {
		t.Errorf("got %v", got)
	}
}

func TestValidate(t *testing.T) {
	for fault, cfg := range map[string]Config{
		"address: ":        {},
		"a host's address": {Address: "fe80::1/64"},
		"no address with":  {Address: "192.0.2.1"},
		"not a host's":     {Address: "224.0.0.1/24"},
		"interface: ":      {},
		"label: ":          {Interface: "eth0", Label: "eth1:x"},
		"probe.count: ":    {Probe: Probe{Count: -1}},
		"probe.wait: ":     {Probe: Probe{Count: 1}},
		"announce.count: ": {},
		"announce.every: ": {},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("no %q in %v", fault, err)
		}
	}
}

func TestConformance(t *testing.T) {
	newWorld(t)
	sdktest.Run(t, sdktest.Case{
		Plugin:   New(),
		Config:   "address: 192.0.2.101/24\ninterface: lan0\nannounce: {count: 2, every: 10ms}\nprobe: {count: 1, wait: 10ms}\n",
		Resource: true,
	})
}

// TestStopRemovesEveryPrefix: somebody, or a former configuration, may have put the same
// address on the interface with another prefix length.
func TestStopRemovesEveryPrefix(t *testing.T) {
	w := newWorld(t)
	v := openTest(t, nil)
	if err := v.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.address("lan0", "192.0.2.101/32")
	if err := v.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := running(t, v); state.Running {
		t.Errorf("stopped, and %+v", state)
	}
}
