package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hours are the times of the week at which a store is open, by the wall clock.
type Hours []span

// span is a part of the week in minutes since Monday, 00:00; its end does not
// belong to it and may lie beyond Sunday.
type span struct{ from, to int }

const (
	day  = 24 * 60
	week = 7 * day
)

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// ParseHours parses lines such as "mon-sat 08:00-20:00", "sun 10:00-13:00" and
// "fri 20:00-02:00", which ends on Saturday.
func ParseHours(lines []string) (Hours, error) {
	var out Hours
	for _, line := range lines {
		spans, err := parseSpans(line)
		if err != nil {
			return nil, fmt.Errorf("parse opening hours %q: %w", line, err)
		}
		out = append(out, spans...)
	}
	return out, nil
}

func parseSpans(line string) ([]span, error) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return nil, errors.New("days and times are needed")
	}
	first, last, err := parseDays(words[0])
	if err != nil {
		return nil, err
	}
	opens, closes, ok := strings.Cut(words[1], "-")
	from, err := parseMinute(opens)
	if err == nil && ok {
		var to int
		if to, err = parseMinute(closes); err == nil {
			return spansOf(first, last, from, to), nil
		}
	}
	if err == nil {
		err = errors.New("the time has no end")
	}
	return nil, err
}

func spansOf(first, last, from, to int) (out []span) {
	if to <= from {
		to += day
	}
	if last < first {
		last += len(weekdays)
	}
	for d := first; d <= last; d++ {
		start := d % len(weekdays) * day
		out = append(out, span{start + from, start + to})
	}
	return out
}

// parseDays takes "mon" and "mon-sat".
func parseDays(text string) (first, last int, err error) {
	from, to, several := strings.Cut(text, "-")
	if !several {
		to = from
	}
	first, last = slices.Index(weekdays, from), slices.Index(weekdays, to)
	if first < 0 || last < 0 {
		return 0, 0, fmt.Errorf("%q names no days", text)
	}
	return first, last, nil
}

// parseMinute is the minute of the day of 00:00 to 24:00.
func parseMinute(text string) (int, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// Open tells whether the store is open at t, in t's location.
func (h Hours) Open(t time.Time) bool {
	minute := (int(t.Weekday())+6)%7*day + t.Hour()*60 + t.Minute()
	return slices.ContainsFunc(h, func(s span) bool {
		return s.from <= minute && minute < s.to || s.from <= minute+week && minute+week < s.to
	})
}
