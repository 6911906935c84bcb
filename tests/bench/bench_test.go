package bench

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/lab"
)

func TestFigure(t *testing.T) {
	if f := figure("x", "ms", []float64{4, 1, 3, 2}); f != (Figure{"x", "ms", 4, 1, 2.5, 4, 4}) {
		t.Errorf("%+v", f)
	}
	if f := figure("x", "ms", []float64{5, 1, 3}); f.Median != 3 {
		t.Errorf("%+v", f)
	}
	if f := figure("x", "ms", nil); f.N != 0 || f.Max != 0 {
		t.Errorf("%+v", f)
	}
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	if f := figure("x", "ms", hundred); f.P95 != 95 || f.Median != 50.5 {
		t.Errorf("%+v", f)
	}
}

// TestUnknownRowIsRefusedFirst: before a lab is built, by everything that has rows.
func TestUnknownRowIsRefusedFirst(t *testing.T) {
	o := Options{Rows: []string{"keepalived-fast", "nonsense"}, Out: io.Discard, Lab: "Not A Name"}
	for name, measure := range map[string]func(context.Context, Options) error{"failover": Failover, "calm": Calm, "beats": Beats} {
		if err := measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), `no row "nonsense": there are `) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ rows, want []string }{
		{nil, []string{"fast", "fastest"}}, {[]string{"fastest"}, []string{"fastest"}}, {[]string{"fastest", "fast"}, []string{"fast", "fastest"}},
	} {
		got, err := choose(Options{Rows: c.rows}, []contender{fast, fastest}, contender.row)
		names := []string{}
		for _, g := range got {
			names = append(names, g.name)
		}
		if err != nil || !slices.Equal(names, c.want) {
			t.Errorf("%v: %v, %v", c.rows, names, err)
		}
	}
}

func TestHandover(t *testing.T) {
	const ms = time.Millisecond
	samples := []lab.ProbeSample{
		{Start: 1 * ms, End: 2 * ms, Node: "beta"}, // an earlier life
		{Start: 100 * ms, End: 102 * ms, Node: "alpha"},
		{Start: 104 * ms, End: 108 * ms, Node: "alpha"}, // on its way when the power went
		{Start: 505 * ms, End: 506 * ms, Node: "beta"},
		{Start: 300 * ms, End: 499 * ms, Node: "beta"},  // waited for, logged later
		{Start: 600 * ms, End: 601 * ms, Node: "alpha"}, // a later life
	}
	last, first, ok := handover(samples, "alpha", 105*ms)
	if !ok || last.End != 108*ms || first.End != 499*ms {
		t.Errorf("last %v first %v ok %v", last, first, ok)
	}
	if _, _, ok := handover(samples[:3], "alpha", 105*ms); ok {
		t.Error("found an answer where there is none")
	}
}

func TestTable(t *testing.T) {
	tab := table{title: "Times", head: []string{"row", "ms"}}
	tab.add("fast", "185")
	var out strings.Builder
	if err := tab.text(&out); err != nil || out.String() != "Times\nrow   ms\nfast  185\n" {
		t.Errorf("%q %v", out.String(), err)
	}
	if md := tab.markdown(); md != "Times\n\n| row | ms |\n| --- | ---: |\n| fast | 185 |\n" {
		t.Errorf("%q", md)
	}
	for x, want := range map[float64]string{0: "0", 3: "3", 1234.5: "1234", 0.123: "0.12", 45.67: "45.7"} {
		if got := short(x); got != want {
			t.Errorf("short(%v) = %s, want %s", x, got, want)
		}
	}
}

func TestBetween(t *testing.T) {
	const text = "before\n<!-- calm: written by -write -->\nold\n<!-- end of calm -->\nafter\n"
	got, err := between(text, "calm", "new\n")
	if want := strings.Replace(text, "old", "new", 1); err != nil || got != want {
		t.Errorf("%q %v", got, err)
	}
	if _, err := between(text, "beats", "new\n"); err == nil {
		t.Error("a README without marks was written")
	}
}

// TestPlot: the picture is well-formed and has every measured row, one dot each.
func TestPlot(t *testing.T) {
	picture := plot("a < b", []bar{
		{"fast", "UPS, read back", true, figure("", "ms", []float64{150, 185, 260})},
		{"keepalived", "none", false, figure("", "ms", []float64{2500, 3300, 3600})},
		{"unmeasured", "none", false, Figure{}},
	})
	dots, hollow := 0, 0
	decoder := xml.NewDecoder(strings.NewReader(picture))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, picture)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			dots++
			if strings.Contains(e.Attr[0].Value, "unfenced") {
				hollow++
			}
		}
	}
	if dots != 2 || hollow != 1 || strings.Contains(picture, "unmeasured") {
		t.Errorf("%d dots, %d hollow: %s", dots, hollow, picture)
	}
}

func TestSimSpeeds(t *testing.T) {
	seeds, events := simSpeeds([]byte("goos: linux\nBenchmarkSeed \t      50\t  20000000 ns/op\t    700000 events/s\nPASS\n"))
	if !slices.Equal(seeds, []float64{50}) || !slices.Equal(events, []float64{700000}) {
		t.Errorf("%v %v", seeds, events)
	}
}

// TestUnpack: packets as the products send them.
func TestUnpack(t *testing.T) {
	alpha := netip.MustParseAddr("10.77.1.1")
	udp := func(port uint16, payload string) []byte {
		data, err := hex.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		p := slices.Concat([]byte{0x45, 0xc0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 1, 1, 10, 77, 1, 2}, make([]byte, 8), data)
		binary.BigEndian.PutUint16(p[22:], port)
		return p
	}
	vrrpPacket := udp(0, "")
	vrrpPacket[9] = vrrp
	for name, c := range map[string]struct {
		packet []byte
		want   parcel
	}{
		"beat":          {udp(694, "0102"), parcel{beats, alpha}},
		"token":         {udp(5405, "01000000"), parcel{token, alpha}},
		"knet ping":     {udp(5405, "01810000"), parcel{linkPing, alpha}},
		"knet pong":     {udp(5405, "01820000"), parcel{}},
		"other port":    {udp(161, "3000"), parcel{}},
		"advertisement": {vrrpPacket, parcel{kind: advertisement}},
		"short":         {[]byte{0x45, 0}, parcel{}},
		"no payload":    {udp(5405, ""), parcel{}},
		"arp":           {make([]byte, 28), parcel{}},
	} {
		if got, ok := unpack(c.packet); got != c.want || ok != (c.want != parcel{}) {
			t.Errorf("%s: %v %v", name, got, ok)
		}
	}
}

func TestRows(t *testing.T) {
	var told strings.Builder
	o := Options{Out: &told, Rows: []string{"fast", "switchover"}}
	rows, contenders, err := o.chooseRows()
	if err != nil || len(rows) != 2 || len(contenders) != 1 || contenders[0].name != "fast" {
		t.Errorf("%v %v %v", rows, contenders, err)
	}
	if _, _, err := (Options{Out: &told, Rows: []string{"fats"}}).chooseRows(); err == nil {
		t.Error("a row that does not exist was taken")
	}
	absent := contender{name: "absent", missing: func() string { return "absent-package" }}
	if left := o.present([]contender{fast, absent}); len(left) != 1 || !strings.Contains(told.String(), "SKIPPED absent: the Debian package absent-package") {
		t.Errorf("%v, told %q", left, told.String())
	}
}
