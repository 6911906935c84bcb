package config

import (
	"fmt"
	"sort"
	"strings"
)

// Fault is one thing wrong with a configuration, with the words that put it right.
type Fault struct {
	// File, Line and Column tell where; Line 0 means that the value came from no file.
	File         string
	Line, Column int
	// Path is the key, e.g. links[0].plugin; empty for the file as a whole.
	Path string
	// Wrong says what is wrong, Right what would be right.
	Wrong, Right string
}

// Error has the form FILE:LINE:COLUMN: PATH: WRONG: RIGHT, with what is not known left out.
func (f Fault) Error() string {
	var parts []string
	switch {
	case f.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column))
	case f.File != "":
		parts = append(parts, f.File)
	}
	for _, part := range []string{f.Path, f.Wrong, f.Right} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Faults is every fault of a configuration, in the order of the file.
type Faults []Fault

// Error puts one fault on a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes the single faults visible to errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// maxFaults is how many faults are told: a file that is none of ours has one in every line,
// and they go to the journal and to the console.
const maxFaults = 100

// Err returns the faults as an error, in the order of the file and each of them once, at
// most maxFaults; nil if there are none.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	sort.SliceStable(fs, func(i, j int) bool {
		if fs[i].Line != fs[j].Line {
			return fs[i].Line < fs[j].Line
		}
		return fs[i].Column < fs[j].Column
	})
	var once Faults
	told := map[Fault]bool{}
	for _, f := range fs {
		if !told[f] {
			told[f] = true
			once = append(once, f)
		}
	}
	if more := len(once) - maxFaults; more > 0 {
		once = append(once[:maxFaults], Fault{File: once[0].File, Wrong: fmt.Sprintf("%d more faults", more)})
	}
	return once
}

// place is a position in the file, counted from 1.
type place struct{ line, column int }

// places maps the path of everything that the file says to where it says it.
type places struct {
	file string
	at   map[string]place
}

// find returns where a path stands, or where the nearest thing around it does:
// a key that is missing is reported at the mapping that lacks it.
func (p places) find(path string) place {
	for path != "" {
		if at, ok := p.at[path]; ok {
			return at
		}
		path = parent(path)
	}
	return p.at[""]
}

func (p places) fault(path, wrong, right string) Fault {
	at := p.find(path)
	return Fault{File: p.file, Line: at.line, Column: at.column, Path: path, Wrong: wrong, Right: right}
}

// parent cuts the last key or index off a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// nearest returns the known word that a mistyped one most likely meant, or "".
func nearest(word string, known []string) string {
	best, limit := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// Suggest says what a mistyped word should have been: the nearest known one, or all of them.
func Suggest(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}
