package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

const (
	// askEvery is the client's pace.
	askEvery = 5 * time.Millisecond
	// restoreBound and answerBound bound a trial: heartbeat's defaults need half a minute to answer.
	restoreBound = 2 * time.Minute
	answerBound  = time.Minute
)

// trial is one change of the active node, as a client at the store's till sees it.
func (s *stage) trial(ctx context.Context, c *course, folder string) (err error) {
	restoring, cancel := context.WithTimeout(ctx, restoreBound)
	defer cancel()
	active, err := c.at.Restore(restoring)
	if err != nil {
		return err
	}
	store := c.at.store
	client, err := store.Till.StartProbe(store.VIP(1)+":"+lab.EchoPort, askEvery, filepath.Join(folder, "answers"))
	if err != nil {
		return err
	}
	defer func() {
		_ = client.Stop() // it may have been killed with the lab
		if reviveErr := c.at.Revive(); err == nil {
			err = reviveErr
		}
	}()
	if err := settle(ctx, client, active); err != nil {
		return err
	}
	ctx, cancelAnswer := context.WithTimeout(ctx, answerBound)
	defer cancelAnswer()
	cut := lab.Monotonic()
	if err := c.change(ctx, active); err != nil {
		return err
	}
	last, first, err := awaitHandover(ctx, client, active, cut)
	if err != nil {
		return err
	}
	gap, fromCut := milliseconds(first.End-last.End), milliseconds(first.End-cut)
	c.gaps, c.fromCut = append(c.gaps, gap), append(c.fromCut, fromCut)
	fmt.Fprintf(s.Out, "%-20s %2d: %s was active; gap %.1f ms, from the change %.1f ms; load %s\n", c.name, len(c.gaps), active.Name, gap, fromCut, load())
	return nil
}

// settle waits 1.5 to 2.5 s, a random part of everybody's own rhythms, while the active node answers.
func settle(ctx context.Context, client *lab.Probe, active *lab.Node) error {
	if err := pause(ctx, 1500*time.Millisecond+rand.N(time.Second)); err != nil {
		return err
	}
	samples, err := client.Samples()
	if err != nil {
		return err
	}
	if len(samples) == 0 || samples[len(samples)-1].Node != active.Name || lab.Monotonic()-samples[len(samples)-1].End > time.Second {
		return fmt.Errorf("%s holds the address and does not answer", active.Name)
	}
	return nil
}

func awaitHandover(ctx context.Context, client *lab.Probe, active *lab.Node, cut time.Duration) (last, first lab.ProbeSample, err error) {
	err = harness.Until(ctx, "the survivor answers", func() (string, bool) {
		samples, err := client.Samples()
		if err != nil {
			return err.Error(), false
		}
		var ok bool
		last, first, ok = handover(samples, active.Name, cut)
		return "no answer of the other node since the change", ok
	})
	return last, first, err
}

// handover finds the survivor's first answer and the other node's last one before it.
// Answers are logged as they come in, so their order need not be that of their ends.
func handover(samples []lab.ProbeSample, old string, cut time.Duration) (last, first lab.ProbeSample, ok bool) {
	for _, s := range samples {
		if s.Node != old && s.End > cut && (!ok || s.End < first.End) {
			first, ok = s, true
		}
	}
	for _, s := range samples {
		if s.Node == old && s.End > last.End && s.End < first.End {
			last = s
		}
	}
	return last, first, ok
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
