package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// calm is how long an alarm must stay away before its end is told: one that comes
// and goes with every look at the world is one alarm, not a hundred.
const calm = time.Second

// ended is an alarm that went away a moment ago.
type ended struct {
	alarm  failover.Alarm
	at     time.Duration
	raised []failover.Alarm // what began in its place
}

// damper holds back the ends of alarms.
type damper struct{ ends []ended }

// pass takes what began and ended, and returns what is to be told of it now.
func (d *damper) pass(at time.Duration, raised, cleared []failover.Alarm) (begun []failover.Alarm, over []ended) {
	for _, a := range cleared {
		if isOfMode(a) || becameOff(a, raised) { // an operator's word does not flicker; and that it is not off is no alarm to stand beside "is off"
			over = append(over, ended{alarm: a, at: at, raised: raised})
			continue
		}
		d.ends = append(d.ends, ended{alarm: a, at: at, raised: raised})
	}
	for _, a := range raised {
		again := slices.IndexFunc(d.ends, func(e ended) bool {
			return e.alarm.Object == a.Object && e.alarm.Key == a.Key && e.alarm.Severity == a.Severity
		})
		if again >= 0 {
			d.ends = slices.Delete(d.ends, again, again+1)
			continue
		}
		begun = append(begun, a)
	}
	for len(d.ends) > 0 && at-d.ends[0].at >= calm {
		over = append(over, d.ends[0])
		d.ends = d.ends[1:]
	}
	return begun, over
}

// modeAlarms are the conditions of modes (failover's words).
var modeAlarms = []string{"maintenance", "standby mode", "unmanaged mode", "removal"}

// isOfMode tells whether an alarm says that a mode holds, or how long.
func isOfMode(a failover.Alarm) bool {
	return slices.ContainsFunc(modeAlarms, func(mode string) bool { return a.Key == mode || strings.HasPrefix(a.Key, mode+" ") })
}
