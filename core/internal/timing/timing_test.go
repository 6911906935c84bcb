package timing

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/internal/beat"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests get into the golden files")

const ms = time.Millisecond

func TestQuantiles(t *testing.T) {
	var h Histogram
	for i := 1; i <= 1000; i++ {
		h.Add(time.Duration(i) * ms)
	}
	h.Add(-time.Second) // early is not late
	for q, want := range map[float64]time.Duration{0: 0, .5: 500 * ms, .99: 990 * ms, 1: time.Second} {
		if got := h.Quantile(q); got < want || got > max(want*5/4, floor) {
			t.Errorf("quantile %v: %v, want %v to a quarter more", q, got, want)
		}
	}
	if h.Max() != time.Second || (&Histogram{}).Quantile(.5) != 0 {
		t.Errorf("maximum %v", h.Max())
	}
}

func TestArrivals(t *testing.T) {
	type arrival struct {
		incarnation beat.ID
		sequence    uint64
		taken       time.Duration
	}
	for name, c := range map[string]struct {
		beats                []arrival
		heard, lost, outages uint64
		late, silent         time.Duration
	}{
		"on time":                {[]arrival{{1, 1, 0}, {1, 2, 50 * ms}, {1, 3, 100 * ms}}, 3, 0, 0, 0, 50 * ms},
		"late":                   {[]arrival{{1, 1, 0}, {1, 2, 70 * ms}}, 2, 0, 0, 20 * ms, 70 * ms},
		"lost, which is no late": {[]arrival{{1, 1, 0}, {1, 4, 151 * ms}}, 2, 2, 0, ms, 151 * ms},
		"overtaken":              {[]arrival{{1, 1, 0}, {1, 3, 100 * ms}, {1, 2, 101 * ms}}, 2, 1, 0, 0, 100 * ms},
		"twice":                  {[]arrival{{1, 1, 0}, {1, 1, 5 * ms}}, 1, 0, 0, 0, 0},
		"cut for a while":        {[]arrival{{1, 1, 0}, {1, 2, 50 * ms}, {1, 1200, time.Minute}, {1, 1201, time.Minute + 50*ms}}, 4, 0, 1, 0, 50 * ms},
		"a new start":            {[]arrival{{1, 1, 0}, {1, 9, 800 * ms}, {2, 5, 5 * time.Second}, {2, 6, 5*time.Second + 51*ms}}, 2, 0, 0, ms, 51 * ms},
	} {
		var a Arrivals
		for _, one := range c.beats {
			a.Add(&beat.Beat{Incarnation: one.incarnation, Sequence: one.sequence, Interval: 50 * ms}, one.taken)
		}
		if a.Heard != c.heard || a.Lost != c.lost || a.Outages != c.outages || a.Late.Max() != c.late || a.Silent.Max() != c.silent {
			t.Errorf("%s: heard %d, lost %d, outages %d, late %v, silent %v", name, a.Heard, a.Lost, a.Outages, a.Late.Max(), a.Silent.Max())
		}
	}
	a := Arrivals{Heard: 75, Lost: 25}
	if a.Loss() != .25 || (&Arrivals{}).Loss() != 0 {
		t.Errorf("loss %v", a.Loss())
	}
}

func TestAnswerAge(t *testing.T) {
	b := &beat.Beat{Echoes: []beat.Echo{
		{Link: "cable", Incarnation: 7, Sent: 900 * ms}, {Link: "lan", Incarnation: 7, Sent: 950 * ms}, {Link: "serial", Incarnation: 6, Sent: 990 * ms},
	}}
	for link, want := range map[string]time.Duration{"cable": 100 * ms, "lan": 50 * ms, "": 50 * ms, "serial": 0, "none": 0} {
		if got, ok := AnswerAge(b, 7, link, time.Second); got != want || ok != (want > 0) {
			t.Errorf("%q: %v %v, want %v", link, got, ok, want)
		}
	}
}

// line makes n beats of a link with an interval, a travelling time each way, the
// time between those that the link carries, and one that is late.
func line(n int, interval, travel, period, late time.Duration) *Arrivals {
	var a Arrivals
	for i := range n {
		sequence := 1 + uint64(i)*uint64(period/interval)
		taken := time.Duration(sequence)*interval + travel
		if i == n/2 {
			taken += late
		}
		a.Add(&beat.Beat{Incarnation: 1, Sequence: sequence, Interval: interval}, taken)
		a.Answer.Add(travel + time.Duration(i%10)*period/10 + travel) // sent, waited for the next beat, answered
	}
	return &a
}

func TestAdvice(t *testing.T) {
	var out strings.Builder
	standard := Setting{200 * ms, 500 * ms, time.Second}
	fast := Setting{50 * ms, 120 * ms, 200 * ms}
	for _, c := range []struct {
		name string
		now  Setting
		all  *Arrivals
	}{
		{"nothing", standard, &Arrivals{}},
		{"too few", standard, line(Least-1, 200*ms, ms, 200*ms, 0)},
		{"a quiet network, default", standard, line(Least, 200*ms, ms, 200*ms, 3*ms)},
		{"a quiet network, fast", fast, line(40_000, 50*ms, ms, 50*ms, 3*ms)},
		{"a beat late by 90ms", fast, line(Least, 50*ms, ms, 50*ms, 90*ms)},
		{"the peer stood still for 1.5s", standard, line(Least, 200*ms, ms, 200*ms, 1500*ms)},
		{"a serial line at 115200 alone", standard, line(Least, 200*ms, 28*ms, 200*ms, 5*ms)},
		{"a serial line at 9600 alone", standard, line(Least, 200*ms, 330*ms, 400*ms, 5*ms)},
	} {
		advice := Advise(c.now, c.all)
		fmt.Fprintf(&out, "%s: %v, alone %v\n", c.name, advice.Setting, Alone(c.now.Interval, c.all))
		for _, reason := range advice.Reasons {
			fmt.Fprintf(&out, "  - %s\n", reason)
		}
		s := advice.Setting
		if s != (Setting{}) && (s.Deadtime < 3*s.Interval || s.Warntime <= s.Interval || s.Warntime >= s.Deadtime) {
			t.Errorf("%s: the configuration would be refused: %v", c.name, s)
		}
	}
	if *rewrite {
		if err := os.WriteFile("testdata/advice.golden", []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/advice.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
