package engine

import (
	"math"
	"time"
)

// Buckets of lateness grow by a quarter of an octave from 0.1 ms: 80 of them reach 100 s.
const (
	lateBuckets = 80
	lateFloor   = 100 * time.Microsecond
)

// lateness is a histogram of how much later than announced beats came.
type lateness struct {
	counts [lateBuckets]uint64
	total  uint64
	max    time.Duration
	// peak is the greatest since it was last read, for points.
	peak time.Duration
}

func (l *lateness) add(d time.Duration) {
	d = max(d, 0)
	bucket := 0
	if d > lateFloor {
		bucket = min(lateBuckets-1, 1+int(4*math.Log2(float64(d)/float64(lateFloor))))
	}
	l.counts[bucket]++
	l.total++
	l.max, l.peak = max(l.max, d), max(l.peak, d)
}

// quantile returns the upper edge of the bucket that holds the q-th part, never above the maximum.
func (l *lateness) quantile(q float64) time.Duration {
	if l.total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(l.total)))
	var sum uint64
	for bucket, n := range l.counts {
		if sum += n; sum >= rank {
			edge := time.Duration(float64(lateFloor) * math.Exp2(float64(bucket)/4))
			return min(edge, l.max)
		}
	}
	return l.max
}
