package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// Options says where the programs are and how much to measure.
type Options struct {
	Programs, Root string
	Out            io.Writer
	Trials         int
	For            time.Duration
	Rows           []string // of failover: fast, default
	Lab            string   // the lab's name; two at once need two
}

// Failover cuts the active node's power again and again and measures until the
// survivor answers through the virtual IP: fenced, the trivial TCP service, a
// client that asks every 5 ms.
func Failover(ctx context.Context, o Options) error {
	var figures []Figure
	for _, timing := range []harness.Timing{harness.Fast, harness.Default} {
		if !slices.Contains(o.Rows, timing.Name) {
			continue
		}
		row, err := failoverRow(ctx, o, timing)
		if err != nil {
			return fmt.Errorf("row %s: %w", timing.Name, err)
		}
		figures = append(figures, row...)
	}
	return publish(o.Out, o.Root, "failover", figures)
}

func failoverRow(ctx context.Context, o Options, timing harness.Timing) (figures []Figure, err error) {
	site, err := harness.Start(ctx, harness.Options{
		Lab: lab.Options{Name: o.Lab}, Programs: o.Programs, Root: o.Root,
		Timing: timing, Services: harness.Echo, OffTime: time.Second, Console: true,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.Down()) }()
	folder, err := os.MkdirTemp("", "storeward-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	probe, err := site.Store.Till.StartProbe(site.Store.VIP(1)+":"+lab.EchoPort, 5*time.Millisecond, filepath.Join(folder, "probe"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, probe.Stop()) }()

	m := &measurement{site: site, probe: probe, out: o.Out, name: timing.Name}
	for trial := 1; trial <= o.Trials; trial++ {
		if err := m.trial(ctx, trial); err != nil {
			return nil, fmt.Errorf("trial %d: %w", trial, err)
		}
	}
	return m.figures(ctx, timing.Name)
}

// measurement is the state of one row.
type measurement struct {
	site  *harness.Site
	probe *lab.Probe
	out   io.Writer
	name  string

	gaps, fromCut []float64
}

func (m *measurement) trial(ctx context.Context, number int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	active, err := m.site.Restore(ctx)
	if err != nil {
		return err
	}
	if err := m.settle(ctx, active); err != nil {
		return err
	}
	cut := lab.Monotonic()
	if err := active.Kill(); err != nil {
		return err
	}
	var last, first lab.ProbeSample
	err = harness.Until(ctx, "the survivor answers", func() (string, bool) {
		samples, err := m.probe.Samples()
		if err != nil {
			return err.Error(), false
		}
		var ok bool
		last, first, ok = handover(samples, active.Name, cut)
		return "no answer since the cut", ok
	})
	if err != nil {
		return err
	}
	gap, fromCut := milliseconds(first.End-last.End), milliseconds(first.End-cut)
	m.gaps, m.fromCut = append(m.gaps, gap), append(m.fromCut, fromCut)
	fmt.Fprintf(m.out, "%s trial %2d: cut %s, gap %.1f ms, from the cut %.1f ms\n", m.name, number, active.Name, gap, fromCut)
	return nil
}

// settle waits 2 to 3 s, a random part of the product's own rhythms, while the active node answers.
func (m *measurement) settle(ctx context.Context, active *lab.Node) error {
	wait := time.NewTimer(2*time.Second + time.Duration(rand.Int64N(int64(time.Second))))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	samples, err := m.probe.Samples()
	if err != nil {
		return err
	}
	if len(samples) == 0 || samples[len(samples)-1].Node != active.Name || lab.Monotonic()-samples[len(samples)-1].End > time.Second {
		return fmt.Errorf("%s holds the address and does not answer", active.Name)
	}
	return nil
}

// handover finds the dead node's last answer and the survivor's first one. Answers
// are logged as they come in, so their order need not be that of their ends.
func handover(samples []lab.ProbeSample, dead string, cut time.Duration) (last, first lab.ProbeSample, ok bool) {
	for _, s := range samples {
		switch {
		case s.Node == dead && s.End > last.End && s.Start < cut+time.Second:
			last = s
		case s.Node != dead && s.End > cut && (!ok || s.End < first.End):
			first, ok = s, true
		}
	}
	return last, first, ok
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// figures sums up the row, with the phases as the product itself reported them.
func (m *measurement) figures(ctx context.Context, row string) ([]Figure, error) {
	list := []Figure{
		figure(row+": last answer to first answer", "ms", m.gaps),
		figure(row+": cut to first answer", "ms", m.fromCut),
	}
	phases, err := m.phases(ctx)
	if err != nil {
		return nil, err
	}
	var parts []Figure
	for name, samples := range phases {
		parts = append(parts, figure(row+": phase "+name, "ms", samples))
	}
	slices.SortFunc(parts, byPhase)
	return append(list, parts...), nil
}

// phases reads the reported durations of every failover from the console.
func (m *measurement) phases(ctx context.Context) (map[string][]float64, error) {
	client, err := m.site.HQ.Client(ctx)
	if err != nil {
		return nil, err
	}
	var list struct {
		Incidents []struct {
			ID   string `json:"id"`
			Kind string `json:"kind"`
		} `json:"incidents"`
	}
	if err := client.Get(ctx, "/api/v1/incidents?limit=200", &list); err != nil {
		return nil, err
	}
	phases := map[string][]float64{}
	for _, row := range list.Incidents {
		if row.Kind != "failover" {
			continue
		}
		var incident struct {
			Phases []struct {
				Name            string  `json:"name"`
				DurationSeconds float64 `json:"durationSeconds"`
			} `json:"phases"`
		}
		if err := client.Get(ctx, "/api/v1/incidents/"+row.ID, &incident); err != nil {
			return nil, err
		}
		for _, p := range incident.Phases {
			phases[p.Name] = append(phases[p.Name], p.DurationSeconds*1000)
		}
	}
	return phases, nil
}
