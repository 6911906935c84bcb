package series

import (
	"slices"
	"strings"
)

// sortedCopies returns the set's strings in order. They are copied: a querier's
// strings end with the querier.
func sortedCopies(set map[string]struct{}) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, strings.Clone(s))
	}
	slices.Sort(out)
	return out
}
