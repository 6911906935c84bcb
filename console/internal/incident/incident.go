// Package incident merges what a store's nodes say about an incident and reads
// it back whole. Both nodes may write about the same incident: the survivor
// tells the story in rising revisions, and a node that was switched off adds
// its own evidence after it came back. Merging is independent of the order of
// arrival and never erases a snapshot.
package incident

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

// Merge folds one revision by author, a node of store, into the database and
// returns the incident's new row.
func Merge(ctx context.Context, tx bun.IDB, store, author string, in *api.Incident, now time.Time) (*db.Incident, error) {
	if err := mergePart(ctx, tx, store, author, in); err != nil {
		return nil, err
	}
	for _, s := range in.GetSnapshots() {
		if err := mergeSnapshot(ctx, tx, store, author, in, s); err != nil {
			return nil, err
		}
	}
	parts, err := parts(ctx, tx, store, in.GetId())
	if err != nil {
		return nil, err
	}
	row := summarise(parts)
	row.Store, row.Updated = store, db.Nanos(now)
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (store, id) DO UPDATE").Exec(ctx); err != nil {
		return nil, fmt.Errorf("write incident %s: %w", in.GetId(), err)
	}
	return row, nil
}

// Orphaned closes the open incidents whose story a node was telling when its
// daemon ended: nobody is left who would. It returns their new rows.
func Orphaned(ctx context.Context, tx bun.IDB, store, node string, at, now time.Time) ([]*db.Incident, error) {
	var open []db.Incident
	if err := tx.NewSelect().Model(&open).Where("store = ? AND closed = 0 AND opened < ?", store, db.Nanos(at)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read open incidents of %s: %w", store, err)
	}
	var out []*db.Incident
	for _, row := range open {
		told, err := parts(ctx, tx, store, row.ID)
		if err != nil {
			return nil, err
		}
		if len(told) == 0 || told[0].author != node {
			continue
		}
		end := told[0].body
		end.Closed = timestamppb.New(at)
		end.Timeline = append(end.Timeline, &api.TimelineEntry{
			Time: end.Closed, Node: node, Object: "node/" + node, Kind: api.KindNodeStarted,
			Text: "The daemon of " + node + " started anew: what it was telling ends here.",
		})
		merged, err := Merge(ctx, tx, store, node, end, now)
		if err != nil {
			return nil, err
		}
		out = append(out, merged)
	}
	return out, nil
}

// mergePart keeps the author's highest revision.
func mergePart(ctx context.Context, tx bun.IDB, store, author string, in *api.Incident) error {
	story := proto.CloneOf(in)
	story.Snapshots = nil
	body, err := proto.Marshal(story)
	if err != nil {
		return fmt.Errorf("encode incident %s: %w", in.GetId(), err)
	}
	part := &db.IncidentPart{Store: store, Incident: in.GetId(), Author: author, Revision: in.GetRevision(), Body: body}
	_, err = tx.NewInsert().Model(part).
		On("CONFLICT (store, incident, author) DO UPDATE").
		Set("revision = EXCLUDED.revision").Set("body = EXCLUDED.body").
		Where("EXCLUDED.revision >= incident_parts.revision").Exec(ctx)
	if err != nil {
		return fmt.Errorf("write part of incident %s: %w", in.GetId(), err)
	}
	return nil
}

// mergeSnapshot keeps the highest revision of one node's snapshot, and a flight
// recording once it was seen.
func mergeSnapshot(ctx context.Context, tx bun.IDB, store, author string, in *api.Incident, s *api.Snapshot) error {
	old := new(db.Snapshot)
	key := "store = ? AND incident = ? AND node = ? AND source = ? AND author = ?"
	err := tx.NewSelect().Model(old).Where(key, store, in.GetId(), s.GetNode(), s.GetSource(), author).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		old = nil
	case err != nil:
		return fmt.Errorf("read snapshot of %s: %w", s.GetNode(), err)
	}
	newest, revision := s, in.GetRevision()
	if old != nil {
		before := new(api.Snapshot)
		if err := proto.Unmarshal(old.Body, before); err != nil {
			return fmt.Errorf("decode snapshot of %s: %w", s.GetNode(), err)
		}
		older := before
		if old.Revision > revision {
			newest, older, revision = before, s, old.Revision
		}
		if len(newest.GetFlight()) == 0 {
			newest = proto.CloneOf(newest)
			newest.Flight = older.GetFlight()
		}
	}
	body, err := proto.Marshal(newest)
	if err != nil {
		return fmt.Errorf("encode snapshot of %s: %w", s.GetNode(), err)
	}
	row := &db.Snapshot{Store: store, Incident: in.GetId(), Node: s.GetNode(), Source: s.GetSource(), Author: author, Revision: revision, Body: body}
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (store, incident, node, source, author) DO UPDATE").Exec(ctx); err != nil {
		return fmt.Errorf("write snapshot of %s: %w", s.GetNode(), err)
	}
	return nil
}

type part struct {
	author string
	body   *api.Incident
}

// parts returns what each node said, the one that tells the story first: the
// survivor, else the one with the most revisions.
func parts(ctx context.Context, idb bun.IDB, store, id string) ([]part, error) {
	var rows []db.IncidentPart
	if err := idb.NewSelect().Model(&rows).Where("store = ? AND incident = ?", store, id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read parts of incident %s: %w", id, err)
	}
	out := make([]part, 0, len(rows))
	for _, r := range rows {
		body := new(api.Incident)
		if err := proto.Unmarshal(r.Body, body); err != nil {
			return nil, fmt.Errorf("decode part of incident %s: %w", id, err)
		}
		out = append(out, part{r.Author, body})
	}
	rank := func(p part) int {
		if p.author == p.body.GetSurvivor() {
			return 0
		}
		return 1
	}
	slices.SortFunc(out, func(a, b part) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)),
			cmp.Compare(b.body.GetRevision(), a.body.GetRevision()), cmp.Compare(a.author, b.author))
	})
	return out, nil
}

// story is the first part, its unset fields filled from the others.
func story(parts []part) *api.Incident {
	out := proto.CloneOf(parts[0].body)
	for _, p := range parts[1:] {
		b := p.body
		out.Kind = cmp.Or(out.Kind, b.Kind)
		out.Title = cmp.Or(out.Title, b.Title)
		out.Severity = cmp.Or(out.Severity, b.Severity)
		out.FailedNode = cmp.Or(out.FailedNode, b.FailedNode)
		out.Survivor = cmp.Or(out.Survivor, b.Survivor)
		out.Generation = cmp.Or(out.Generation, b.Generation)
		out.RecoverySeconds = cmp.Or(out.RecoverySeconds, b.RecoverySeconds)
		out.Scenario = cmp.Or(out.Scenario, b.Scenario)
		out.Opened = cmp.Or(out.Opened, b.Opened)
		out.Closed = cmp.Or(out.Closed, b.Closed)
		out.Redundant = cmp.Or(out.Redundant, b.Redundant)
		if len(out.Phases) == 0 {
			out.Phases = b.Phases
		}
	}
	if out.Title == "" {
		out.Title = untold(parts[0].author)
	}
	return out
}

// untold is the title while nobody has told the story: the evidence of a node that came
// back can arrive before what its peer wrote while the line was cut.
func untold(author string) string {
	return "What happened is not told yet: only evidence of " + author + " has come"
}

func summarise(parts []part) *db.Incident {
	s := story(parts)
	return &db.Incident{
		ID: s.GetId(), Revision: s.GetRevision(), Kind: s.GetKind(), Title: s.GetTitle(), Severity: int32(s.GetSeverity()),
		Opened: nanos(s.GetOpened()), Closed: nanos(s.GetClosed()), Redundant: nanos(s.GetRedundant()),
		FailedNode: s.GetFailedNode(), Survivor: s.GetSurvivor(), Generation: s.GetGeneration(), RecoverySeconds: s.GetRecoverySeconds(),
	}
}

func nanos(t *timestamppb.Timestamp) int64 {
	if t == nil {
		return 0
	}
	return t.AsTime().UnixNano()
}
