package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Setting is one value of a configuration, defaults included, that can be shown and
// compared with another node's.
type Setting struct {
	// Path is its key path; entries of a list go by their name: resources[db].stop_timeout.
	Path string
	// Value is its text; of a secret, where it is kept, or <secret>.
	Value string
	// Mark differs where what Value does not show differs: HMAC-SHA256 of a secret under the caller's salt.
	Mark string
	// Entry is the path of the named entry of a list that holds the setting, e.g. resources[db]; empty: of none.
	Entry string
}

// Settings lists every value of the configuration in the order of the reference page. A
// secret leaves only as its mark: whoever has the same secret and salt gets the same one.
func (c *Config) Settings(salt []byte) []Setting {
	return c.list(salt).out
}

func (c *Config) list(salt []byte) *lister {
	l := &lister{salt: salt, sections: map[string]string{}}
	l.structure("", reflect.ValueOf(c).Elem())
	return l
}

// lister gathers settings.
type lister struct {
	salt     []byte
	entry    string
	out      []Setting
	sections map[string]string // whole, by their paths
}

func (l *lister) add(path, value, mark string) {
	l.out = append(l.out, Setting{Path: path, Value: value, Mark: mark, Entry: l.entry})
}

// secret adds a value that is not shown.
func (l *lister) secret(path, shown, value string) {
	h := hmac.New(sha256.New, l.salt)
	h.Write([]byte(value))
	l.add(path, shown, string(h.Sum(nil)))
}

func (l *lister) structure(path string, v reflect.Value) {
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
			l.value(join(path, name), v.Field(i))
		}
	}
}

func (l *lister) value(path string, v reflect.Value) {
	switch held := v.Interface().(type) {
	case Section:
		l.section(path, held)
	case Secret:
		l.reference(path, held)
	case Duration:
		l.add(path, show(held.Std()), "")
	case []string:
		l.texts(path, held)
	case Command:
		l.texts(path, held)
	default:
		switch v.Kind() {
		case reflect.String:
			l.text(path, v.String())
		case reflect.Struct:
			l.structure(path, v)
		case reflect.Slice:
			l.list(path, v)
		default:
			l.text(path, fmt.Sprint(held))
		}
	}
}

func (l *lister) texts(path string, held []string) {
	if len(held) > 0 {
		l.written(path, shownTexts(held))
	}
}

// list goes by the entries' names, or addresses: where an entry stands says little.
func (l *lister) list(path string, v reflect.Value) {
	seen := map[string]bool{}
	for i := range v.Len() {
		name := entryName(v.Index(i))
		if name == "" || seen[name] {
			name = strconv.Itoa(i)
		}
		seen[name] = true
		l.entry = fmt.Sprintf("%s[%s]", path, name)
		l.structure(l.entry, v.Index(i))
	}
	l.entry = ""
}

func entryName(v reflect.Value) string {
	for _, key := range []string{"Name", "Address"} {
		if f := v.FieldByName(key); f.IsValid() {
			return f.String()
		}
	}
	return ""
}

func (l *lister) reference(path string, s Secret) {
	if kind, where, _ := strings.Cut(s.Source(), " "); where != "" {
		l.add(path, "{"+kind+": "+where+"}", "")
	} else if !s.IsZero() {
		value, err := s.Reveal()
		if err != nil {
			panic("config: an inline secret that cannot be read: " + err.Error())
		}
		l.secret(path, hidden, value)
	}
}

// section lists a plugin's own values.
func (l *lister) section(path string, s Section) {
	if s.IsZero() {
		return
	}
	t := s.tree()
	if t == nil { // whoever writes such a section gets it compared as a whole
		l.secret(path, tooLarge, s.Text())
		return
	}
	if len(t.values) > 0 {
		l.sections[path] = t.flow(false)
		l.tree(path, t)
	}
}

const tooLarge = "too large to show"

func (l *lister) tree(path string, t *tree) {
	switch {
	case t.kind == treeScalar || len(t.values) == 0 || t.flat():
		l.written(path, t)
	case t.kind == treeMapping:
		for i, key := range t.keys {
			l.tree(join(path, pathKey(key)), t.values[i])
		}
	default:
		for i, item := range t.values {
			l.tree(pathItem(path, i), item)
		}
	}
}

// written adds a value as it is written in YAML.
func (l *lister) written(path string, t *tree) {
	if open, whole := t.flow(true), t.flow(false); open != whole {
		l.secret(path, open, whole)
	} else {
		l.add(path, whole, "")
	}
}

// text adds a text of the core as it is.
func (l *lister) text(path, text string) {
	if open := withoutSecrets(text); open != text {
		l.secret(path, open, text)
	} else if text != "" {
		l.add(path, text, "")
	}
}
