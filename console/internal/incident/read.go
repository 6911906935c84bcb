package incident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

// ErrNotFound says that no such incident is known.
var ErrNotFound = errors.New("incident not found")

// ErrAmbiguous says that several stores have an incident of this id.
var ErrAmbiguous = errors.New("several stores have an incident of this id: name the store")

// Query selects incidents for a list.
type Query struct {
	Store string // empty: of every store
	Open  bool   // only those that are open
	Limit int
}

// List returns incidents, newest first.
func List(ctx context.Context, idb bun.IDB, q Query) ([]db.Incident, error) {
	var rows []db.Incident
	sel := idb.NewSelect().Model(&rows).OrderExpr("opened DESC, id DESC").Limit(int64(q.Limit))
	if q.Store != "" {
		sel = sel.Where("store = ?", q.Store)
	}
	if q.Open {
		sel = sel.Where("closed = 0")
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return rows, nil
}

// Read returns an incident's row and the whole of it, merged from what both
// nodes said. An empty store means whichever store has it.
func Read(ctx context.Context, idb bun.IDB, store, id string) (*db.Incident, *api.Incident, error) {
	row, err := find(ctx, idb, store, id)
	if err != nil {
		return nil, nil, err
	}
	parts, err := parts(ctx, idb, row.Store, id)
	if err != nil {
		return nil, nil, err
	}
	if len(parts) == 0 {
		return nil, nil, fmt.Errorf("read incident %s: nothing of it is there but its row", id)
	}
	whole := story(parts)
	for _, p := range parts[1:] {
		whole.Timeline = addMissing(whole.Timeline, p.body.GetTimeline())
		whole.Findings = addMissing(whole.Findings, p.body.GetFindings())
	}
	slices.SortStableFunc(whole.Timeline, func(a, b *api.TimelineEntry) int {
		return a.GetTime().AsTime().Compare(b.GetTime().AsTime())
	})
	whole.Snapshots, err = snapshots(ctx, idb, row.Store, id)
	if err != nil {
		return nil, nil, err
	}
	return row, whole, nil
}

func find(ctx context.Context, idb bun.IDB, store, id string) (*db.Incident, error) {
	var rows []db.Incident
	sel := idb.NewSelect().Model(&rows).Where("id = ?", id).Limit(2)
	if store != "" {
		sel = sel.Where("store = ?", store)
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("find incident %s: %w", id, err)
	}
	switch len(rows) {
	case 0:
		return nil, ErrNotFound
	case 1:
		return &rows[0], nil
	default:
		return nil, ErrAmbiguous
	}
}

func addMissing[M proto.Message](have, more []M) []M {
	for _, m := range more {
		if !slices.ContainsFunc(have, func(h M) bool { return proto.Equal(h, m) }) {
			have = append(have, m)
		}
	}
	return have
}

// snapshots returns one snapshot per node and source: the one the node itself
// delivered before the one another node delivered, the newer before the older.
func snapshots(ctx context.Context, idb bun.IDB, store, id string) ([]*api.Snapshot, error) {
	var rows []db.Snapshot
	if err := idb.NewSelect().Model(&rows).Where("store = ? AND incident = ?", store, id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read snapshots of incident %s: %w", id, err)
	}
	slices.SortFunc(rows, func(a, b db.Snapshot) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(sourceRank(a), sourceRank(b)), cmp.Compare(a.Source, b.Source),
			cmp.Compare(authorRank(a), authorRank(b)), cmp.Compare(b.Revision, a.Revision), cmp.Compare(a.Author, b.Author))
	})
	var out []*api.Snapshot
	for _, r := range rows {
		s := new(api.Snapshot)
		if err := proto.Unmarshal(r.Body, s); err != nil {
			return nil, fmt.Errorf("decode snapshot of %s: %w", r.Node, err)
		}
		if last := len(out) - 1; last >= 0 && out[last].GetNode() == s.GetNode() && out[last].GetSource() == s.GetSource() {
			if len(out[last].GetFlight()) == 0 {
				out[last].Flight = s.GetFlight()
			}
			continue
		}
		out = append(out, s)
	}
	return out, nil
}

func sourceRank(s db.Snapshot) int {
	if s.Source == "self" {
		return 0
	}
	return 1
}

func authorRank(s db.Snapshot) int {
	if s.Author == s.Node {
		return 0
	}
	return 1
}

// mostEvents bounds the events of one incident.
const mostEvents = 1000

// Events returns the events that name the incident, oldest first.
func Events(ctx context.Context, idb bun.IDB, store, id string) ([]db.Event, error) {
	var rows []db.Event
	err := idb.NewSelect().Model(&rows).Where("store = ? AND incident = ? AND incident <> ''", store, id).
		OrderExpr("time, key").Limit(mostEvents).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list events of incident %s: %w", id, err)
	}
	return rows, nil
}

// Recent returns per store how many incidents are open and the newest one; an
// empty store means all of them.
func Recent(ctx context.Context, idb bun.IDB, store string) (open map[string]int, last map[string]*db.Incident, err error) {
	var counts []struct {
		Store string
		Open  int
	}
	sel := idb.NewSelect().Model((*db.Incident)(nil)).ColumnExpr("store, COUNT(*) AS open").Where("closed = 0").Group("store")
	newest := idb.NewSelect().Model((*db.Incident)(nil)).ColumnExpr("store, MAX(opened) AS opened").Group("store")
	if store != "" {
		sel, newest = sel.Where("store = ?", store), newest.Where("store = ?", store)
	}
	if err := sel.Scan(ctx, &counts); err != nil {
		return nil, nil, fmt.Errorf("count open incidents: %w", err)
	}
	var rows []db.Incident
	err = idb.NewSelect().Model(&rows).Where("(store, opened) IN (?)", newest).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("find the newest incidents: %w", err)
	}
	open, last = map[string]int{}, map[string]*db.Incident{}
	for _, c := range counts {
		open[c.Store] = c.Open
	}
	for i := range rows {
		last[rows[i].Store] = &rows[i]
	}
	return open, last, nil
}
