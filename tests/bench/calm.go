package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/storeward/storeward/tests/lab"
)

// calmRounds are who is watched together. The fastest settings are the limit of
// the machine; they are watched alone, so that what they do disturbs nobody.
var calmRounds = [][]contender{
	{fast, slow, keepalivedFast, keepalivedRealtime, heartbeatFast, pacemakerFast},
	{fastest},
}

// Calm watches pairs at their fast settings while every core is overloaded and
// memory is moving: nothing may be taken over, because nobody's power was cut.
func Calm(ctx context.Context, o Options) error {
	wanted, err := choose(o, slices.Concat(calmRounds...), contender.row)
	if err != nil {
		return err
	}
	result := newOutcome("calm")
	t := table{
		title: fmt.Sprintf("What %v of overload did (%d spinning processes, memory pressure) while nobody's power was cut", o.For, spinners),
		head:  []string{"pair", "fencing", "takeovers", "nodes cut", "generations raised", "both active"},
	}
	for _, round := range calmRounds {
		list := o.present(slices.DeleteFunc(slices.Clone(round), func(c contender) bool {
			return !slices.ContainsFunc(wanted, func(w contender) bool { return w.name == c.name })
		}))
		if len(list) == 0 {
			continue
		}
		if err := calmRound(ctx, o, list, result, &t); err != nil {
			return err
		}
	}
	result.tables = append(result.tables, t)
	return result.publish(o)
}

func calmRound(ctx context.Context, o Options, list []contender, result *outcome, t *table) (err error) {
	s, err := raise(ctx, o, false, list)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.down()) }()
	if err := s.whole(ctx); err != nil {
		return err
	}
	var watches []*watch
	for _, e := range s.entrants {
		w, err := newWatch(ctx, s, e)
		if err != nil {
			return err
		}
		defer close(w.stop)
		watches = append(watches, w)
	}
	stop, err := startLoad(s.lab)
	if err != nil {
		return err
	}
	err = s.watchCalm(ctx)
	stop()
	if err != nil {
		return err
	}
	for _, w := range watches {
		if err := w.report(ctx, s, result, t); err != nil {
			return err
		}
	}
	return nil
}

// watchCalm waits, and gives power back to nodes that were cut.
func (s *stage) watchCalm(ctx context.Context) error {
	for deadline := time.Now().Add(s.For); time.Now().Before(deadline); {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		for _, e := range s.entrants {
			if err := e.Revive(); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch counts what happens to a pair.
type watch struct {
	*entrant
	stop       chan struct{}
	taken      atomic.Int64 // how often a node got the virtual address
	boots      int
	dual       int // what the oracle saw before, while the pairs came up
	generation uint64
}

func newWatch(ctx context.Context, s *stage, e *entrant) (*watch, error) {
	w := &watch{entrant: e, stop: make(chan struct{}), boots: boots(e.store), dual: s.dual(e)}
	for _, n := range e.store.Nodes {
		err := n.Space.WatchAddresses(w.stop, func(ip string) {
			if ip == e.store.VIP(1) {
				w.taken.Add(1)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	var err error
	w.generation, err = generation(ctx, e)
	return w, err
}

// boots counts how often the store's nodes were given power.
func boots(s *lab.Store) int { return s.Nodes[0].Boots() + s.Nodes[1].Boots() }

// generation is the pair's; 0 for products that have none.
func generation(ctx context.Context, e *entrant) (uint64, error) {
	site, own := e.pair.(ourPair)
	if !own {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, restoreBound)
	defer cancel()
	active, err := site.Restore(ctx)
	if err != nil {
		return 0, err
	}
	state, err := site.State(ctx, active)
	return state.GetGeneration(), err
}

func (w *watch) report(ctx context.Context, s *stage, result *outcome, t *table) error {
	taken, dual := w.taken.Load(), s.dual(w.entrant)-w.dual
	cut := boots(w.store) - w.boots
	for _, n := range w.store.Nodes {
		if !n.Alive() {
			cut++
		}
	}
	count := func(what string, n int) {
		result.figures = append(result.figures, figure(w.name+": "+what, "count", []float64{float64(n)}))
	}
	count("takeovers nobody asked for", int(taken))
	count("nodes cut", cut)
	raised := ""
	if _, own := w.pair.(ourPair); own {
		after, err := generation(ctx, w.entrant)
		if err != nil {
			return err
		}
		count("generations raised", int(after-w.generation))
		raised = fmt.Sprint(after - w.generation)
	}
	count("both active", dual)
	t.add(w.name, w.fencing, fmt.Sprint(taken), fmt.Sprint(cut), raised, fmt.Sprint(dual))
	return nil
}
