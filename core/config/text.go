package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// What a configuration may be at most. The YAML parser takes memory with the
// square of the depth and would bring the machine down before it finds a fault.
const (
	maxFile     = 1 << 20 // bytes
	maxBrackets = 64      // brackets within brackets, dashes in front of dashes
	maxItems    = 1000    // of a list: aliases make a long one of a small file
)

// readFile reads a configuration, and no more of a file than one could have.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return text, errors.Join(err, f.Close())
}

// plainText returns the text without a byte order mark, or what is wrong with it
// before it is looked at as YAML.
func plainText(name string, text []byte) ([]byte, error) {
	if len(text) > maxFile {
		return nil, Faults{{File: name, Wrong: "the file is too large for a configuration", Right: fmt.Sprintf("at most %d bytes", maxFile)}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if at := notText(text); at >= 0 {
		return nil, Faults{faultAt(name, text, at, "this is not text", "save the file in UTF-8")}
	}
	if at := tooDeep(text); at >= 0 {
		return nil, Faults{faultAt(name, text, at, "lists or maps nested too deeply", fmt.Sprintf("at most %d", maxBrackets))}
	}
	return text, nil
}

// notText is where the text is no UTF-8 or holds a zero byte, -1 if it is text.
func notText(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// tooDeep is where brackets are nested too deeply, -1 if they are not. It counts
// those in texts and comments too: no configuration holds so many that are not
// closed.
func tooDeep(text []byte) int {
	depth, dashes := 0, 0 // the dashes that a line begins with
	for at, c := range text {
		switch c {
		case '-':
			if dashes++; dashes > maxBrackets && bytes.HasPrefix(text[at:], []byte("- ")) {
				return at
			}
			continue
		case ' ', '\t':
			continue
		}
		dashes = -len(text) // none of a list's any more
		if c == '\n' {
			dashes = 0
		}
		switch c {
		case '[', '{':
			if depth++; depth > maxBrackets {
				return at
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return -1
}

func faultAt(name string, text []byte, at int, wrong, right string) Fault {
	before := text[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return Fault{File: name, Line: line, Column: column, Wrong: wrong, Right: right}
}
