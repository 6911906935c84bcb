package report

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

// Bounds of what waits in memory while the disk does not take it.
const (
	queueLimit = 20000
	queueBytes = 32 << 20
)

// queue holds envelopes until the disk has them. When it is full, points go
// first and incidents next, oldest first; what has its number stays as an
// envelope without a body, so that the numbers have no gap.
type queue struct {
	waiting []waiting
	bodies  int
	bytes   int
}

// waiting is one envelope and its size when it came; 0: its body was given up.
type waiting struct {
	envelope *api.Envelope
	size     int
	told     bool // to the trap receivers
}

func isPoints(e *api.Envelope) bool   { return e.GetPoints() != nil }
func isIncident(e *api.Envelope) bool { return e.GetIncident() != nil }

// add takes an envelope and returns how many were given up for it, itself included.
func (q *queue) add(e *api.Envelope) (refused uint64) {
	size := proto.Size(e)
	for q.bodies >= queueLimit || q.bytes+size > queueBytes {
		if isPoints(e) || !q.giveUp(isPoints) && (isIncident(e) || !q.giveUp(isIncident)) {
			return refused + 1
		}
		refused++
	}
	q.waiting = append(q.waiting, waiting{envelope: e, size: size})
	q.bodies++
	q.bytes += size
	return refused
}

// giveUp drops the oldest body of a kind. Whoever holds the envelope keeps it whole.
func (q *queue) giveUp(kind func(*api.Envelope) bool) bool {
	for i, w := range q.waiting {
		if !kind(w.envelope) {
			continue
		}
		q.bodies--
		q.bytes -= w.size
		if e := w.envelope; e.Sequence == 0 {
			q.waiting = slices.Delete(q.waiting, i, i+1)
		} else {
			q.waiting[i] = waiting{envelope: &api.Envelope{
				Store: e.Store, Node: e.Node, Time: e.Time, JournalId: e.JournalId, Sequence: e.Sequence,
			}}
		}
		return true
	}
	return false
}

// all are those that wait, oldest first.
func (q *queue) all() []*api.Envelope {
	out := make([]*api.Envelope, 0, len(q.waiting))
	for _, w := range q.waiting {
		out = append(out, w.envelope)
	}
	return out
}

// untold are copies of the events among the oldest n that were not asked for before.
func (q *queue) untold(n int) []*api.Envelope {
	var out []*api.Envelope
	for i := range q.waiting[:n] {
		w := &q.waiting[i]
		if w.envelope.GetEvent() != nil && !w.told {
			out = append(out, proto.CloneOf(w.envelope)) // a new journal would give it another number
		}
		w.told = true
	}
	return out
}

// forget drops the oldest n, which the disk has.
func (q *queue) forget(n int) {
	for _, w := range q.waiting[:n] {
		q.bytes -= w.size
		if w.size > 0 {
			q.bodies--
		}
	}
	q.waiting = slices.Clone(q.waiting[n:])
}
