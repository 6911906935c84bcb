package alarm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

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

var severities = map[string]api.Severity{
	"clear": api.Severity_SEVERITY_CLEARED, "minor": api.Severity_SEVERITY_MINOR, "major": api.Severity_SEVERITY_MAJOR,
}

// apply writes the event "NODE SECOND SEVERITY" of one condition of a fence device,
// or "… OBJECT" of another object, and applies it.
func apply(t *testing.T, d *db.DB, sequence int, text string) {
	t.Helper()
	f := strings.Fields(text)
	second, err := strconv.Atoi(f[1])
	if err != nil {
		t.Fatal(err)
	}
	ev := &db.Event{
		Store: "s1", Node: f[0], JournalID: "j", Sequence: uint64(sequence), Time: int64(second) * int64(time.Second), Severity: int32(severities[f[2]]),
		Object: "fence/ups-a", Condition: "on-battery", Message: text, Attributes: map[string]string{},
	}
	switch {
	case len(f) > 3 && f[3] == "none":
		ev.Condition = ""
	case len(f) > 3:
		ev.Object = f[3]
	}
	ctx := context.Background()
	if _, err := d.Write.NewInsert().Model(ev).Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(ctx, d.Write, ev); err != nil {
		t.Fatal(err)
	}
}

func TestLifeCycle(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []string
		want   string // severity, count, first raise and end of each alarm, oldest first
	}{
		{"raise", []string{"alpha 1 minor"}, "minor x1 from 1"},
		{"raise twice", []string{"alpha 1 minor", "alpha 2 minor"}, "minor x2 from 1"},
		{"worse", []string{"alpha 1 minor", "alpha 2 major"}, "major x2 from 1"},
		{"clear", []string{"alpha 1 minor", "alpha 2 clear"}, "minor x1 from 1 to 2"},
		{"clear twice", []string{"alpha 1 minor", "alpha 2 clear", "alpha 3 clear"}, "minor x1 from 1 to 2"},
		{"clear without raise", []string{"alpha 1 clear"}, ""},
		{"again", []string{"alpha 1 minor", "alpha 2 clear", "alpha 3 major"}, "minor x1 from 1 to 2, major x1 from 3"},
		{"no condition", []string{"alpha 1 major none"}, ""},
		{"both nodes", []string{"alpha 1 minor", "beta 2 minor"}, "minor x2 from 1"},
		{"the peer clears", []string{"alpha 1 minor", "beta 2 clear"}, "minor x1 from 1 to 2"},
		{"held-up clear of the peer", []string{"alpha 5 minor", "beta 2 clear"}, "minor x1 from 5"},
		{"held-up raise after the peer's clear", []string{"beta 1 minor", "beta 4 clear", "alpha 2 major"}, "minor x1 from 1 to 4"},
		{"held-up raise, clear came first", []string{"beta 4 clear", "alpha 2 major"}, ""},
		{"newer raise after the peer's clear", []string{"beta 4 clear", "alpha 6 major"}, "major x1 from 6"},
		{"each node's own probe", []string{"alpha 1 minor probe/host", "beta 2 major probe/host"}, "minor x1 from 1, major x1 from 2"},
		{"the peer's probe is well", []string{"alpha 1 minor probe/host", "beta 2 clear probe/host"}, "minor x1 from 1"},
		{"and later than the own one fell ill", []string{"beta 4 clear link/lan", "alpha 2 minor link/lan"}, "minor x1 from 2"},
		{"own clock stepped back", []string{"alpha 9 minor", "alpha 3 clear"}, "minor x1 from 9 to 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			for i, e := range c.events {
				apply(t, d, i+1, e)
			}
			var rows []db.Alarm
			if err := d.Read.NewSelect().Model(&rows).OrderExpr("id").Scan(context.Background()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rows {
				s := fmt.Sprintf("%s x%d from %d", strings.ToLower(strings.TrimPrefix(api.Severity(r.Severity).String(), "SEVERITY_")), r.Count, r.Raised/1e9)
				if r.Cleared != 0 {
					s += fmt.Sprintf(" to %d", r.Cleared/1e9)
				}
				got = append(got, s)
			}
			if g := strings.Join(got, ", "); g != c.want {
				t.Errorf("got %q, want %q", g, c.want)
			}
		})
	}
}

func TestAcknowledge(t *testing.T) {
	ctx, d := context.Background(), open(t)
	now := time.Unix(100, 0)
	if _, err := Acknowledge(ctx, d.Write, 1, "ann", "", now); !errors.Is(err, ErrNotFound) {
		t.Fatalf("unknown alarm: %v", err)
	}
	apply(t, d, 1, "alpha 1 minor")
	if row, err := Acknowledge(ctx, d.Write, 1, "ann", "on it", now); err != nil || row.AcknowledgedBy != "ann" || row.Comment != "on it" {
		t.Fatalf("%+v %v", row, err)
	}
	if row, err := Acknowledge(ctx, d.Write, 1, "bob", "me too", now); err != nil || row.AcknowledgedBy != "ann" || row.Comment != "me too" {
		t.Fatalf("second time: %+v %v", row, err)
	}
	apply(t, d, 2, "alpha 2 minor")
	if rows, err := List(ctx, d.Read, Query{Limit: 1}); err != nil || rows[0].AcknowledgedBy != "ann" {
		t.Fatalf("same severity: %+v %v", rows, err)
	}
	apply(t, d, 3, "alpha 3 major")
	if rows, err := List(ctx, d.Read, Query{Limit: 1}); err != nil || rows[0].Acknowledged != 0 {
		t.Fatalf("worse: %+v %v", rows, err)
	}
	tallies, err := Tallies(ctx, d.Read, "")
	if err != nil || tallies["s1"].Count != 1 || api.Severity(tallies["s1"].Worst) != api.Severity_SEVERITY_MAJOR {
		t.Errorf("tallies %v %v", tallies, err)
	}
	apply(t, d, 4, "alpha 4 clear")
	if rows, err := List(ctx, d.Read, Query{Limit: 9}); err != nil || len(rows) != 0 {
		t.Errorf("raised after clear: %+v %v", rows, err)
	}
	if rows, err := List(ctx, d.Read, Query{Limit: 9, Cleared: true}); err != nil || len(rows) != 1 {
		t.Errorf("history: %+v %v", rows, err)
	}
}

// TestRestartedNode: what a node raised before its power was cut ends when its
// daemon starts anew; another node's alarms stay.
func TestRestartedNode(t *testing.T) {
	d := open(t)
	apply(t, d, 1, "alpha 1 minor")
	ctx := context.Background()
	restart := func(node string) []*db.Alarm {
		over, err := Restarted(ctx, d.Write, &db.Event{Store: "s1", Node: node, Time: 5 * int64(time.Second), Kind: api.KindNodeStarted})
		if err != nil {
			t.Fatal(err)
		}
		return over
	}
	if over := restart("beta"); len(over) != 0 {
		t.Errorf("the other node's start cleared %v", over)
	}
	if over := restart("alpha"); len(over) != 1 || over[0].Cleared != 5*int64(time.Second) {
		t.Errorf("the start cleared %v", over)
	}
	if rows, err := List(ctx, d.Read, Query{Limit: 10}); err != nil || len(rows) != 0 {
		t.Errorf("raised after the start: %v, %v", rows, err)
	}
}
