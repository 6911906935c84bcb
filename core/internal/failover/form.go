package failover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// form is a line of words "key=value": one description of a type's fields both
// writes and reads it, so that the two cannot differ. Zero values are left out.
type form struct {
	writing bool
	out     strings.Builder
	in      []word
	err     error
}

type word struct {
	key, value string
	used       bool
}

// readForm splits a line. A value with spaces is quoted as in Go.
func readForm(line string) (*form, error) {
	f := &form{}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		key, rest, ok := strings.Cut(line, "=")
		if !ok || strings.ContainsAny(key, " \"") {
			return nil, fmt.Errorf("%q: want key=value", line)
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("%s: quoted value: %w", key, err)
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				return nil, fmt.Errorf("%s: quoted value: %w", key, err)
			}
			line = rest[len(quoted):]
		} else {
			value, line, _ = strings.Cut(rest, " ")
		}
		f.in = append(f.in, word{key: key, value: value})
	}
	return f, nil
}

// done returns the first fault, or names a key that nobody knows.
func (f *form) done() error {
	for _, w := range f.in {
		if f.err == nil && !w.used {
			f.err = fmt.Errorf("unknown key %q", w.key)
		}
	}
	return f.err
}

func (f *form) put(key, value string) {
	if value == "" || strings.ContainsAny(value, " \"\n\t") || !strconv.CanBackquote(value) {
		value = strconv.Quote(value)
	}
	if f.out.Len() > 0 {
		f.out.WriteByte(' ')
	}
	f.out.WriteString(key)
	f.out.WriteByte('=')
	f.out.WriteString(value)
}

// take finds the next unused word of a key.
func (f *form) take(key string) (string, bool) {
	for i := range f.in {
		if w := &f.in[i]; w.key == key && !w.used {
			w.used = true
			return w.value, true
		}
	}
	return "", false
}

// field writes a value that is not zero, or reads it if it is there.
func field[T comparable](f *form, key string, v *T, write func(T) string, read func(string) (T, error)) {
	if f.writing {
		var zero T
		if *v != zero {
			f.put(key, write(*v))
		}
		return
	}
	s, ok := f.take(key)
	if !ok {
		return
	}
	got, err := read(s)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s=%s: %w", key, s, err)
		return
	}
	*v = got
}

func (f *form) text(key string, v *string) {
	field(f, key, v, func(s string) string { return s }, func(s string) (string, error) { return s, nil })
}

func (f *form) span(key string, v *time.Duration) {
	field(f, key, v, time.Duration.String, time.ParseDuration)
}

func (f *form) uint(key string, v *uint64) {
	field(f, key, v, itoa, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
}

func (f *form) int(key string, v *int) { field(f, key, v, strconv.Itoa, strconv.Atoi) }

func (f *form) wall(key string, v *int64) {
	field(f, key, v, func(n int64) string { return strconv.FormatInt(n, 10) }, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
}

func (f *form) yes(key string, v *bool) {
	field(f, key, v, func(bool) string { return "yes" }, func(s string) (bool, error) {
		if s != "yes" && s != "no" {
			return false, fmt.Errorf("want yes or no")
		}
		return s == "yes", nil
	})
}

func (f *form) id(key string, v *beat.ID) { field(f, key, v, beat.ID.String, parseID) }

func parseID(s string) (beat.ID, error) {
	n, err := strconv.ParseUint(s, 36, 64)
	return beat.ID(n), err
}

func (f *form) grant(key string, v *beat.Grant) {
	field(f, key, v, func(g beat.Grant) string { return itoa(g.Generation) + ">" + g.To.String() }, func(s string) (g beat.Grant, err error) {
		gen, to, _ := strings.Cut(s, ">")
		if g.Generation, err = strconv.ParseUint(gen, 10, 64); err == nil {
			g.To, err = parseID(to)
		}
		return g, err
	})
}

// oneOf is a constant with a name.
func oneOf[T ~uint8](f *form, key string, v *T, names []string) {
	field(f, key, v, func(v T) string { return names[v] }, func(s string) (T, error) { return parseWord[T](s, names) })
}

func parseWord[T ~uint8](s string, names []string) (T, error) {
	i := slices.Index(names, s)
	if i < 0 || i > 255 {
		return 0, fmt.Errorf("want one of %s", strings.Join(names, ", "))
	}
	return T(i), nil
}

// joined is a list of words with commas between them.
func joined[T any](f *form, key string, v *[]T, write func(T) string, read func(string) (T, error)) {
	if f.writing {
		if len(*v) > 0 {
			words := make([]string, len(*v))
			for i := range *v {
				words[i] = write((*v)[i])
			}
			f.put(key, strings.Join(words, ","))
		}
		return
	}
	s, ok := f.take(key)
	if !ok || s == "" {
		return
	}
	*v = nil
	for _, w := range strings.Split(s, ",") {
		item, err := read(w)
		if err != nil && f.err == nil {
			f.err = fmt.Errorf("%s=%s: %w", key, w, err)
		}
		*v = append(*v, item)
	}
}

func (f *form) words(key string, v *[]string) {
	joined(f, key, v, func(s string) string { return s }, func(s string) (string, error) { return s, nil })
}

func (f *form) spans(key string, v *[]time.Duration) {
	joined(f, key, v, time.Duration.String, time.ParseDuration)
}

// each is a list of forms, one quoted word each.
func each[T any](f *form, key string, v *[]T, fields func(*form, *T)) {
	if f.writing {
		for i := range *v {
			sub := &form{writing: true}
			fields(sub, &(*v)[i])
			f.put(key, sub.out.String())
		}
		return
	}
	fresh := true
	for s, ok := f.take(key); ok; s, ok = f.take(key) {
		sub, err := readForm(s)
		var item T
		if err == nil {
			fields(sub, &item)
			err = sub.done()
		}
		if err != nil && f.err == nil {
			f.err = fmt.Errorf("%s: %w", key, err)
		}
		if fresh {
			*v, fresh = nil, false
		}
		*v = append(*v, item)
	}
}

// parts splits "a:b:c" into exactly n parts.
func parts(s string, n int) ([]string, error) {
	p := strings.Split(s, ":")
	if len(p) != n {
		return nil, fmt.Errorf("want %d parts with colons between them", n)
	}
	return p, nil
}
