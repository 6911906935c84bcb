package incident

import (
	ordered "cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

var at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func stamp(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(at.Add(d)) }

func flight(n float64) []*api.Sample {
	return []*api.Sample{{Time: stamp(0), Values: map[string]float64{"load1": n}}}
}

type saying struct {
	author string
	body   *api.Incident
}

// sayings are a failover as the survivor beta told it, and what alpha added.
func sayings() []saying {
	base := func(revision uint32) *api.Incident {
		return &api.Incident{Id: "i1", Revision: revision, Kind: "failover", Title: "r" + fmt.Sprint(revision), Survivor: "beta", FailedNode: "alpha", Opened: stamp(0)}
	}
	one, two, three := base(1), base(2), base(3)
	one.Snapshots = []*api.Snapshot{{Node: "beta", Source: "self", Flight: flight(1)}}
	two.Snapshots = []*api.Snapshot{{Node: "alpha", Source: "peer channel", Flight: flight(2)}, {Node: "beta", Source: "self", Host: &api.Host{Load1: 2}}}
	two.RecoverySeconds = 0.5
	three.RecoverySeconds, three.Closed, three.Redundant = 0.5, stamp(time.Minute), stamp(time.Minute)
	three.Timeline = []*api.TimelineEntry{{Time: stamp(time.Second), Node: "beta", Text: "dead"}}
	mine := &api.Incident{
		Id: "i1", Revision: 9, Kind: "failover", Title: "what alpha saw",
		Snapshots: []*api.Snapshot{{Node: "alpha", Source: "self", Flight: flight(3)}},
		Timeline:  []*api.TimelineEntry{{Time: stamp(0), Node: "alpha", Text: "dark"}},
	}
	return []saying{{"beta", one}, {"beta", two}, {"beta", three}, {"alpha", mine}}
}

func open(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, p := range permutations(n - 1) {
		for i := 0; i <= len(p); i++ {
			q := append(append(append([]int{}, p[:i]...), n-1), p[i:]...)
			out = append(out, q)
		}
	}
	return out
}

// TestEvidenceBeforeTheStory: after a cut of the line, what a node that came back adds can
// arrive first; the incident has a title then too, and the story's own one after it.
func TestEvidenceBeforeTheStory(t *testing.T) {
	ctx := context.Background()
	d := open(t)
	evidence := &api.Incident{Id: "i1", Opened: stamp(0), Snapshots: []*api.Snapshot{{Node: "alpha", Source: "self"}}}
	story := &api.Incident{Id: "i1", Revision: 1, Kind: "failover", Title: "alpha failed", Survivor: "beta", FailedNode: "alpha", Opened: stamp(0)}
	for _, step := range []saying{{"alpha", evidence}, {"beta", story}} {
		row, err := Merge(ctx, d.Write, "s1", step.author, step.body, at)
		if err != nil {
			t.Fatal(err)
		}
		_, whole, err := Read(ctx, d.Read, "s1", "i1")
		if err != nil {
			t.Fatal(err)
		}
		want := ordered.Or(step.body.GetTitle(), "What happened is not told yet: only evidence of alpha has come")
		if row.Title != want || whole.GetTitle() != want {
			t.Errorf("after %s: titles %q and %q, want %q", step.author, row.Title, whole.GetTitle(), want)
		}
	}
}

// TestMergeInAnyOrder tells the same story in every order, and some of it twice.
func TestMergeInAnyOrder(t *testing.T) {
	ctx := context.Background()
	d := open(t)
	want := &api.Incident{
		Id: "i1", Revision: 3, Kind: "failover", Title: "r3", Survivor: "beta", FailedNode: "alpha", Opened: stamp(0),
		Closed: stamp(time.Minute), Redundant: stamp(time.Minute), RecoverySeconds: 0.5,
		Timeline: []*api.TimelineEntry{{Time: stamp(0), Node: "alpha", Text: "dark"}, {Time: stamp(time.Second), Node: "beta", Text: "dead"}},
		Snapshots: []*api.Snapshot{
			{Node: "alpha", Source: "self", Flight: flight(3)},
			{Node: "alpha", Source: "peer channel", Flight: flight(2)},
			{Node: "beta", Source: "self", Host: &api.Host{Load1: 2}, Flight: flight(1)},
		},
	}
	for i, order := range permutations(4) {
		store := fmt.Sprintf("s%d", i)
		for _, k := range append(order, order[0]) {
			s := sayings()[k]
			if _, err := Merge(ctx, d.Write, store, s.author, s.body, at); err != nil {
				t.Fatal(err)
			}
		}
		row, got, err := Read(ctx, d.Read, store, "i1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("order %v:\n%s", order, diff)
		}
		if row.Revision != 3 || row.Title != "r3" || row.Closed == 0 || row.RecoverySeconds != 0.5 {
			t.Fatalf("order %v: row %+v", order, row)
		}
	}
}

func TestMergeDoesNotChangeItsInput(t *testing.T) {
	d := open(t)
	s := sayings()[0]
	before := proto.CloneOf(s.body)
	if _, err := Merge(context.Background(), d.Write, "s1", s.author, s.body, at); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.body, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestFindAndList(t *testing.T) {
	ctx := context.Background()
	d := open(t)
	add := func(store, id string, opened time.Duration, closed bool) {
		in := &api.Incident{Id: id, Opened: stamp(opened)}
		if closed {
			in.Closed = stamp(opened + time.Minute)
		}
		if _, err := Merge(ctx, d.Write, store, "alpha", in, at); err != nil {
			t.Fatal(err)
		}
	}
	add("s1", "a", 0, true)
	add("s1", "b", time.Hour, false)
	add("s2", "a", 2*time.Hour, false)
	if _, _, err := Read(ctx, d.Read, "", "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
	if _, _, err := Read(ctx, d.Read, "", "a"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("id of two stores: %v", err)
	}
	if row, _, err := Read(ctx, d.Read, "s2", "a"); err != nil || row.Store != "s2" {
		t.Errorf("store named: %+v %v", row, err)
	}
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Limit: 9}, "s2/a s1/b s1/a "},
		{Query{Limit: 2}, "s2/a s1/b "},
		{Query{Limit: 9, Open: true}, "s2/a s1/b "},
		{Query{Limit: 9, Store: "s1"}, "s1/b s1/a "},
	} {
		rows, err := List(ctx, d.Read, c.q)
		got := ""
		for _, r := range rows {
			got += r.Store + "/" + r.ID + " "
		}
		if err != nil || got != c.want {
			t.Errorf("%+v: %q, %v, want %q", c.q, got, err, c.want)
		}
	}
	open, last, err := Recent(ctx, d.Read, "")
	if err != nil || open["s1"] != 1 || open["s2"] != 1 || last["s1"].ID != "b" || last["s2"].ID != "a" {
		t.Errorf("recent %v %v %v", open, last, err)
	}
}

// TestOrphaned: an incident whose teller died ends when the teller starts anew; others stay open.
func TestOrphaned(t *testing.T) {
	d, ctx := open(t), context.Background()
	said := sayings()
	for _, s := range said[:2] {
		if _, err := Merge(ctx, d.Write, "s1", s.author, s.body, at); err != nil {
			t.Fatal(err)
		}
	}
	over, err := Orphaned(ctx, d.Write, "s1", "alpha", at.Add(time.Hour), at)
	if err != nil || len(over) != 0 {
		t.Fatalf("the failed node's start closed %v, %v", over, err)
	}
	over, err = Orphaned(ctx, d.Write, "s1", "beta", at.Add(time.Hour), at)
	if err != nil || len(over) != 1 || over[0].Closed != db.Nanos(at.Add(time.Hour)) {
		t.Fatalf("the teller's start closed %v, %v", over, err)
	}
	if over, err = Orphaned(ctx, d.Write, "s1", "beta", at.Add(2*time.Hour), at); err != nil || len(over) != 0 {
		t.Errorf("closed twice: %v, %v", over, err)
	}
}
