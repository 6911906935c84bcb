// Package alarm keeps the alarms of the fleet after ITU-T X.733: a condition of
// an object is raised, changes its severity, is acknowledged by a person and is
// cleared. It decides only what the events say; it notifies nobody.
package alarm

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

// ErrNotFound says that there is no such alarm.
var ErrNotFound = errors.New("alarm not found")

// owner is the node whose own the event's object is; empty: the store's.
func owner(ev *db.Event) string {
	if api.IsLocal(ev.Object) {
		return ev.Node
	}
	return ""
}

// Apply folds one event, already written, into the alarms and returns the alarm
// it changed, or nil. Events of one node count in their order of arrival. Those
// of two nodes may arrive in any order: there the clock decides, so that a raise
// that was held up does not bring back what the other node has since cleared.
func Apply(ctx context.Context, tx bun.IDB, ev *db.Event) (*db.Alarm, error) {
	if ev.Condition == "" {
		return nil, nil
	}
	raised, err := current(ctx, tx, ev)
	if err != nil {
		return nil, err
	}
	cleared := api.Severity(ev.Severity) == api.Severity_SEVERITY_CLEARED
	switch {
	case raised == nil && cleared:
		return nil, nil
	case raised == nil:
		return raise(ctx, tx, ev)
	case ev.Node != raised.Node && ev.Time < raised.Updated:
		return nil, nil
	case cleared:
		raised.Cleared = ev.Time
	default:
		change(raised, ev)
	}
	raised.Node, raised.Updated = ev.Node, ev.Time
	if _, err := tx.NewUpdate().Model(raised).WherePK().Exec(ctx); err != nil {
		return nil, fmt.Errorf("update alarm %d: %w", raised.ID, err)
	}
	return raised, nil
}

// Restarted clears what a node had raised before its daemon started anew, and
// returns it: nobody is left who would clear it. What still holds, the new daemon
// raises again; the start is the first thing that it says.
func Restarted(ctx context.Context, tx bun.IDB, ev *db.Event) ([]*db.Alarm, error) {
	if ev.Kind != api.KindNodeStarted {
		return nil, nil
	}
	var rows []*db.Alarm
	err := tx.NewSelect().Model(&rows).
		Where("store = ? AND node = ? AND cleared = 0 AND updated <= ?", ev.Store, ev.Node, ev.Time).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read alarms of %s: %w", ev.Node, err)
	}
	for _, row := range rows {
		row.Cleared, row.Updated = ev.Time, ev.Time
		if _, err := tx.NewUpdate().Model(row).Column("cleared", "updated").WherePK().Exec(ctx); err != nil {
			return nil, fmt.Errorf("clear alarm %d: %w", row.ID, err)
		}
	}
	return rows, nil
}

func current(ctx context.Context, tx bun.IDB, ev *db.Event) (*db.Alarm, error) {
	row := new(db.Alarm)
	err := tx.NewSelect().Model(row).
		Where("store = ? AND owner = ? AND object = ? AND condition = ? AND cleared = 0", ev.Store, owner(ev), ev.Object, ev.Condition).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read alarm of %s %s: %w", ev.Object, ev.Condition, err)
	}
	return row, nil
}

func raise(ctx context.Context, tx bun.IDB, ev *db.Event) (*db.Alarm, error) {
	over, err := overSince(ctx, tx, ev)
	if err != nil || over {
		return nil, err
	}
	row := &db.Alarm{
		Store: ev.Store, Owner: owner(ev), Node: ev.Node, Object: ev.Object, Condition: ev.Condition, Severity: ev.Severity,
		Message: ev.Message, Incident: ev.Incident, Raised: ev.Time, Updated: ev.Time, Count: 1,
	}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return nil, fmt.Errorf("write alarm of %s %s: %w", ev.Object, ev.Condition, err)
	}
	return row, nil
}

// overSince tells whether the other node has since told the end of what the event raises.
func overSince(ctx context.Context, tx bun.IDB, ev *db.Event) (bool, error) {
	if owner(ev) != "" {
		return false, nil
	}
	over, err := tx.NewSelect().Model((*db.Event)(nil)).
		Where("store = ? AND object = ? AND condition = ? AND condition <> ''", ev.Store, ev.Object, ev.Condition).
		Where("time > ? AND node <> ? AND severity = ?", ev.Time, ev.Node, int32(api.Severity_SEVERITY_CLEARED)).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for a later end of %s %s: %w", ev.Object, ev.Condition, err)
	}
	return over, nil
}

// change raises again what is raised. What got worse has to be acknowledged anew.
func change(row *db.Alarm, ev *db.Event) {
	if ev.Severity > row.Severity {
		row.Acknowledged, row.AcknowledgedBy = 0, ""
	}
	row.Severity, row.Message, row.Count = ev.Severity, ev.Message, row.Count+1
	if ev.Incident != "" {
		row.Incident = ev.Incident
	}
}

// Query selects alarms for a list.
type Query struct {
	Store   string // empty: of every store
	Cleared bool   // also those that are over
	Limit   int
}

// List returns alarms: raised before cleared, then worst first, then newest first.
func List(ctx context.Context, idb bun.IDB, q Query) ([]db.Alarm, error) {
	var rows []db.Alarm
	sel := idb.NewSelect().Model(&rows).OrderExpr("cleared <> 0, severity DESC, updated DESC, id DESC").Limit(int64(q.Limit))
	if q.Store != "" {
		sel = sel.Where("store = ?", q.Store)
	}
	if !q.Cleared {
		sel = sel.Where("cleared = 0")
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list alarms: %w", err)
	}
	return rows, nil
}

// Acknowledge notes that who has seen the alarm. Acknowledging twice keeps the
// first one's name and replaces the comment.
func Acknowledge(ctx context.Context, idb bun.IDB, id int64, who, comment string, now time.Time) (*db.Alarm, error) {
	row := &db.Alarm{ID: id}
	err := idb.NewSelect().Model(row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read alarm %d: %w", id, err)
	}
	if row.Acknowledged == 0 {
		row.Acknowledged, row.AcknowledgedBy = db.Nanos(now), who
	}
	row.Comment = comment
	_, err = idb.NewUpdate().Model(row).Column("acknowledged", "acknowledged_by", "comment").WherePK().Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("acknowledge alarm %d: %w", id, err)
	}
	return row, nil
}

// Tally is how many alarms a store has and how bad the worst is.
type Tally struct {
	Store string
	Count int
	Worst int32
}

// Tallies counts the raised alarms of every store that has any; an empty store
// means all of them.
func Tallies(ctx context.Context, idb bun.IDB, store string) (map[string]Tally, error) {
	var rows []Tally
	sel := idb.NewSelect().Model((*db.Alarm)(nil)).ColumnExpr("store, COUNT(*) AS count, MAX(severity) AS worst").
		Where("cleared = 0").Group("store")
	if store != "" {
		sel = sel.Where("store = ?", store)
	}
	if err := sel.Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count alarms: %w", err)
	}
	out := make(map[string]Tally, len(rows))
	for _, r := range rows {
		out[r.Store] = r
	}
	return out, nil
}
