package heartbeat_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/heartbeat"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Network) }

// patience bounds every wait for something that is expected to happen.
const patience = 10 * time.Second

func TestConformance(t *testing.T) {
	sdktest.Run(t, sdktest.Case{
		Plugin: heartbeat.New(),
		Config: `{address: "127.0.0.1:16941", peer: "127.0.0.1:16942"}`,
		Check: func(t *testing.T, i *sdktest.Instance) {
			if i.Roles().String() != "link" {
				t.Errorf("roles: %s", i.Roles())
			}
		},
	})
}

func TestConfigurationFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "address: missing",
		`{address: "10.0.0.1", peer: "10.0.0.2:694"}`:                                          "1:2: address: \"10.0.0.1\": want an IP address and port",
		`{address: "store:694", peer: "10.0.0.2:694"}`:                                         "want an IP address and port",
		`{address: "10.0.0.1:694", peer: "[fd00::2]:694"}`:                                     "peer: want the same address family",
		`{address: "10.0.0.1:694", peer: "10.0.0.1:694"}`:                                      "peer: is this node's own end",
		`{address: "10.0.0.1:694", peer: "224.0.0.1:694"}`:                                     "want the address of one node",
		`{address: "10.0.0.1:694", peer: "10.0.0.2:694", direct: true}`:                        "interface: missing",
		`{address: "10.0.0.1:694", peer: "10.0.0.2:694", iterface: e1}`:                        `did you mean "interface"?`,
		`{address: "10.0.0.1:694", peer: "10.0.0.2:694", group: 10.0.0.9, interface: e}`:       `group: "10.0.0.9": want a multicast address`,
		`{address: "10.0.0.1:694", peer: "10.0.0.2:694", group: "ff02::5:694", interface: e}`:  "group: want the same address family",
		`{address: "10.0.0.1:694", peer: "10.0.0.2:694", group: 239.255.6.94}`:                 "interface: missing: a group is joined",
		`{address: "10.0.0.1:694", peer: "10.0.0.2:695", group: 239.255.6.94, interface: e}`:   "peer: want the same port",
		`{address: "[fd00::1]:694", peer: "[fd00::2]:694", group: "ff01::5", interface: eth0}`: `group: "ff01::5": want`,
	} {
		if _, err := heartbeat.New().Configure([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// end is one end of a link under test.
type end struct {
	link    sdk.Link
	stop    func() // may be called early
	packets chan sdk.Packet
	states  chan sdk.LinkState
}

func run(t *testing.T, config string) *end {
	t.Helper()
	plugin := heartbeat.New()
	parsed, err := plugin.Configure([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.DebugLevel)
	instance, err := plugin.New(t.Context(), sdk.Env{Instance: t.Name(), Log: log}, parsed)
	if err != nil {
		t.Fatal(err)
	}
	e := &end{link: instance.(sdk.Link), packets: make(chan sdk.Packet, 1024), states: make(chan sdk.LinkState, 1024)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- e.link.Run(ctx, func(p sdk.Packet) {
			p.Data = append([]byte(nil), p.Data...)
			e.packets <- p
		}, func(s sdk.LinkState) { e.states <- s })
	}()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(e.stop)
	return e
}

// until waits for a state that fits.
func (e *end) until(t *testing.T, what string, fits func(sdk.LinkState) bool) sdk.LinkState {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s := <-e.states:
			if fits(s) {
				return s
			}
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

func isOK(s sdk.LinkState) bool { return s.Status == sdk.OK }

func (e *end) packet(t *testing.T) sdk.Packet {
	t.Helper()
	select {
	case p := <-e.packets:
		return p
	case <-time.After(patience):
		t.Fatal("no packet")
		return sdk.Packet{}
	}
}

func TestBeatsArriveUnchangedWithTheirTime(t *testing.T) {
	one := run(t, `{address: "127.0.0.1:16951", peer: "127.0.0.1:16952"}`)
	two := run(t, `{address: "127.0.0.1:16952", peer: "127.0.0.1:16951"}`)
	one.until(t, "one works", isOK)
	two.until(t, "two works", isOK)
	for _, data := range []string{"beat", "\x00\xff", strings.Repeat("x", 1000)} {
		before := sdk.Monotonic()
		if err := one.link.Send([]byte(data)); err != nil {
			t.Fatal(err)
		}
		p := two.packet(t)
		if string(p.Data) != data || p.From != "127.0.0.1:16951" || p.Taken < before || p.Taken > sdk.Monotonic() {
			t.Errorf("got %+v", p)
		}
	}
}

func TestForeignPacketsAreDroppedAndCounted(t *testing.T) {
	one := run(t, `{address: "127.0.0.1:16961", peer: "127.0.0.1:16962"}`)
	one.until(t, "it works", isOK)
	stranger, err := net.Dial("udp", "127.0.0.1:16961")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for range 3 {
		if _, err := stranger.Write([]byte("forged")); err != nil {
			t.Fatal(err)
		}
	}
	one.until(t, "three are counted", func(s sdk.LinkState) bool { return s.Foreign == 3 })
	if len(one.packets) != 0 {
		t.Errorf("a stranger's packet was delivered: %+v", <-one.packets)
	}
}

func TestAddressThatIsNotThereIsUnknownAndTriedAgain(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:16971")
	if err != nil {
		t.Fatal(err)
	}
	one := run(t, `{address: "127.0.0.1:16971", peer: "127.0.0.1:16972"}`)
	s := one.until(t, "the port is taken", func(s sdk.LinkState) bool { return strings.Contains(s.Message, "address already in use") })
	if s.Status != sdk.Unknown {
		t.Errorf("got %+v", s)
	}
	if err := one.link.Send([]byte("x")); err == nil {
		t.Error("sent without a socket")
	}
	_ = taken.Close()
	one.until(t, "it works", isOK)
}

// Straight to an address of IPv6; the link-local one counts on its interface.
func TestIPv6(t *testing.T) {
	one := run(t, `{address: "[::1]:16955", peer: "[::1]:16956"}`)
	two := run(t, `{address: "[::1]:16956", peer: "[::1]:16955"}`)
	one.until(t, "one works", isOK)
	two.until(t, "two works", isOK)
	if err := one.link.Send([]byte("beat")); err != nil {
		t.Fatal(err)
	}
	if p := two.packet(t); string(p.Data) != "beat" || p.From != "[::1]:16955" {
		t.Errorf("got %+v", p)
	}
}

// Each end joins the group on its own interface; a neighbour's packets in the group
// are foreign, and nobody hears itself.
func TestMulticast(t *testing.T) {
	sandbox.Need(t)
	near, far := cable(t)
	// Both ends are this machine's: it must take packets that come from an address of its own.
	for _, setting := range []string{"all/accept_local", "near0/accept_local", "far0/accept_local"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+setting, []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address(t, far, "198.51.100.2/24")
	address(t, far, "198.51.100.3/24")
	address(t, near, "fd00:694::1/64")
	address(t, far, "fd00:694::2/64")
	address(t, far, "fd00:694::3/64")
	for family, c := range map[string][3]string{
		"IPv4":             {"198.51.100.1:16985", "198.51.100.2:16985", "239.255.6.94"},
		"IPv6":             {"[fd00:694::1]:16985", "[fd00:694::2]:16985", "ff05::694"},
		"IPv6, link scope": {"[fd00:694::1]:16987", "[fd00:694::2]:16987", "ff02::694"},
	} {
		t.Run(family, func(t *testing.T) {
			config := `{address: "%s", peer: "%s", group: "%s", interface: %s}`
			one := run(t, fmt.Sprintf(config, c[0], c[1], c[2], "near0"))
			two := run(t, fmt.Sprintf(config, c[1], c[0], c[2], "far0"))
			third := strings.Replace(c[1], "2]", "3]", 1)
			if third == c[1] {
				third = strings.Replace(c[1], ".2:", ".3:", 1)
			}
			for _, e := range []*end{one, two} {
				if s := e.until(t, "it works", isOK); !strings.Contains(s.Message, "to the group "+c[2]) {
					t.Errorf("says %q", s.Message)
				}
			}
			for n := range 3 {
				data := fmt.Sprint("beat ", n)
				if err := one.link.Send([]byte(data)); err != nil {
					t.Fatal(err)
				}
				if p := two.packet(t); string(p.Data) != data || p.From != c[0] {
					t.Errorf("got %+v", p)
				}
				if err := two.link.Send([]byte(data)); err != nil {
					t.Fatal(err)
				}
				if p := one.packet(t); string(p.Data) != data || p.From != c[1] {
					t.Errorf("got %+v", p)
				}
			}
			// A stranger in the same group, once the two above have let go of its port.
			stranger := run(t, fmt.Sprintf(config, third, c[0], c[2], "far0"))
			stranger.until(t, "its port is taken", func(s sdk.LinkState) bool { return strings.Contains(s.Message, "address already in use") })
			two.stop()
			stranger.until(t, "it works", isOK)
			if err := stranger.link.Send([]byte("beat")); err != nil {
				t.Fatal(err)
			}
			one.until(t, "it is counted, and nothing of our own", func(s sdk.LinkState) bool { return s.Foreign == 1 })
			if len(one.packets)+len(two.packets) != 0 {
				t.Error("something else was delivered")
			}
		})
	}
}

// A beat by multicast never leaves the network.
func TestMulticastHasATTLOf1(t *testing.T) {
	sandbox.Need(t)
	cable(t)
	one := run(t, `{address: "198.51.100.1:16989", peer: "198.51.100.2:16989", group: 239.255.6.94, interface: near0}`)
	one.until(t, "it works", isOK)
	device, err := net.InterfaceByName("far0")
	if err != nil {
		t.Fatal(err)
	}
	tap, err := packet.Listen(device, packet.Datagram, unix.ETH_P_IP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	if err := one.link.Send([]byte("beat")); err != nil {
		t.Fatal(err)
	}
	if err := tap.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, 1500); ; {
		n, _, err := tap.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		if header, err := ipv4.ParseHeader(buffer[:n]); err == nil && header.Protocol == unix.IPPROTO_UDP {
			if header.TTL != 1 || header.Dst.String() != "239.255.6.94" || header.TOS != 0xc0 {
				t.Errorf("left as %v", header)
			}
			return
		}
	}
}

// cable makes two interfaces that are joined, with an address on the first.
func cable(t *testing.T) (near, far netlink.Link) {
	t.Helper()
	pair := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "far0"}
	pair.Name = "near0"
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	near, err := netlink.LinkByName("near0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(near) })
	far, err = netlink.LinkByName("far0")
	if err != nil {
		t.Fatal(err)
	}
	address(t, near, "198.51.100.1/24")
	for _, err := range []error{netlink.LinkSetUp(near), netlink.LinkSetUp(far)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return near, far
}

func address(t *testing.T, device netlink.Link, text string) {
	t.Helper()
	a, err := netlink.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	a.Flags |= unix.IFA_F_NODAD // an address of IPv6 is used at once
	if err := netlink.AddrAdd(device, a); err != nil {
		t.Fatal(err)
	}
}

func TestCarrierIsFollowed(t *testing.T) {
	sandbox.Need(t)
	config := `{address: "198.51.100.1:16981", peer: "198.51.100.2:16981", interface: near0, direct: true}`
	one := run(t, config)
	s := one.until(t, "no interface", func(s sdk.LinkState) bool { return strings.Contains(s.Message, "there is no interface near0") })
	if s.Status != sdk.Unknown || s.Carrier != sdk.PowerUnknown {
		t.Errorf("got %+v", s)
	}

	near, far := cable(t)
	one.until(t, "it works", func(s sdk.LinkState) bool { return isOK(s) && s.Carrier == sdk.PowerOn })

	pulled := sdk.Monotonic()
	if err := netlink.LinkSetDown(far); err != nil {
		t.Fatal(err)
	}
	s = one.until(t, "carrier lost", func(s sdk.LinkState) bool { return s.Carrier == sdk.PowerOff })
	if s.Status != sdk.Down || s.Taken-pulled > 500*time.Millisecond {
		t.Errorf("after %v: %+v", s.Taken-pulled, s)
	}
	t.Logf("carrier loss seen after %v", s.Taken-pulled)
	if err := netlink.LinkSetUp(far); err != nil {
		t.Fatal(err)
	}
	one.until(t, "carrier back", func(s sdk.LinkState) bool { return isOK(s) && s.Carrier == sdk.PowerOn })

	if err := netlink.LinkSetDown(near); err != nil {
		t.Fatal(err)
	}
	s = one.until(t, "switched off here", func(s sdk.LinkState) bool { return strings.Contains(s.Message, "switched off on this node") })
	if s.Status != sdk.Unknown || s.Carrier != sdk.PowerUnknown {
		t.Errorf("our own doing is no evidence: %+v", s)
	}

	if err := netlink.LinkDel(near); err != nil {
		t.Fatal(err)
	}
	one.until(t, "gone", func(s sdk.LinkState) bool { return strings.Contains(s.Message, "there is no interface") })
	cable(t)
	one.until(t, "a new interface of that name", isOK)
	if err := one.link.Send([]byte("beat")); err != nil {
		t.Errorf("send on the new interface: %v", err)
	}
}
