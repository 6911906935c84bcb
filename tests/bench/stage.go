package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/storeward/storeward/tests/bench/peers"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// pair is a store's two nodes under some product's care.
type pair interface {
	// Restore waits until one node serves and the other could take over, and returns the one that serves.
	Restore(ctx context.Context) (active *lab.Node, err error)
	// Revive has a node without power get it.
	Revive() error
}

// contender is a product with its settings.
type contender struct {
	name, fencing string
	// missing names a Debian package without which it cannot run here; empty: none.
	missing func() string
	start   func(ctx context.Context, s *stage, store *lab.Store) (pair, error)
}

// entrant is a contender at work in its own store.
type entrant struct {
	contender
	pair
	store *lab.Store
}

// stage is a lab with a store for each contender, all at work at the same time,
// so that whatever disturbs the machine disturbs all alike.
type stage struct {
	Options
	console  bool // ours report to one
	lab      *lab.Lab
	hq       *harness.Headquarters
	entrants []*entrant
}

// ours is the product at a timing.
func ours(t harness.Timing, daemon ...string) contender {
	return contender{
		name: t.Name, fencing: "UPS, read back", missing: func() string { return "" },
		start: func(ctx context.Context, s *stage, store *lab.Store) (pair, error) {
			site, err := harness.StartIn(ctx, s.lab, store, harness.Options{
				Programs: s.Programs, Root: s.Root, Timing: t, Services: harness.Echo,
				OffTime: offTime, Console: s.console, HQ: s.hq, Daemon: daemon,
			})
			if err != nil {
				return nil, err
			}
			s.hq = site.HQ
			return ourPair{site}, nil
		},
	}
}

type ourPair struct{ *harness.Site }

// Revive leaves it to the product, whose policy gives the power back.
func (ourPair) Revive() error { return nil }

// peer is another product.
func peer(s peers.Stack) contender {
	return contender{
		name: s.Name, fencing: s.Fencing, missing: s.Missing,
		start: func(_ context.Context, _ *stage, store *lab.Store) (pair, error) { return peers.Start(store, s) },
	}
}

// present drops contenders that cannot run here and says so.
func (o Options) present(list []contender) []contender {
	return slices.DeleteFunc(slices.Clone(list), func(c contender) bool {
		debian := c.missing()
		if debian != "" {
			fmt.Fprintf(o.Out, "SKIPPED %s: the Debian package %s is not installed; tests/lab/install.sh bench does it\n", c.name, debian)
		}
		return debian != ""
	})
}

// choose returns the rows that were asked for, all without any, and refuses those
// that do not exist. It comes before anything is measured.
func choose[T any](o Options, all []T, name func(T) string) ([]T, error) {
	var names []string
	for _, row := range all {
		names = append(names, name(row))
	}
	for _, row := range o.Rows {
		if !slices.Contains(names, row) {
			return nil, fmt.Errorf("no row %q: there are %s", row, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(row T) bool {
		return len(o.Rows) > 0 && !slices.Contains(o.Rows, name(row))
	}), nil
}

// row is the contender's where a table has one for each.
func (c contender) row() string { return c.name }

// raise builds the lab and starts every contender in it.
func raise(ctx context.Context, o Options, console bool, list []contender) (*stage, error) {
	if len(list) == 0 {
		return nil, errors.New("no row is left to measure")
	}
	l, err := lab.Up(ctx, lab.Options{Name: o.Lab, Stores: len(list)})
	if err != nil {
		return nil, err
	}
	s := &stage{Options: o, console: console, lab: l}
	for i, c := range list {
		p, err := c.start(ctx, s, l.Store(i+1))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", c.name, err), l.Down())
		}
		s.entrants = append(s.entrants, &entrant{c, p, l.Store(i + 1)})
	}
	return s, nil
}

// whole waits until every pair is whole.
func (s *stage) whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, e := range s.entrants {
		if _, err := e.Restore(ctx); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		fmt.Fprintf(s.Out, "%s is whole\n", e.name)
	}
	return nil
}

// down takes the lab down. Two active nodes that the lab's oracle saw are told, and are a fault of ours only in our stores.
func (s *stage) down() error {
	var errs []error
	for _, v := range s.lab.Audit.Violations() {
		for _, e := range s.entrants {
			if e.store.Name != v.Subject {
				continue
			}
			fmt.Fprintf(s.Out, "%s: the lab's oracle saw that %s\n", e.name, v.Text)
			if _, own := e.pair.(ourPair); own {
				errs = append(errs, fmt.Errorf("%s: the lab's oracle saw that %s", e.name, v.Text))
			}
		}
	}
	return errors.Join(append(errs, s.lab.Down())...)
}

// dual counts how often the oracle saw both nodes of a store have something.
func (s *stage) dual(e *entrant) int {
	n := 0
	for _, v := range s.lab.Audit.Violations() {
		if v.Subject == e.store.Name {
			n++
		}
	}
	return n
}
