package engine

import (
	"strings"
	"time"
)

const (
	// scenarioBound keeps an incident small enough for any broker.
	scenarioBound = 256 << 10
	// scenarioBefore is how much of the time before something began explains it.
	scenarioBefore = 5 * time.Second
)

// Comments of a record that is not all of it.
const (
	fromImage = "# This part of the record begins with the node's machine as it was then; a replay goes on from there."
	fromWhere = "# What came before these lines is not on record, nor what the machine was then: there is nothing to replay."
	goesOn    = "# The record goes on; the rest has no room here."
)

// scenario is all that the ring can replay of this daemon's time.
func (e *Engine) scenario() string { return text(e.inputs(), 0) }

// scenarioAround is the part of it around a moment of something that began earlier: all
// of it where that is small, else what came before and after, and shortly before the
// beginning if that is not too long ago.
func (e *Engine) scenarioAround(began, moment time.Duration) string {
	lines := e.inputs()
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	if size <= scenarioBound {
		return text(lines, 0)
	}
	return text(lines[beginning(lines, began, moment):], scenarioBound)
}

// beginning finds the line to begin with: the last from which a replay can begin
// before it began, or a later one if else the moment would have no room.
func beginning(lines []string, began, moment time.Duration) (from int) {
	size, since := 0, map[int]int{} // the bytes before each beginning
	var later []int
	for i, line := range lines {
		at, timed := momentOf(line)
		if timed && at > moment {
			break
		}
		if isImage(line) {
			since[i] = size
			if at <= began-scenarioBefore {
				from = i
			} else {
				later = append(later, i)
			}
		}
		size += len(line) + 1
	}
	for _, i := range later {
		if size-since[from] > scenarioBound/2 {
			from = i
		}
	}
	return from
}

// text makes a scenario file of lines, of at most so many bytes and of whole steps; 0: all.
func text(lines []string, bound int) string {
	var out strings.Builder
	switch {
	case len(lines) > 0 && isImage(lines[0]):
		out.WriteString(fromImage + "\n")
	case len(lines) == 0 || !isHeader(lines[0]):
		out.WriteString(fromWhere + "\n")
	}
	size, whole := out.Len()+len(goesOn)+1, 0
	for i, line := range lines {
		if size += len(line) + 1; bound > 0 && size > bound {
			return out.String() + strings.Join(append(lines[:whole:whole], goesOn), "\n") + "\n"
		}
		if i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "+ ") {
			whole = i + 1
		}
	}
	return out.String() + strings.Join(lines, "\n") + "\n"
}

func isHeader(line string) bool { return strings.HasPrefix(line, "policy ") }

func isImage(line string) bool {
	_, rest, _ := strings.Cut(line, " ")
	return strings.HasPrefix(rest, "machine {")
}

func momentOf(line string) (time.Duration, bool) {
	word, _, _ := strings.Cut(line, " ")
	at, err := time.ParseDuration(word)
	return at, err == nil
}

// inputs are the ring's lines since the daemon's start; once the ring has turned
// over, since the oldest image that it still holds.
func (e *Engine) inputs() []string {
	e.writeRing()
	lines, err := e.Journal.Inputs()
	if err != nil {
		e.Log.WithError(err).Warn("decision inputs not read")
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if isHeader(lines[i]) {
			return lines[i:]
		}
	}
	for i := range lines {
		if isImage(lines[i]) {
			return lines[i:]
		}
	}
	return lines
}
