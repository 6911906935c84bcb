package sdk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrExpired says that the order's life is over, and nothing of it may leave any more.
var ErrExpired = errors.New("the order has expired")

// Expired tells whether nothing of the order may leave any more.
func (o Order) Expired() bool { return Monotonic() >= o.Expiry }

// Within returns a context for carrying the order out. It ends margin before the
// order expires: the core kills a plugin that has not answered by then. An order that
// has no more than margin left is refused with ErrExpired.
func (o Order) Within(ctx context.Context, margin time.Duration) (context.Context, context.CancelFunc, error) {
	left := o.Expiry - Monotonic() - margin
	if left <= 0 {
		return nil, nil, ErrExpired
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	return ctx, cancel, nil
}

// AddCondition tells of one more thing that is not as it should be, each once by its key.
func (r *Reading) AddCondition(c Condition) {
	if !slices.ContainsFunc(r.Conditions, func(known Condition) bool { return known.Key == c.Key }) {
		r.Conditions = append(r.Conditions, c)
	}
}

// Result is the health of a device that answered: any condition, and an output that
// is off, make it Degraded.
func (r Reading) Result() Result {
	var faults []string
	for _, c := range r.Conditions {
		faults = append(faults, c.Message)
	}
	if r.Power == PowerOff {
		faults = append(faults, r.Message)
	}
	if len(faults) > 0 {
		return Result{Status: Degraded, Message: strings.Join(faults, "; "), Values: r.Values}
	}
	return Result{Status: OK, Message: r.Message, Values: r.Values}
}
