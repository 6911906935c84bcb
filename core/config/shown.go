package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Shown is the configuration as YAML, defaults included and secrets hidden. Without
// secrets in it, it is read as the same configuration.
func (c *Config) Shown() string {
	var w blockWriter
	w.mapping(shownTree(reflect.ValueOf(c).Elem()), "")
	return w.String()
}

// shownTree is the tree of a part of the configuration; nil: there is nothing to show.
func shownTree(v reflect.Value) *tree {
	switch held := v.Interface().(type) {
	case Section:
		return shownSection(held)
	case Secret:
		return shownSecret(held)
	case Duration:
		return newPlain(show(held.Std()))
	case Watchdog:
		if held.Timeout == 0 { // written out, it would be one without a timeout
			return nil
		}
	case []string:
		return shownTexts(held)
	case Command:
		return shownTexts(held)
	}
	if v.Kind() == reflect.String {
		return newText(v.String())
	}
	if v.Kind() == reflect.Struct {
		return shownFields(v)
	}
	if v.Kind() == reflect.Slice {
		t := &tree{kind: treeList}
		for i := range v.Len() {
			t.values = append(t.values, shownTree(v.Index(i)))
		}
		return t
	}
	return newPlain(fmt.Sprint(v.Interface()))
}

func shownFields(v reflect.Value) *tree {
	t := &tree{kind: treeMapping}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
			if value := shownTree(v.Field(i)); value != nil {
				t.add(name, value)
			}
		}
	}
	return t
}

func shownTexts(texts []string) *tree {
	t := &tree{kind: treeList}
	for i, open := range Command(texts).shown() {
		t.values = append(t.values, &tree{whole: spelled(texts[i]), open: spelled(open)})
	}
	return t
}

func shownSection(s Section) *tree {
	if s.IsZero() {
		return nil
	}
	if t := s.tree(); t != nil {
		return t
	}
	return newText(tooLarge)
}

func shownSecret(s Secret) *tree {
	if s.IsZero() {
		return nil
	}
	kind, where, ok := strings.Cut(s.Source(), " ")
	if !ok {
		return newPlain(hidden)
	}
	return &tree{kind: treeMapping, keys: []string{kind}, values: []*tree{{whole: spelled(where), open: spelled(where)}}}
}

// blockWriter writes trees in YAML's block style, as people write configurations.
type blockWriter struct{ strings.Builder }

// mapping writes one key a line; the first stands where the writer is.
func (w *blockWriter) mapping(t *tree, margin string) {
	for i, key := range t.keys {
		if i > 0 {
			w.WriteString(margin)
		}
		w.WriteString(keyQuoted(withoutSecrets(key)) + ":")
		w.value(t.values[i], margin+"  ")
	}
}

// value writes what stands behind a key or a dash of the margin before.
func (w *blockWriter) value(t *tree, margin string) {
	switch {
	case t.kind == treeScalar || len(t.values) == 0 || t.flat():
		w.WriteString(" " + t.flow(true) + "\n")
	case t.kind == treeMapping:
		w.WriteString("\n" + margin)
		w.mapping(t, margin)
	default:
		w.WriteString("\n")
		for _, item := range t.values {
			w.WriteString(margin + "-")
			w.item(item, margin+"  ")
		}
	}
}

// item writes a mapping's first key behind the dash.
func (w *blockWriter) item(t *tree, margin string) {
	if t.kind == treeMapping && len(t.values) > 0 {
		w.WriteString(" ")
		w.mapping(t, margin)
		return
	}
	w.value(t, margin)
}
