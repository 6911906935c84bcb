package timing

import (
	"fmt"
	"time"

	"github.com/storeward/storeward/core/sdk/spoken"
)

const (
	// Least is how many beats a recommendation wants.
	Least = 10_000
	// shortest is the shortest interval that is recommended: below it the beats cost more than they tell.
	shortest = 50 * time.Millisecond
)

// Setting is how fast a silent peer is noticed, as in the configuration.
type Setting struct{ Interval, Warntime, Deadtime time.Duration }

// Advice is the fastest setting that a measurement supports, and why.
type Advice struct {
	Setting          // zero: none is given
	Reasons []string // one sentence each
}

// Advise recommends a setting from the beats that came by whichever link was first:
// a peer counts as silent only when none brings any.
func Advise(now Setting, all *Arrivals) Advice {
	if all.Heard < Least {
		return Advice{Reasons: []string{fmt.Sprintf("%d beats of the peer's present daemon start are too few: %d are wanted, which takes %s more",
			all.Heard, Least, spoken.Duration(time.Duration(Least-all.Heard)*now.Interval))}} //nolint:gosec // small
	}
	silent, answer, usual := all.Silent.Max(), all.Answer.Max(), all.Late.Quantile(.999)
	period := all.Silent.Quantile(.5) // not the interval where a slow line carries every other beat
	travel := max(0, all.Answer.Quantile(.99)-period) / 2
	interval := up(max(shortest, usual, travel*5/4))
	change := interval - period // what is measured grows and shrinks with the time between beats
	deadtime, why := 4*interval, "four intervals, so that three beats may be lost"
	if need := 2 * (silent + change); need > deadtime {
		deadtime, why = need, "twice the longest silence of the living peer"
	}
	if need := 2 * (answer + change); need > deadtime {
		deadtime, why = need, "twice the age of the oldest answer: heard is who answers a beat younger than deadtime"
	}
	deadtime = up(deadtime)
	return Advice{
		Setting: Setting{interval, min(up(max(2*interval, interval+2*usual)), deadtime-interval), deadtime},
		Reasons: []string{
			fmt.Sprintf("of %d beats 99.9 %% came at most %s late, the latest %s; the longest silence between two was %s, the oldest answer %s old",
				all.Heard, spoken.Duration(usual), spoken.Duration(all.Late.Max()), spoken.Duration(silent), spoken.Duration(answer)),
			fmt.Sprintf("interval: %s at least, and not less than 99.9 %% of the beats are late or a beat is under way (%s)", spoken.Duration(shortest), spoken.Duration(travel)),
			"deadtime: " + why,
			fmt.Sprintf("with 95 %% confidence fewer than one beat in %d will be later than any of these (rule of three); a backup or a busy day that was not among them may be worse",
				all.Heard/3),
		},
	}
}

// Alone is the deadtime with which a link keeps the pair together when it is the only
// one left: twice its longest silence and its oldest answer, and three intervals.
func Alone(interval time.Duration, link *Arrivals) time.Duration {
	return up(max(3*interval, 2*link.Silent.Max(), 2*link.Answer.Max()))
}

// up rounds to what a person writes.
func up(d time.Duration) time.Duration {
	step := 10 * time.Millisecond
	if d > time.Second {
		step = 100 * time.Millisecond
	}
	return (d + step - 1).Truncate(step)
}
