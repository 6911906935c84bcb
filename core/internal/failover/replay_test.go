package failover

import (
	"errors"
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
		if err := again.replay.verdict(); err != nil {
			t.Errorf("%s: %v", n.name, err)
		}
		got := again.replay.node.machine
		again.replayTo(again.replay.node, s.bench.now, Tick{})
		if diff := cmp.Diff(m.View(s.bench.now), got.View(s.bench.now)); diff != "" {
			t.Errorf("%s: %s", n.name, diff)
		}
	}
}

// TestReplaySaysWhatItCannotKnow: a record without the calls of Decide, an answer to an
// order that was not given, lines that are missing.
func TestReplaySaysWhatItCannotKnow(t *testing.T) {
	head := samplePolicy().String() + "\nstate gen=1\nboot inc=1 kernel=k\n"
	for name, c := range map[string]struct{ text, want, fault string }{
		"an older record":        {head + "1s tick\n", outputMark + inexact + "\npolicy ", ""},
		"an exact one":           {head + "1s started\n1s tick\n+ tick\n", "policy ", ""},
		"an order never given":   {head + "1s started\n1s tick\n2s persisted id=persist-11\n2.1s tick\n", "policy ", "line 6: the node was answered to its order persist-11, which this replay did not give"},
		"missing lines":          {head + "1s started\nlost 7\n+ tick\n2s tick\n", "policy ", "line 5: 7 lines of the record are missing here"},
		"a message with a sign":  {head + "1s started\n1s resource name=db message=\"# 1 of 2\"\n", "policy ", ""},
		"an image of its future": {head + "1s started\n1s tick\n1s machine {\"now\":5}\n", "policy ", "line 6: the replay's machine is not the node's"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := RunScenario(strings.NewReader(c.text))
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("begins %.200q, want %.200q", got, c.want)
			}
			if c.fault == "" && err != nil || c.fault != "" && (!errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("error %v, want %q", err, c.fault)
			}
			if c.fault != "" && !strings.Contains(got, "not what the node did, and not shown") {
				t.Errorf("it does not say so:\n%s", got)
			}
		})
	}
	if _, err := RunScenario(strings.NewReader("lost 4\n1s tick\n")); err == nil || !strings.Contains(err.Error(), "begins in the middle") {
		t.Errorf("a record without a beginning: %v", err)
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
