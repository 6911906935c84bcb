package sdk

import (
	"slices"
	"strings"
)

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
