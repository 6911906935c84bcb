package ingest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/incident"
	"github.com/storeward/storeward/console/internal/live"
	"github.com/storeward/storeward/console/internal/series"
	"github.com/storeward/storeward/core/api"
)

// outcome is what a committed batch changed.
type outcome struct {
	news    []live.News
	samples series.Tally
	fresh   int
	repeats int
	missing uint64 // numbers skipped by this batch
	newest  uint64 // number of its journal
}

// commit writes a batch in one transaction; what was written before is skipped.
// The points come last: they are in the other database, and when they are
// written and the transaction then fails, the repeated batch writes the same
// points again, which harms nothing.
func (in *Ingest) commit(ctx context.Context, envelopes []*api.Envelope) (outcome, error) {
	var out outcome
	now := in.o.Now()
	err := in.o.DB.Write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		w := &writer{tx: tx, now: now, store: envelopes[0].GetStore(), node: envelopes[0].GetNode()}
		if err := fleet.Register(ctx, tx, w.store, w.node, now); err != nil {
			return err
		}
		fresh, err := w.advance(ctx, envelopes)
		if err != nil {
			return err
		}
		for _, e := range fresh {
			if err := w.write(ctx, e); err != nil {
				return err
			}
		}
		tally, err := in.o.Series.Append(ctx, w.store, w.node, w.points)
		if err != nil {
			return err
		}
		out = outcome{
			news: w.news, samples: tally, fresh: len(fresh), repeats: len(envelopes) - len(fresh),
			missing: w.missing, newest: w.newest,
		}
		return nil
	})
	return out, err
}

// writer writes the envelopes of one batch.
type writer struct {
	tx          bun.Tx
	now         time.Time
	store, node string
	points      []*api.Point
	news        []live.News
	missing     uint64 // numbers skipped
	newest      uint64 // number of the journal
}

// journalOf is the console's place in a journal; number 0 in one that is not known.
func journalOf(ctx context.Context, idb bun.IDB, store, node, id string) (*db.Journal, error) {
	j := &db.Journal{Store: store, Node: node, JournalID: id}
	err := idb.NewSelect().Model(j).WherePK().Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return j, nil
}

// advance moves the journal's mark on and returns the envelopes that are new:
// beyond the mark, or within a gap that they then fill.
func (w *writer) advance(ctx context.Context, envelopes []*api.Envelope) (fresh []*api.Envelope, err error) {
	j, err := journalOf(ctx, w.tx, w.store, w.node, envelopes[0].GetJournalId())
	if err != nil {
		return nil, err
	}
	if j.FirstSeen == 0 {
		// The numbers before the first are none of ours: the node had them before it knew this console.
		j.Sequence, j.FirstSeen = envelopes[0].GetSequence()-1, db.Nanos(w.now)
	}
	for _, e := range envelopes {
		n := e.GetSequence()
		if n <= j.Sequence {
			filled, err := w.fill(ctx, j, n)
			if err != nil {
				return nil, err
			}
			if filled {
				fresh = append(fresh, e)
			}
			continue
		}
		if n > j.Sequence+1 {
			w.missing += n - j.Sequence - 1
			if err := w.gap(ctx, j, j.Sequence+1, n-1); err != nil {
				return nil, err
			}
		}
		j.Sequence = n
		fresh = append(fresh, e)
	}
	j.LastSeen = db.Nanos(w.now)
	if _, err := w.tx.NewInsert().Model(j).On("CONFLICT (store, node, journal_id) DO UPDATE").Exec(ctx); err != nil {
		return nil, fmt.Errorf("write journal: %w", err)
	}
	w.newest = j.Sequence
	return fresh, nil
}

func (w *writer) gap(ctx context.Context, j *db.Journal, from, to uint64) error {
	g := &db.Gap{Store: j.Store, Node: j.Node, JournalID: j.JournalID, FromSequence: from, ToSequence: to, Noticed: db.Nanos(w.now)}
	if _, err := w.tx.NewInsert().Model(g).Exec(ctx); err != nil {
		return fmt.Errorf("write gap: %w", err)
	}
	return nil
}

// fill takes n out of the gap it lies in, and says whether there is one.
func (w *writer) fill(ctx context.Context, j *db.Journal, n uint64) (bool, error) {
	g := new(db.Gap)
	err := w.tx.NewSelect().Model(g).Where("store = ? AND node = ? AND journal_id = ?", j.Store, j.Node, j.JournalID).
		Where("from_sequence <= ? AND to_sequence >= ?", n, n).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read gap: %w", err)
	}
	if _, err := w.tx.NewDelete().Model(g).WherePK().Exec(ctx); err != nil {
		return false, fmt.Errorf("delete gap: %w", err)
	}
	if g.FromSequence < n {
		if err := w.gap(ctx, j, g.FromSequence, n-1); err != nil {
			return false, err
		}
	}
	if n < g.ToSequence {
		if err := w.gap(ctx, j, n+1, g.ToSequence); err != nil {
			return false, err
		}
	}
	return true, nil
}

// write writes one envelope. One without a body is what remains of points that
// the node gave up for want of space.
func (w *writer) write(ctx context.Context, e *api.Envelope) error {
	at := when(e.GetTime(), w.now, w.now)
	switch body := e.GetBody().(type) {
	case *api.Envelope_Event:
		return w.event(ctx, e, body.Event, at)
	case *api.Envelope_Incident:
		return w.incident(ctx, body.Incident, at)
	case *api.Envelope_Points:
		w.points = append(w.points, body.Points.GetPoints()...)
	case *api.Envelope_Inventory:
		return w.inventory(ctx, body.Inventory, at)
	}
	return nil
}

func (w *writer) event(ctx context.Context, e *api.Envelope, ev *api.Event, at time.Time) error {
	row := &db.Event{
		Store: w.store, Node: w.node, JournalID: e.GetJournalId(), Sequence: e.GetSequence(),
		ID:   fmt.Sprintf("%s/%s/%d", w.node, e.GetJournalId(), e.GetSequence()),
		Time: db.Nanos(at), Received: db.Nanos(w.now), Kind: cut(ev.GetKind(), maxName), Severity: int32(ev.GetSeverity()),
		Object: cut(ev.GetObject(), maxName), Message: cut(ev.GetMessage(), maxText), Condition: cut(ev.GetCondition(), maxName),
		Incident: cut(ev.GetIncident(), 200), Generation: min(ev.GetGeneration(), maxSequence), Attributes: pairs(ev.GetAttributes()),
	}
	if _, err := w.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("write event %s: %w", row.ID, err)
	}
	w.news = append(w.news, row)
	over, err := alarm.Restarted(ctx, w.tx, row)
	if err != nil {
		return err
	}
	for _, a := range over {
		w.news = append(w.news, a)
	}
	if ev.GetKind() == api.KindNodeStarted {
		orphans, err := incident.Orphaned(ctx, w.tx, w.store, w.node, at, w.now)
		if err != nil {
			return err
		}
		for _, o := range orphans {
			w.news = append(w.news, o)
		}
	}
	changed, err := alarm.Apply(ctx, w.tx, row)
	if err != nil {
		return err
	}
	if changed != nil {
		w.news = append(w.news, changed)
	}
	return nil
}

func (w *writer) incident(ctx context.Context, i *api.Incident, at time.Time) error {
	if i.GetId() == "" {
		return nil // nothing could ever refer to it
	}
	i = bounded(i, at, w.now)
	i.Generation = min(i.GetGeneration(), maxSequence)
	row, err := incident.Merge(ctx, w.tx, w.store, w.node, i, w.now)
	if err != nil {
		return err
	}
	w.news = append(w.news, row)
	return nil
}

func (w *writer) inventory(ctx context.Context, inv *api.Inventory, at time.Time) error {
	row := &db.Inventory{Store: w.store, Node: w.node, Time: db.Nanos(at), Facts: map[string]string{}}
	for k, v := range inv.GetFacts() {
		if len(row.Facts) == maxEnvelopes {
			break
		}
		row.Facts[cut(k, maxName)] = cut(v, maxText)
	}
	if _, err := w.tx.NewInsert().Model(row).On("CONFLICT (store, node) DO UPDATE").Exec(ctx); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	return nil
}
