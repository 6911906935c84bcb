package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/storeward/storeward/console/internal/db"
)

// Journal is the console's place in one outbox of a node.
type Journal struct {
	db.Journal
	Missing uint64 // numbers that never came
}

// mostJournals bounds what is shown; a node starts a new journal only when it lost its disk.
const mostJournals = 5

// Journals returns the journals of a node, the one heard last first.
func Journals(ctx context.Context, idb bun.IDB, store, node string) ([]Journal, error) {
	var rows []db.Journal
	err := idb.NewSelect().Model(&rows).Where("store = ? AND node = ?", store, node).
		OrderExpr("last_seen DESC").Limit(mostJournals).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read journals of %s: %w", node, err)
	}
	var gaps []db.Gap
	if err := idb.NewSelect().Model(&gaps).Where("store = ? AND node = ?", store, node).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read gaps of %s: %w", node, err)
	}
	out := make([]Journal, len(rows))
	for i, r := range rows {
		out[i].Journal = r
		for _, g := range gaps {
			if g.JournalID == r.JournalID {
				out[i].Missing += g.ToSequence - g.FromSequence + 1
			}
		}
	}
	return out, nil
}

// Inventory returns a node's facts, nil if it sent none yet.
func Inventory(ctx context.Context, idb bun.IDB, store, node string) (map[string]string, error) {
	row := &db.Inventory{Store: store, Node: node}
	err := idb.NewSelect().Model(row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read inventory of %s: %w", node, err)
	}
	return row.Facts, nil
}
