// Package timing measures how beats arrive and says which interval, warntime and
// deadtime the measurement supports. It is pure: times are given to it.
package timing

import (
	"math"
	"time"
)

// Buckets grow by a quarter of an octave from 0.1 ms: 80 of them reach 100 s.
const (
	buckets = 80
	floor   = 100 * time.Microsecond
)

// Histogram counts spans of time. The zero value is empty.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
	max    time.Duration
}

// Add counts a span; a negative one counts as none.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	bucket := 0
	if d > floor {
		bucket = min(buckets-1, 1+int(4*math.Log2(float64(d)/float64(floor))))
	}
	h.counts[bucket]++
	h.total++
	h.max = max(h.max, d)
}

// Max is the longest span, 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the upper edge of the bucket that holds the q-th part, never above the maximum.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.total)))
	var sum uint64
	for bucket, n := range h.counts {
		if sum += n; sum >= rank && sum > 0 {
			edge := time.Duration(float64(floor) * math.Exp2(float64(bucket)/4))
			return min(edge, h.max)
		}
	}
	return h.max
}
