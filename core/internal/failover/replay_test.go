package failover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each node of each scenario is replayed from its ring of decision inputs, as
// storewardctl simulate does it: the same machine must come out.
func TestReplayDecidesTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		if raced && i%4 != 0 {
			continue // make test-sim replays them all
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			replaySame(t, file)
		})
	}
}

// longReplay is the longest scenario that is replayed: a ring's text is most of the work.
const longReplay = 30 * time.Second

func replaySame(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newScenario()
	rings := map[*Machine]*strings.Builder{}
	nodes := map[*Machine]*benchNode{}
	s.bench.record = func(n *benchNode, e Event) {
		if s.bench.now > longReplay {
			return
		}
		ring := rings[n.machine]
		if ring == nil {
			ring = &strings.Builder{}
			rings[n.machine], nodes[n.machine] = ring, n
			n.machine.boot.header(ring, n)
		}
		ring.WriteString(s.bench.now.String() + " " + e.String() + "\n")
	}
	if err := s.read(strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
	if s.bench.now > longReplay {
		t.Skip("takes longer than ", longReplay, ": TestScenarios plays it, and its ring would be most of this test's time")
	}
	for m, ring := range rings {
		n := nodes[m]
		if n.machine != m || n.stalls {
			continue // of an earlier start
		}
		again := newScenario()
		if err := again.read(strings.NewReader(ring.String())); err != nil {
			t.Fatal(err)
		}
		got := again.replay.machine
		again.replayTo(again.replay, s.bench.now, Tick{})
		if diff := cmp.Diff(m.View(s.bench.now), got.View(s.bench.now)); diff != "" {
			t.Errorf("%s: %s", n.name, diff)
		}
	}
}

// header writes the header of a node's ring.
func (b Boot) header(ring *strings.Builder, n *benchNode) {
	ring.WriteString(n.policy.String() + "\n" + n.began.String() + "\n" + b.String() + "\n")
}

func BenchmarkDecide(b *testing.B) {
	s := newScenario()
	if err := s.read(strings.NewReader("start alpha active\nstart beta standby\nrun 3s\n")); err != nil {
		b.Fatal(err)
	}
	m, now := s.bench.nodes[1].machine, s.bench.now
	b.ReportAllocs()
	for b.Loop() {
		m.Decide(now)
	}
}
