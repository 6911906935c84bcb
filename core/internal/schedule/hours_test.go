package schedule

import (
	"testing"
	"time"
)

func TestOpeningHours(t *testing.T) {
	h, err := ParseHours([]string{"mon-thu 08:00-20:00", "fri 20:00-02:00", "sun 22:00-06:00"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"Mon 2026-11-23 07:59": false, "Mon 2026-11-23 08:00": true, "Thu 2026-11-26 19:59": true, "Thu 2026-11-26 20:00": false,
		"Fri 2026-11-27 12:00": false, "Fri 2026-11-27 23:00": true, "Sat 2026-11-28 01:59": true, "Sat 2026-11-28 02:00": false,
		"Sun 2026-11-29 22:30": true, "Mon 2026-11-30 05:59": true, "Mon 2026-11-30 06:00": false,
	} {
		at, err := time.Parse("Mon 2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Open(at); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestOpeningHoursByDays(t *testing.T) {
	monday := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for line, want := range map[string]string{
		"mon 00:00-24:00": "x......", "sat-mon 10:00-13:00": "x....xx", "mon-sun 12:00-12:01": "xxxxxxx", "tue-wed 00:00-12:00": ".......",
	} {
		h, err := ParseHours([]string{line})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for d := range 7 {
			if h.Open(monday.AddDate(0, 0, d)) {
				got += "x"
			} else {
				got += "."
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestBadOpeningHours(t *testing.T) {
	for _, line := range []string{"", "mon", "08:00-20:00", "monday 08:00-20:00", "mon 08:00", "mon 8-20", "mon 08:00-25:00", "mon- 08:00-20:00", "mon 08:00-20:00 tue"} {
		if h, err := ParseHours([]string{line}); err == nil {
			t.Errorf("%q: taken as %v", line, h)
		}
	}
}
