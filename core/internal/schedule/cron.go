// Package schedule says when probes run: a heap of due times, no clock, no
// goroutine, no I/O. It never runs a probe itself and never lets one probe run
// twice at once.
package schedule

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// fiveFields takes minute, hour, day of month, month and day of week; no seconds, no @daily.
var fiveFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// Cron is a parsed cron expression.
type Cron struct{ spec cron.Schedule }

// ParseCron parses five fields: minute, hour, day of month, month, day of week.
func ParseCron(text string) (Cron, error) {
	spec, err := fiveFields.Parse(text)
	if err != nil {
		return Cron{}, fmt.Errorf("parse cron %q: %w", text, err)
	}
	return Cron{spec: spec}, nil
}

// Next returns the first time after t, in t's location; the zero time if none comes within five years.
func (c Cron) Next(t time.Time) time.Time { return c.spec.Next(t) }
