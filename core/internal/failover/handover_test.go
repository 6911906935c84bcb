package failover

import (
	"testing"
	"time"
)

// TestFailbackWaits: the wait doubles while failbacks do not last, is a day at most, and is
// the configured one again after one that lasted.
func TestFailbackWaits(t *testing.T) {
	const after = 5 * time.Minute
	m := &Machine{p: Policy{FailbackAfter: after}}
	for i, step := range []struct {
		served time.Duration // by the primary, after a failback; 0: there was none
		want   time.Duration
	}{
		{0, 0},
		{time.Minute, 2 * after},
		{failbackLasts - 1, 4 * after},
		{0, 4 * after}, // an operator moved the service meanwhile
		{time.Second, 8 * after},
		{failbackLasts, 0},
		{time.Minute, 2 * after},
		{1, 4 * after},
		{1, 8 * after},
		{1, 16 * after},
		{1, 32 * after},
		{1, 64 * after},
		{1, 128 * after},
		{1, 256 * after},
		{1, failbackMost},
		{1, failbackMost},
	} {
		m.now += time.Hour
		if step.served > 0 {
			m.back.at = m.now
			m.now += step.served
		}
		m.weighFailback()
		if m.back.wait != step.want || m.back.since != m.now || m.back.at != 0 {
			t.Errorf("step %d: %+v, want a wait of %v", i, m.back, step.want)
		}
	}
}
