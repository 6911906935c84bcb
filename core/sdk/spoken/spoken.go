// Package spoken writes durations for people, as the console's pages do: "42 ms",
// "1.5 s", "5 min 12 s", "2 h 4 min", "3 d 1 h". What a machine reads back, a
// configuration or a journal, is written as Go writes it. Brief bounds what others say.
package spoken

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Duration has as many digits as matter, and two units at most.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-max(d, -math.MaxInt64))
	case d == 0:
		return "0 ms"
	case d < 10*time.Millisecond:
		return digits(d, time.Millisecond, 1) + " ms"
	case d.Round(time.Millisecond) < time.Second:
		return digits(d, time.Millisecond, 0) + " ms"
	case d.Round(10*time.Millisecond) < 10*time.Second:
		return digits(d, time.Second, 2) + " s"
	case d.Round(100*time.Millisecond) < time.Minute:
		return digits(d, time.Second, 1) + " s"
	}
	return Age(d)
}

// Age is a duration in whole seconds: "0 s", "12 s", "4 min".
func Age(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < time.Minute:
		return digits(d, time.Second, 0) + " s"
	case d < time.Hour:
		return pair(d, time.Minute, " min", time.Second, " s")
	case d < day:
		return pair(d, time.Hour, " h", time.Minute, " min")
	}
	return pair(d, day, " d", time.Hour, " h")
}

func pair(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	text := strconv.Itoa(int(d/big)) + bigName
	if rest := int(d % big / small); rest > 0 {
		text += " " + strconv.Itoa(rest) + smallName
	}
	return text
}

// digits is d in a unit, with at most so many decimals and no zeros at their end.
func digits(d, unit time.Duration, decimals int) string {
	text := strconv.FormatFloat(float64(d)/float64(unit), 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
