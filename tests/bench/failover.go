package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/storeward/storeward/tests/lab"
)

// row is one line of the failover table: what is done to a pair again and again.
type row struct {
	name string
	of   contender
	// planned: an operator asks for the change; else the active node's power is cut.
	planned bool
	// every so many rounds only is it measured: it takes long.
	every int
}

// failoverRows are all there are, in the order of the table.
var failoverRows = []row{
	{name: "fast", of: fast, every: 1},
	{name: "fast-no-carrier", of: blunt, every: 1},
	{name: "fastest", of: fastest, every: 1},
	{name: "default", of: slow, every: 1},
	{name: "switchover", of: fast, planned: true, every: 1},
	{name: "keepalived-fast", of: keepalivedFast, every: 1},
	{name: "keepalived", of: keepalivedDefault, every: 3},
	{name: "heartbeat-fast", of: heartbeatFast, every: 1},
	{name: "heartbeat-fast-stub", of: heartbeatStub, every: 1},
	{name: "heartbeat", of: heartbeatDefault, every: 10},
	{name: "pacemaker-fast", of: pacemakerFast, every: 1},
	{name: "pacemaker", of: pacemakerDefault, every: 3},
}

// most failed trials of a row before it is given up.
const mostFailed = 3

// course is a row under measurement.
type course struct {
	row
	at            *entrant
	gaps, fromCut []float64 // ms
	failed        int
}

// Failover changes the active node again and again and measures how long a
// client that asks every 5 ms is without an answer. Every row has a pair of its
// own in the same lab; one trial runs at a time, the rows in turn.
func Failover(ctx context.Context, o Options) (err error) {
	rows, contenders, err := o.chooseRows()
	if err != nil {
		return err
	}
	result := newOutcome("failover")
	s, err := raise(ctx, o, true, contenders)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.down()) }()
	if err := s.whole(ctx); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "storeward-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	courses := s.courses(rows)
	for round := range o.Trials {
		for _, i := range rand.Perm(len(courses)) {
			c := courses[i]
			if round%c.every != 0 || c.failed >= mostFailed {
				continue
			}
			if err := s.trial(ctx, c, folder); ctx.Err() != nil {
				return ctx.Err()
			} else if err != nil {
				c.failed++
				fmt.Fprintf(o.Out, "%s round %d: FAILED: %v\n", c.name, round+1, err)
			}
		}
	}
	phases, err := s.phases(ctx)
	if err != nil {
		return err
	}
	result.takeFailovers(courses, phases)
	return result.publish(o)
}

// chooseRows finds the wanted rows whose products are installed.
func (o Options) chooseRows() (rows []row, contenders []contender, err error) {
	if rows, err = choose(o, failoverRows, func(r row) string { return r.name }); err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		if !slices.ContainsFunc(contenders, func(c contender) bool { return c.name == r.of.name }) {
			contenders = append(contenders, r.of)
		}
	}
	contenders = o.present(contenders)
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return !slices.ContainsFunc(contenders, func(c contender) bool { return c.name == r.of.name })
	})
	return rows, contenders, nil
}

func (s *stage) courses(rows []row) []*course {
	var all []*course
	for _, r := range rows {
		i := slices.IndexFunc(s.entrants, func(e *entrant) bool { return e.name == r.of.name })
		all = append(all, &course{row: r, at: s.entrants[i]})
	}
	return all
}

// change makes the other node the active one.
func (c *course) change(ctx context.Context, active *lab.Node) error {
	if !c.planned {
		return active.Kill()
	}
	site := c.at.pair.(ourPair)
	_, err := site.Ctl(ctx, active, "switchover", "--yes")
	return err
}

// takeFailovers makes figures, tables and plot.
func (r *outcome) takeFailovers(courses []*course, phases []phaseRow) {
	times := table{
		title: "Milliseconds from the power cut of the active node (switchover: from its last answer) to the survivor's first answer",
		head:  slices.Concat([]string{"row", "fencing"}, summaryHead, []string{"failed"}),
	}
	var bars []bar
	for _, c := range courses {
		gap, fromCut := figure(c.name+": last answer to first answer", "ms", c.gaps), figure(c.name+": cut to first answer", "ms", c.fromCut)
		r.figures = append(r.figures, gap, fromCut)
		shown := fromCut
		if c.planned {
			shown = gap
		}
		times.add(slices.Concat([]string{c.name, c.at.fencing}, shown.summary(), []string{fmt.Sprint(c.failed)})...)
		_, own := c.at.pair.(ourPair)
		bars = append(bars, bar{c.name, c.at.fencing, own, shown})
	}
	r.tables = append(r.tables, times)
	if len(phases) > 0 {
		parts := table{title: "Our phases, as the nodes reported them to the console, ms", head: slices.Concat([]string{"row", "phase"}, summaryHead)}
		for _, p := range phases {
			r.figures = append(r.figures, p.Figure)
			parts.add(slices.Concat([]string{p.row, p.phase}, p.summary())...)
		}
		r.tables = append(r.tables, parts)
	}
	r.plot = plot(times.title, bars)
}
