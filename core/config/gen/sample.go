package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/storeward/storeward/core/config"
)

const (
	sampleHead = `# A store of two nodes: a database that follows the active node and a web server on both.
# Keys that are commented out show their defaults. The same file lies on both nodes.
# Generated from core/config/config.go by go run ./core/config/gen.
`
	lineWidth = 100
)

// sample writes the example configuration with each key's comment at its first use.
func sample(model *object) ([]byte, error) {
	text, err := example()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(sampleHead)
	w := writer{out: &out, said: map[string]bool{}}
	w.object(model, reflect.ValueOf(*text), "", true)
	return out.Bytes(), nil
}

// writer prints a configuration as YAML with comments.
type writer struct {
	out  *bytes.Buffer
	said map[string]bool // TYPE.KEY whose comment was written already
}

func (w *writer) object(o *object, v reflect.Value, indent string, top bool) {
	for _, f := range o.fields {
		value := v.Field(f.index)
		key := o.name + "." + f.key
		first := !w.said[key]
		w.said[key] = true
		if !first && f.isDefault(value) {
			continue
		}
		if first {
			if top {
				w.out.WriteByte('\n')
			}
			w.comment(indent, strings.ReplaceAll(f.doc, "`", ""))
		}
		w.field(f, value, indent)
	}
}

// oneLiner shows a nested set of keys with its defaults.
func (f *field) oneLiner() string {
	var words []string
	for _, child := range f.child.fields {
		words = append(words, child.key+": "+child.preset)
	}
	return "{" + strings.Join(words, ", ") + "}"
}

// isDefault tells whether leaving the key out says the same.
func (f *field) isDefault(v reflect.Value) bool {
	switch f.kind {
	case "time":
		return plain(v.Interface().(config.Duration)) == f.preset || v.IsZero()
	case "keys":
		for _, child := range f.child.fields {
			if !child.isDefault(v.Field(child.index)) {
				return false
			}
		}
		return true
	case "true or false":
		return fmt.Sprint(v.Interface()) == f.preset
	case "list of texts":
		return f.preset != "" && fmt.Sprint(v.Interface()) == fmt.Sprint(f.presetRaw) || v.IsZero()
	case "text", "whole number":
		return fmt.Sprint(v.Interface()) == f.preset || v.IsZero()
	}
	return v.IsZero()
}

func (w *writer) comment(indent, doc string) {
	line := indent + "#"
	for _, word := range strings.Fields(doc) {
		if len(line)+1+len(word) > lineWidth {
			fmt.Fprintln(w.out, line)
			line = indent + "#"
		}
		line += " " + word
	}
	fmt.Fprintln(w.out, line)
}

func (w *writer) field(f *field, v reflect.Value, indent string) {
	if f.isDefault(v) && (f.kind != "keys" || indent != "") && f.kind != "list" {
		w.absent(f, indent)
		return
	}
	switch f.kind {
	case "keys":
		fmt.Fprintf(w.out, "%s%s:\n", indent, f.key)
		w.object(f.child, v, indent+"  ", false)
	case "list":
		w.list(f, v, indent)
	case "list of texts":
		var items []string
		for i := range v.Len() {
			items = append(items, scalar(v.Index(i).String()))
		}
		fmt.Fprintf(w.out, "%s%s: [%s]\n", indent, f.key, strings.Join(items, ", "))
	case "plugin's section":
		fmt.Fprintf(w.out, "%s%s:\n", indent, f.key)
		for _, line := range strings.Split(strings.TrimSpace(v.Interface().(config.Section).Text()), "\n") {
			fmt.Fprintf(w.out, "%s  %s\n", indent, line)
		}
	case "secret":
		kind, name, _ := strings.Cut(v.Interface().(config.Secret).Source(), " ")
		fmt.Fprintf(w.out, "%s%s: {%s: %s}\n", indent, f.key, kind, name)
	case "time":
		fmt.Fprintf(w.out, "%s%s: %s\n", indent, f.key, plain(v.Interface().(config.Duration)))
	default:
		fmt.Fprintf(w.out, "%s%s: %s\n", indent, f.key, scalar(fmt.Sprint(v.Interface())))
	}
}

// absent shows a key that is left out: its default, or else what it might hold.
func (w *writer) absent(f *field, indent string) {
	shown := f.preset
	if shown == "" {
		shown = f.example
	}
	if f.kind == "keys" {
		shown = f.oneLiner()
	}
	if f.kind == "list of texts" && shown == "" {
		shown = "[]"
	}
	fmt.Fprintf(w.out, "%s# %s: %s\n", indent, f.key, shown)
}

// list writes the elements; each begins with its first key behind the dash.
func (w *writer) list(f *field, v reflect.Value, indent string) {
	if v.Len() == 0 {
		fmt.Fprintf(w.out, "%s# %s: []\n", indent, f.key)
		return
	}
	fmt.Fprintf(w.out, "%s%s:\n", indent, f.key)
	for i := range v.Len() {
		var element bytes.Buffer
		inner := writer{out: &element, said: w.said}
		inner.object(f.child, v.Index(i), indent+"    ", false)
		w.dash(element.String(), indent)
	}
}

// dash puts the dash before the first line that is no comment; the comments above it move with it.
func (w *writer) dash(text, indent string) {
	begun := false
	for _, line := range strings.SplitAfter(text, "\n") {
		body := strings.TrimPrefix(line, indent+"    ")
		switch {
		case line == "":
		case begun:
			w.out.WriteString(line)
		case strings.HasPrefix(body, "#"):
			w.out.WriteString(indent + "  " + body)
		default:
			w.out.WriteString(indent + "  - " + body)
			begun = true
		}
	}
}

// scalar quotes a text that YAML would take for something else, or might.
func scalar(text string) string {
	if text == "" || strings.ContainsAny(text, ":#{}[]*&!|>%@`\"' ,") {
		return fmt.Sprintf("%q", text)
	}
	return text
}
