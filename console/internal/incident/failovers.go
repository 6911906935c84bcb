package incident

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

// Failovers sum up those that began since a moment: the ones whose recovery was
// measured, and the ones under way. A silence that ended without a takeover is none.
type Failovers struct {
	Count    int
	UnderWay int // of Count: the service has not been verified yet
	// Slowest is the one with the longest recovery, the newest of several; nil without any.
	Slowest *db.Incident
}

// CountFailovers sums up the failovers of all stores that began at a moment or later.
func CountFailovers(ctx context.Context, idb bun.IDB, since time.Time) (*Failovers, error) {
	out := new(Failovers)
	err := idb.NewSelect().Model((*db.Incident)(nil)).
		ColumnExpr("COUNT(*) AS count").
		ColumnExpr("COALESCE(SUM(CASE WHEN recovery_seconds > 0 THEN 0 ELSE 1 END), 0) AS under_way").
		Where("kind = ? AND opened >= ?", api.IncidentFailover, db.Nanos(since)).
		Where("recovery_seconds > 0 OR closed = 0").
		Scan(ctx, &out.Count, &out.UnderWay)
	if err != nil {
		return nil, fmt.Errorf("count failovers: %w", err)
	}
	slowest := new(db.Incident)
	err = idb.NewSelect().Model(slowest).
		Where("kind = ? AND opened >= ? AND recovery_seconds > 0", api.IncidentFailover, db.Nanos(since)).
		OrderExpr("recovery_seconds DESC, opened DESC").Limit(1).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return nil, fmt.Errorf("find the slowest failover: %w", err)
	default:
		out.Slowest = slowest
	}
	return out, nil
}
