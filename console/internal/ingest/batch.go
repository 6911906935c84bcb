package ingest

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
)

// Bounds of what one batch may hold. A batch beyond the first three is refused:
// no node of ours sends one. Longer texts are cut, larger lists shortened:
// refusing them would stop the node's outbox for ever.
const (
	maxEnvelopes = 5000
	maxSequence  = 1 << 62
	maxJournal   = 64
	maxText      = 4096
	maxName      = 256
	maxPairs     = 64
	maxSnapshots = 16
	maxTimeline  = 2000 // as a node keeps
	maxScenario  = 1 << 20
)

// parse decodes a batch and checks that it is what the node of this store may say. A
// batch without envelopes is a question about its journal.
func parse(store, node string, data []byte) (*api.Batch, error) {
	batch := new(api.Batch)
	if err := proto.Unmarshal(data, batch); err != nil {
		return nil, errors.New("the batch cannot be decoded")
	}
	envelopes := batch.GetEnvelopes()
	if question := len(envelopes) == 0 && batch.GetJournalId() != ""; !question {
		if len(envelopes) == 0 || len(envelopes) > maxEnvelopes {
			return nil, fmt.Errorf("a batch holds 1 to %d envelopes, this one %d", maxEnvelopes, len(envelopes))
		}
		batch.JournalId = envelopes[0].GetJournalId()
	}
	journal, last := batch.GetJournalId(), uint64(0)
	if journal == "" || len(journal) > maxJournal {
		return nil, fmt.Errorf("a journal id has 1 to %d bytes", maxJournal)
	}
	for _, e := range envelopes {
		switch {
		case e.GetStore() != store || e.GetNode() != node:
			return nil, fmt.Errorf("%s.%s may not speak for %.64q.%.64q", store, node, e.GetStore(), e.GetNode())
		case e.GetJournalId() != journal:
			return nil, errors.New("a batch holds envelopes of one journal")
		case e.GetSequence() <= last || e.GetSequence() > maxSequence:
			return nil, fmt.Errorf("sequence %d after %d: the numbers of a batch rise from 1", e.GetSequence(), last)
		}
		last = e.GetSequence()
	}
	return batch, nil
}

// cut shortens s to at most n bytes, at the border of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// pairs keeps at most maxPairs attributes, each of bounded length.
func pairs(in map[string]string) map[string]string {
	out := make(map[string]string, min(len(in), maxPairs))
	for k, v := range in {
		if len(out) == maxPairs {
			break
		}
		out[cut(k, maxName)] = cut(v, maxText)
	}
	return out
}

// Times before this are a broken clock's. maxAhead is how far a time may lie in the
// future: alarms that two nodes tell of are ordered by their times, and the word of a clock
// that is a year ahead would hold against the other node's for that year.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const maxAhead = 10 * time.Minute

// when is the time, or the given one where it is unset or no node's that tells it now.
func when(t *timestamppb.Timestamp, otherwise, now time.Time) time.Time {
	if t == nil || !t.IsValid() {
		return otherwise
	}
	if at := t.AsTime(); at.After(earliest) && !at.After(now.Add(maxAhead)) {
		return at
	}
	return otherwise
}

// bounded is the incident with sane times and bounded texts. It changes in.
func bounded(in *api.Incident, at, now time.Time) *api.Incident {
	in.Id = cut(in.GetId(), 200)
	in.Kind, in.Title = cut(in.GetKind(), maxName), cut(in.GetTitle(), maxText)
	in.FailedNode, in.Survivor = cut(in.GetFailedNode(), maxName), cut(in.GetSurvivor(), maxName)
	in.Scenario = cut(in.GetScenario(), maxScenario)
	in.Opened = timestamppb.New(when(in.GetOpened(), at, now))
	if in.Closed != nil {
		in.Closed = timestamppb.New(when(in.GetClosed(), at, now))
	}
	if in.Redundant != nil {
		in.Redundant = timestamppb.New(when(in.GetRedundant(), at, now))
	}
	in.Timeline = in.GetTimeline()[:min(len(in.GetTimeline()), maxTimeline)]
	for _, e := range in.Timeline {
		e.Text, e.Time = cut(e.GetText(), maxText), timestamppb.New(when(e.GetTime(), at, now))
	}
	if len(in.Snapshots) > maxSnapshots {
		in.Snapshots = in.Snapshots[:maxSnapshots]
	}
	for _, s := range in.Snapshots {
		s.Node, s.Source = cut(s.GetNode(), maxName), cut(s.GetSource(), maxName)
	}
	in.Title = strings.TrimSpace(in.Title)
	return in
}
