package lbwatch

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

const ms = time.Millisecond

// wire makes the IPv4 packet of an advertisement, summed up with or without the pseudo header.
func wire(version, id, priority int, interval time.Duration, source string, pseudo bool, addresses ...string) []byte {
	from, to := netip.MustParseAddr(source), vrrpGroup4
	if from.Is6() {
		to = vrrpGroup6
	}
	body := []byte{byte(version<<4 | advertisement), byte(id), byte(priority), byte(len(addresses)), 0, 0, 0, 0}
	if version == 2 {
		body[5] = byte(interval / time.Second)
	} else {
		binary.BigEndian.PutUint16(body[4:], uint16(interval/(10*ms)))
	}
	for _, a := range addresses {
		body = append(body, netip.MustParseAddr(a).AsSlice()...)
	}
	if version == 2 {
		body = append(body, make([]byte, 8)...) // authentication data
	}
	total := sum(0, body)
	if pseudo {
		total = sum(sum(total+uint32(len(body))+vrrpProtocol, from.AsSlice()), to.AsSlice())
	}
	binary.BigEndian.PutUint16(body[6:], ^uint16(fold(total)))
	if from.Is6() {
		header := make([]byte, 40)
		header[0], header[6], header[7] = 0x60, vrrpProtocol, vrrpTTL
		binary.BigEndian.PutUint16(header[4:], uint16(len(body)))
		copy(header[8:], from.AsSlice())
		copy(header[24:], to.AsSlice())
		return append(header, body...)
	}
	header := make([]byte, 20)
	header[0], header[8], header[9] = 0x45, vrrpTTL, vrrpProtocol
	binary.BigEndian.PutUint16(header[2:], uint16(20+len(body)))
	copy(header[12:], from.AsSlice())
	copy(header[16:], to.AsSlice())
	return append(header, body...)
}

func TestAdvertisements(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		want   string // empty: none
		down   time.Duration
	}{
		"version 2":                 {wire(2, 51, 100, time.Second, "192.0.2.1", false, "192.0.2.101"), "192.0.2.1 51 100 [192.0.2.101]", 3*time.Second + 156*time.Second/256},
		"version 3":                 {wire(3, 51, 200, 200*ms, "192.0.2.1", true, "192.0.2.101", "192.0.2.102"), "192.0.2.1 51 200 [192.0.2.101 192.0.2.102]", 600*ms + 56*200*ms/256},
		"version 3, no pseudo":      {wire(3, 51, 200, 200*ms, "192.0.2.1", false, "192.0.2.101"), "192.0.2.1 51 200 [192.0.2.101]", 600*ms + 56*200*ms/256},
		"version 3 of IPv6":         {wire(3, 7, 1, 10*ms, "fe80::1", true, "fe80::101"), "fe80::1 7 1 [fe80::101]", 30*ms + 255*10*ms/256},
		"IPv6 without its sum":      {wire(3, 7, 1, 10*ms, "fe80::1", false, "fe80::101"), "", 0},
		"version 2 of IPv6":         {wire(2, 7, 1, time.Second, "fe80::1", true, "fe80::101"), "", 0},
		"an unknown version":        {wire(4, 7, 1, time.Second, "192.0.2.1", true), "", 0},
		"cut off":                   {wire(3, 51, 200, 200*ms, "192.0.2.1", true, "192.0.2.101")[:29], "", 0},
		"more addresses than bytes": {func() []byte { p := wire(3, 51, 200, 200*ms, "192.0.2.1", true); p[23] = 9; return p }(), "", 0},
		"through a router":          {func() []byte { p := wire(3, 51, 200, 200*ms, "192.0.2.1", true); p[8] = 254; return p }(), "", 0},
		"a fragment":                {func() []byte { p := wire(3, 51, 200, 200*ms, "192.0.2.1", true); p[6] = 0x20; return p }(), "", 0},
		"garbled":                   {func() []byte { p := wire(3, 51, 200, 200*ms, "192.0.2.1", true); p[22]++; return p }(), "", 0},
		"nothing":                   {nil, "", 0},
	} {
		a, ok := parseAdvert(c.packet)
		got := ""
		if ok {
			got = fmt.Sprintf("%s %d %d %v", a.source, a.id, a.priority, a.addresses)
		}
		if got != c.want || ok && a.down() != c.down {
			t.Errorf("%s: %q, down after %v; want %q, %v", name, got, a.down(), c.want, c.down)
		}
	}
}

// FuzzAdvert: whatever arrives is a valid advertisement or none.
func FuzzAdvert(f *testing.F) {
	f.Add(wire(2, 51, 100, time.Second, "192.0.2.1", false, "192.0.2.101"))
	f.Add(wire(3, 51, 100, time.Second, "fe80::1", true, "fe80::101"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		a, ok := parseAdvert(packet)
		if ok && (a.interval <= 0 || a.down() < 3*a.interval || a.id < 1 || a.id > 255 || !a.source.IsValid() || len(a.addresses)*4 > len(packet)) {
			t.Errorf("%+v", a)
		}
	})
}

// Stories of a virtual router: who said when that it is the master, and who is at the end.
func TestMasters(t *testing.T) {
	type said struct {
		at       time.Duration
		who      string
		priority int
	}
	every := func(from, to time.Duration, who string, priority int) (list []said) {
		for at := from; at <= to; at += 200 * ms {
			list = append(list, said{at, who, priority})
		}
		return list
	}
	join := func(lists ...[]said) (all []said) {
		for _, l := range lists {
			all = append(all, l...)
		}
		for i := range all { // by time
			for j := i; j > 0 && all[j].at < all[j-1].at; j-- {
				all[j], all[j-1] = all[j-1], all[j]
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		said []said
		now  time.Duration
		want string
	}{
		"nobody":                       {nil, time.Second, ""},
		"one":                          {every(0, 2000*ms, "A", 100), 2100 * ms, "A"},
		"it fell silent a moment ago":  {every(0, 2000*ms, "A", 100), 2600 * ms, "A"},
		"it fell silent":               {every(0, 2000*ms, "A", 100), 2800 * ms, ""},
		"it gave up":                   {join(every(0, 2000*ms, "A", 100), []said{{2010 * ms, "A", 0}}), 2020 * ms, ""},
		"the better one came":          {join(every(0, 2000*ms, "A", 100), every(2050*ms, 2250*ms, "B", 200)), 2300 * ms, "B"},
		"its last crossed the other's": {join(every(0, 2000*ms, "A", 100), every(1990*ms, 2190*ms, "B", 200)), 2200 * ms, "B"},
		"two at once":                  {join(every(0, 3000*ms, "A", 100), every(2050*ms, 3050*ms, "B", 200)), 3100 * ms, "B A"},
		"two, and one fell silent":     {join(every(0, 3000*ms, "A", 100), every(2050*ms, 4050*ms, "B", 200)), 4100 * ms, "B"},
		"it came back after the other": {join(every(0, 1000*ms, "A", 100), every(1800*ms, 3000*ms, "B", 90), every(3050*ms, 4050*ms, "A", 100)), 4100 * ms, "A"},
		"a flood of senders": {func() (l []said) {
			l = every(0, 2000*ms, "A", 100)
			for i := range 100 {
				l = append(l, said{2001 * ms, fmt.Sprint(i), 50})
			}
			return l
		}(), 2002 * ms, ""},
		"another router on this network": {[]said{{0, "other", 100}}, 10 * ms, ""},
	} {
		m := newMasters(51)
		names := map[netip.Addr]string{}
		for _, s := range c.said {
			id := 51
			if s.who == "other" {
				id = 52
			}
			source := netip.AddrFrom4([4]byte{192, 0, byte(len(s.who)), s.who[0] + s.who[len(s.who)-1]})
			names[source] = s.who
			m.hear(advert{source: source, version: 3, id: id, priority: s.priority, interval: 200 * ms}, s.at)
		}
		var got []string
		for _, one := range m.present(c.now) {
			got = append(got, names[one.source])
		}
		if name == "a flood of senders" {
			if len(m.known) > maxMasters {
				t.Errorf("%d senders are remembered", len(m.known))
			}
			continue
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

func TestVRRPViews(t *testing.T) {
	cfg := VRRP{Interface: "eth0", ID: 51}
	own := map[netip.Addr]bool{netip.MustParseAddr("192.0.2.1"): true}
	one := master{advert: advert{source: netip.MustParseAddr("192.0.2.1"), priority: 150, interval: time.Second}}
	two := master{advert: advert{source: netip.MustParseAddr("192.0.2.2"), priority: 100, interval: time.Second}}
	for _, c := range []struct {
		present       []master
		status        sdk.Status
		running, here bool
		says          string
	}{
		{nil, sdk.Down, false, false, "nobody is the master of virtual router 51 on eth0"},
		{[]master{one}, sdk.OK, true, true, "192.0.2.1 (priority 150, this node) is the master of virtual router 51 on eth0"},
		{[]master{two}, sdk.OK, true, false, "192.0.2.2 (priority 100) is the master"},
		{[]master{two, one}, sdk.Down, true, true, "has 2 masters at once: 192.0.2.2 (priority 100) and 192.0.2.1 (priority 150, this node)"},
	} {
		v := vrrpView(cfg, c.present, own, time.Second)
		if v.status != c.status || v.running != c.running || v.here != c.here || !strings.Contains(v.message, c.says) || v.values["masters"] != float64(len(c.present)) {
			t.Errorf("%v: %+v", c.present, v)
		}
	}
}
