package timing

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// outage is the silence from which beats count as not sent, or a link as cut: it is
// told by alarms, and says nothing of how beats arrive.
const outage = 10 * time.Second

// Arrivals is how the beats of one daemon start of the peer arrive by one path: a
// link, or whichever link brings each beat first. The zero value has seen none.
type Arrivals struct {
	Incarnation beat.ID
	Since       time.Duration // when the first one came
	Heard       uint64
	Lost        uint64 // sequences that never came
	Outages     uint64
	Late        Histogram // beyond the announced time since the one before, lost ones allowed for
	Silent      Histogram // between two beats, outages left out
	Answer      Histogram // ages of our beats when the peer's answer to them came

	last     time.Duration
	sequence uint64
}

// Add counts a beat that was taken at a time. A new daemon start begins anew; what is
// not newer than the newest does not count. It returns the time since the beat
// before, and how many were lost between the two; both 0 for the first one.
func (a *Arrivals) Add(b *beat.Beat, taken time.Duration) (silent time.Duration, lost uint64) {
	if a.Incarnation != b.Incarnation {
		*a = Arrivals{Incarnation: b.Incarnation, Since: taken, Heard: 1, last: taken, sequence: b.Sequence}
		return 0, 0
	}
	if b.Sequence <= a.sequence {
		return 0, 0
	}
	steps := b.Sequence - a.sequence
	silent, lost = taken-a.last, steps-1
	a.Heard++
	a.last, a.sequence = taken, b.Sequence
	if silent >= outage {
		a.Outages++
		return 0, 0
	}
	a.Lost += lost
	a.Silent.Add(silent)
	a.Late.Add(silent - time.Duration(steps)*b.Interval) //nolint:gosec // bounded by outage
	return silent, lost
}

// Loss is the share of beats that never came.
func (a *Arrivals) Loss() float64 {
	if a.Lost == 0 {
		return 0
	}
	return float64(a.Lost) / float64(a.Heard+a.Lost)
}

// AnswerAge is the age, when b was taken, of our newest beat that it answers: one that
// came by the named link, or, with no name, by any. False: it answers none of ours.
func AnswerAge(b *beat.Beat, own beat.ID, link string, taken time.Duration) (age time.Duration, ok bool) {
	for i := range b.Echoes {
		e := &b.Echoes[i]
		if e.Incarnation != own || link != "" && e.Link != link {
			continue
		}
		if this := taken - e.Sent; !ok || this < age {
			age, ok = this, true
		}
	}
	return age, ok
}
