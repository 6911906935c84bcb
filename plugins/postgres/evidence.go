package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/storeward/storeward/core/sdk"
)

// questions are what a snapshot asks; each answer is a table of text.
var questions = []struct{ name, query string }{
	{"postgres/activity", `SELECT coalesce(state, backend_type), coalesce(wait_event_type || '/' || wait_event, '-'), count(*)::text,
		coalesce(round(extract(epoch FROM max(now() - xact_start)))::text || ' s', '-')
		FROM pg_stat_activity GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 20`},
	{"postgres/replication", `SELECT coalesce(application_name, '-'), coalesce(state, '-'), coalesce(sync_state, '-'), coalesce(replay_lag::text, '-')
		FROM pg_stat_replication LIMIT 20`},
	{"postgres/sizes", `SELECT datname, pg_size_pretty(pg_database_size(oid)) FROM pg_database
		WHERE datallowconn ORDER BY pg_database_size(oid) DESC LIMIT 20`},
}

// Evidence contributes the server's activity, replication and sizes, as far as it answers.
func (p *prober) Evidence(ctx context.Context) ([]sdk.Item, error) {
	at, err := p.target()
	if err != nil {
		return nil, err
	}
	return p.evidence(ctx, at), nil
}

func (p *prober) evidence(ctx context.Context, at where) []sdk.Item {
	ctx, cancel, _, _ := p.limited(ctx)
	defer cancel()
	conn, err := p.connect(ctx, at)
	if err != nil {
		return []sdk.Item{{Name: "postgres/activity", Text: fmt.Sprintf("connect to %s: %v", p.name(at), err)}}
	}
	defer hangUp(conn)
	items := make([]sdk.Item, 0, len(questions))
	for _, question := range questions {
		text, err := table(ctx, conn, question.query)
		if err != nil {
			text = err.Error()
		}
		items = append(items, sdk.Item{Name: question.name, Text: text})
	}
	return items
}

// table returns rows of text, columns parted by tabs.
func table(ctx context.Context, conn *pgx.Conn, query string) (string, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var cells []string
		for _, cell := range rows.RawValues() {
			cells = append(cells, string(cell))
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	return strings.Join(lines, "\n"), rows.Err()
}
