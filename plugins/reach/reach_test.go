package reach_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
	"github.com/storeward/storeward/plugins/reach"
)

func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Network) }

func TestConformance(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	full := silentListener(t)
	sdktest.Run(t, sdktest.Case{
		Plugin:    reach.New(),
		Config:    fmt.Sprintf(`{method: tcp, targets: ["%s"]}`, listener.Addr()),
		BlackHole: fmt.Sprintf(`{method: tcp, targets: ["%s"], timeout: 10s}`, full),
		Check: func(t *testing.T, i *sdktest.Instance) {
			result, err := i.Probe(t.Context())
			if err != nil || result.Status != sdk.OK || result.Values["rtt_seconds"] <= 0 {
				t.Errorf("probe: %+v, %v", result, err)
			}
		},
	})
}

// silentListener returns an address where a connection is never completed: its
// queue of connections is full and nobody accepts.
func silentListener(t *testing.T) string {
	t.Helper()
	config := net.ListenConfig{}
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { shrinkBacklog(t, int(fd)) }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		dialer := net.Dialer{Timeout: 100 * time.Millisecond}
		if c, err := dialer.Dial("tcp", l.Addr().String()); err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	return l.Addr().String()
}

func TestConfigurationFaults(t *testing.T) {
	for text, want := range map[string]string{
		`{method: ping, targets: [10.0.0.1]}`:                     `1:2: method: "ping": want icmp, arp, ndp or tcp`,
		`{targets: []}`:                                           "targets: want 1 to 64 addresses",
		`{targets: [gateway]}`:                                    `targets[0]: "gateway": want an IP address`,
		`{method: tcp, targets: [10.0.0.1]}`:                      `targets[0]: "10.0.0.1": want an IP address and port`,
		`{method: tcp, targets: ["10.0.0.1:0"]}`:                  "want an IP address and port",
		`{method: arp, targets: [10.0.0.1]}`:                      "interface: missing",
		`{method: arp, interface: e, targets: ["::1"]}`:           "want an IPv4 address",
		`{method: ndp, targets: ["::1"]}`:                         "interface: missing: ndp asks",
		`{method: ndp, interface: e, targets: ["::1", 10.0.0.1]}`: "targets[1]: \"10.0.0.1\": want an IPv6 address",
		`{targets: [10.0.0.1], timeout: 0s}`:                      "timeout: 0s: want 1ms to 1m",
		`{targets: [10.0.0.1, 10.0.0.2], timeout: 40}`:            "1:42: timeout",
	} {
		if _, err := reach.New().Configure([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// probe makes an instance and asks it once.
func probe(t *testing.T, config string) (sdk.Result, time.Duration, error) {
	t.Helper()
	plugin := reach.New()
	parsed, err := plugin.Configure([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := plugin.New(t.Context(), sdk.Env{Log: logrus.New()}, parsed)
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	result, err := instance.(sdk.Prober).Probe(ctx)
	return result, time.Since(began), err
}

// street makes a network of two: near0 (198.51.100.1) here and, in a namespace of
// its own, far0 (198.51.100.2). It returns a function that silences the other one.
func street(t *testing.T) (silence func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	check(t, err)
	defer home.Close()
	other, err := netns.New()
	check(t, err)
	t.Cleanup(func() { _ = other.Close() })
	check(t, netns.Set(home))
	pair := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "far0", PeerNamespace: netlink.NsFd(int(other))}
	pair.Name = "near0"
	check(t, netlink.LinkAdd(pair))
	t.Cleanup(func() { _ = netlink.LinkDel(pair) })
	address, err := netlink.ParseAddr("198.51.100.1/24")
	check(t, err)
	check(t, netlink.AddrAdd(pair, address))
	check(t, netlink.AddrAdd(pair, address6(t, "2001:db8:1::1/64")))
	check(t, netlink.LinkSetUp(pair))

	far, err := netlink.NewHandleAt(other)
	check(t, err)
	t.Cleanup(far.Close)
	link, err := far.LinkByName("far0")
	check(t, err)
	address, err = netlink.ParseAddr("198.51.100.2/24")
	check(t, err)
	check(t, far.AddrAdd(link, address))
	check(t, far.AddrAdd(link, address6(t, "2001:db8:1::2/64")))
	check(t, far.LinkSetUp(link))
	settled(t, func() (netlink.Link, error) { return netlink.LinkByName("near0") })
	settled(t, func() (netlink.Link, error) { return far.LinkByName("far0") })
	return func() {
		check(t, far.AddrDel(link, address))
		check(t, far.AddrDel(link, address6(t, "2001:db8:1::2/64")))
	}
}

// address6 is an address of IPv6 that is used at once.
func address6(t *testing.T, text string) *netlink.Addr {
	t.Helper()
	address, err := netlink.ParseAddr(text)
	check(t, err)
	address.Flags = unix.IFA_F_NODAD
	return address
}

// settled waits until the kernel has begun to carry packets on a new interface.
func settled(t *testing.T, find func() (netlink.Link, error)) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	limit := time.After(10 * time.Second)
	for {
		link, err := find()
		check(t, err)
		if link.Attrs().OperState == netlink.OperUp {
			return
		}
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("%s never came up", link.Attrs().Name)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnswersAndSilence(t *testing.T) {
	sandbox.Need(t)
	silence := street(t)
	configs := map[string]string{
		"icmp":              `{method: icmp, targets: [198.51.100.2]}`,
		"icmp on interface": `{method: icmp, targets: [198.51.100.2], interface: near0}`,
		"icmp, one of many": `{method: icmp, targets: [198.51.100.9, 198.51.100.2, 198.51.100.8]}`,
		"icmp to ourselves": `{method: icmp, targets: [127.0.0.1, "::1"]}`,
		"arp":               `{method: arp, targets: [198.51.100.9, 198.51.100.2], interface: near0}`,
		"ndp":               `{method: ndp, targets: ["2001:db8:1::9", "2001:db8:1::2"], interface: near0}`,
		"icmp of IPv6":      `{method: icmp, targets: ["2001:db8:1::2"]}`,
		"tcp, refused":      `{method: tcp, targets: ["198.51.100.2:9"], interface: near0}`,
	}
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			result, _, err := probe(t, config)
			if err != nil || result.Status != sdk.OK || result.Values["rtt_seconds"] <= 0 || result.Values["rtt_seconds"] > 0.9 {
				t.Errorf("got %+v, %v", result, err)
			}
		})
	}
	silence()
	for name, config := range configs {
		if name == "icmp to ourselves" {
			continue
		}
		t.Run(name+", silent", func(t *testing.T) {
			short := strings.Replace(config, "}", ", timeout: 40ms}", 1)
			result, took, err := probe(t, short)
			if err != nil || result.Status != sdk.Down {
				t.Errorf("got %+v, %v", result, err)
			}
			if took < 39*time.Millisecond || took > 40*time.Millisecond+patience {
				t.Errorf("took %v, the timeout is 40ms", took)
			}
		})
	}
}

// patience is what a busy machine may add to a timeout.
const patience = 200 * time.Millisecond

func TestWhatCannotBeAskedIsUnknown(t *testing.T) {
	sandbox.Need(t)
	for name, config := range map[string]string{
		"no route":              `{targets: [203.0.113.1], timeout: 100ms}`,
		"no route for TCP":      `{method: tcp, targets: ["203.0.113.1:22"], timeout: 100ms}`,
		"no interface":          `{targets: [203.0.113.1], interface: nowhere0, timeout: 100ms}`,
		"no interface for ARP":  `{method: arp, targets: [203.0.113.1], interface: nowhere0, timeout: 100ms}`,
		"no interface for NDP":  `{method: ndp, targets: ["2001:db8::1"], interface: nowhere0, timeout: 100ms}`,
		"no Ethernet for NDP":   `{method: ndp, targets: ["::2"], interface: lo, timeout: 100ms}`,
		"no Ethernet":           `{method: arp, targets: [127.0.0.2], interface: lo, timeout: 100ms}`,
		"one asked, one not":    `{targets: [203.0.113.1, 127.0.0.1], interface: nowhere0, timeout: 100ms}`,
		"no interface for TCP":  `{method: tcp, targets: ["203.0.113.1:22"], interface: nowhere0, timeout: 100ms}`,
		"no route for ICMP six": `{targets: ["2001:db8::1"], timeout: 100ms}`,
	} {
		t.Run(name, func(t *testing.T) {
			if result, _, err := probe(t, config); err == nil || result.Status != sdk.Unknown {
				t.Errorf("got %+v, %v", result, err)
			}
		})
	}
}

func TestCableWithoutCarrier(t *testing.T) {
	sandbox.Need(t)
	pair := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "b0"}
	pair.Name = "a0"
	check(t, netlink.LinkAdd(pair))
	defer func() { check(t, netlink.LinkDel(pair)) }()
	check(t, netlink.LinkSetUp(pair))
	result, _, err := probe(t, `{method: arp, targets: [198.51.100.2], interface: a0, timeout: 40ms}`)
	if err == nil {
		t.Errorf("asked over a cable without carrier: %+v", result)
	}
}
