// Package snapshot gathers the evidence of a failure from this node: the machine,
// its busiest processes, the last log lines, what plugins contribute, and the
// flight recorder's samples. It gathers in parallel within a bound and is partial
// rather than late; what is missing is named. It changes nothing and concludes
// nothing.
package snapshot

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/sdk"
)

// Bound is how long Gather takes at most unless told otherwise.
const Bound = 2 * time.Second

// EvidenceSource is a plugin instance that contributes evidence.
type EvidenceSource struct {
	Name   string
	Gather func(ctx context.Context) ([]sdk.Item, error)
}

// Sources are what a snapshot is made of. What is nil is left out without being called missing.
type Sources struct {
	// Node and Source go into the snapshot; an empty Source means "self".
	Node, Source string
	Now          func() time.Time
	// Moment is what the flight samples lie around; zero: now.
	Moment    time.Time
	Status    func() *api.Status
	Host      *Host
	Processes *Processes
	Evidence  []EvidenceSource
	Log       func() []string
	Flight    func(moment time.Time) []*api.Sample
	// Within bounds the whole; 0: Bound.
	Within time.Duration
}

// part is one thing gathered by itself; what it returns puts the outcome into the snapshot.
type part struct {
	name   string
	gather func(ctx context.Context) (func(*api.Snapshot), error)
}

// Gather returns what could be gathered within the bound. It never fails.
func Gather(ctx context.Context, s Sources) *api.Snapshot {
	if s.Within == 0 {
		s.Within = Bound
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Source == "" {
		s.Source = "self"
	}
	taken := s.Now()
	if s.Moment.IsZero() {
		s.Moment = taken
	}
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	snap := &api.Snapshot{Node: s.Node, Source: s.Source, Taken: timestamppb.New(taken)}
	collect(ctx, snap, s.parts())
	return snap
}

// collect runs all parts at once and applies what they found in their order, so
// that a snapshot does not depend on who was first.
func collect(ctx context.Context, snap *api.Snapshot, parts []part) {
	type outcome struct {
		index int
		apply func(*api.Snapshot)
		err   error
	}
	done := make(chan outcome, len(parts)) // room for all: a part that comes too late does not hang
	for i, p := range parts {
		go func() {
			apply, err := p.gather(ctx)
			done <- outcome{i, apply, err}
		}()
	}
	outcomes := make([]*outcome, len(parts))
	for range parts {
		select {
		case o := <-done:
			outcomes[o.index] = &o
			continue
		case <-ctx.Done():
		}
		break
	}
	for drained := false; !drained; { // what came together with the end counts
		select {
		case o := <-done:
			outcomes[o.index] = &o
		default:
			drained = true
		}
	}
	for i, o := range outcomes {
		switch {
		case o == nil:
			snap.Missing = append(snap.Missing, parts[i].name+": not in time")
		case o.err != nil:
			snap.Missing = append(snap.Missing, parts[i].name+": "+o.err.Error())
		}
		if o != nil && o.apply != nil {
			o.apply(snap)
		}
	}
	snap.Partial = len(snap.Missing) > 0
}

func (s Sources) parts() []part {
	var parts []part
	add := func(name string, gather func(ctx context.Context) (func(*api.Snapshot), error)) {
		parts = append(parts, part{name, gather})
	}
	if s.Status != nil {
		add("status", func(context.Context) (func(*api.Snapshot), error) {
			status := s.Status()
			return func(snap *api.Snapshot) { snap.Status = status }, nil
		})
	}
	if s.Host != nil {
		parts = append(parts, s.Host.parts()...)
	}
	if s.Processes != nil {
		add("processes", func(ctx context.Context) (func(*api.Snapshot), error) {
			list, err := s.Processes.Busiest(ctx)
			return func(snap *api.Snapshot) { snap.Processes = list }, err
		})
	}
	if s.Log != nil {
		add("log", func(context.Context) (func(*api.Snapshot), error) {
			lines := s.Log()
			return func(snap *api.Snapshot) { snap.LogLines = lines }, nil
		})
	}
	if s.Flight != nil {
		add("flight", func(context.Context) (func(*api.Snapshot), error) {
			samples := s.Flight(s.Moment)
			return func(snap *api.Snapshot) { snap.Flight = samples }, nil
		})
	}
	for _, source := range s.Evidence {
		add("evidence/"+source.Name, source.part)
	}
	return parts
}

func (e EvidenceSource) part(ctx context.Context) (func(*api.Snapshot), error) {
	items, err := e.Gather(ctx)
	list := make([]*api.EvidenceItem, 0, len(items))
	for _, item := range items {
		list = append(list, &api.EvidenceItem{Name: e.Name + "/" + item.Name, Text: item.Text, Values: item.Values})
	}
	slices.SortStableFunc(list, func(a, b *api.EvidenceItem) int {
		switch {
		case a.GetName() < b.GetName():
			return -1
		case a.GetName() > b.GetName():
			return 1
		}
		return 0
	})
	return func(snap *api.Snapshot) { snap.Evidence = append(snap.Evidence, list...) }, err
}
