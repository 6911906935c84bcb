package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
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

// maxSettings bounds what aliases of aliases may grow one section to.
const maxSettings = 10000

const hidden = "<secret>" // as sdk.Secret prints

// Settings lists every value of the configuration in the order of the reference page. A
// secret leaves only as its mark: whoever has the same secret and salt gets the same one.
func (c *Config) Settings(salt []byte) []Setting {
	l := lister{salt: salt}
	l.structure("", reflect.ValueOf(c).Elem())
	return l.out
}

// lister gathers settings.
type lister struct {
	salt  []byte
	entry string
	out   []Setting
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
		if len(held) > 0 {
			l.add(path, "["+strings.Join(held, ", ")+"]", "")
		}
	default:
		switch v.Kind() {
		case reflect.Struct:
			l.structure(path, v)
		case reflect.Slice:
			l.list(path, v)
		default:
			if text := fmt.Sprint(held); text != "" {
				l.add(path, text, "")
			}
		}
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

// section lists a plugin's own values. What is written there as a secret is one by its key.
func (l *lister) section(path string, s Section) {
	if s.IsZero() {
		return
	}
	w := walker{lister: l, anchors: s.anchors, room: maxSettings}
	before := len(l.out)
	w.node(path, s.Node, false, 0)
	if w.room <= 0 { // whoever writes such a section gets it compared as a whole
		l.out = l.out[:before]
		l.secret(path, "too large to show", s.String())
	}
}

type walker struct {
	*lister
	anchors map[string]ast.Node
	room    int
}

func (w *walker) node(path string, n ast.Node, secret bool, depth int) {
	if w.room--; w.room <= 0 || depth > maxDepth {
		w.room = 0
		return
	}
	n = (&decoder{anchors: w.anchors}).plain(n)
	if list, ok := pairs(n); ok {
		for _, pair := range list {
			key := keyText(pair)
			inside := secretWord.MatchString(key) || secret && !secretPlace(key)
			w.node(join(path, key), pair.Value, inside, depth+1)
		}
		return
	}
	if list, ok := n.(*ast.SequenceNode); ok && !allScalar(list) {
		for i, item := range list.Values {
			w.node(fmt.Sprintf("%s[%d]", path, i), item, secret, depth+1)
		}
		return
	}
	text := w.text(n)
	switch open := withoutPassword(text); {
	case secret && n != nil && !isNull(n):
		w.secret(path, hidden, text)
	case open != text:
		w.secret(path, open, text)
	default:
		w.add(path, text, "")
	}
}

// text is a value as one writes it: quoted only where it would be read as something else.
func (w *walker) text(n ast.Node) string {
	n = (&decoder{anchors: w.anchors}).plain(n)
	switch t := n.(type) {
	case nil, *ast.NullNode:
		return "null"
	case *ast.SequenceNode:
		items := make([]string, len(t.Values))
		for i, item := range t.Values {
			items[i] = w.text(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case *ast.StringNode:
		return plainly(t.Value)
	case *ast.LiteralNode:
		return plainly(t.Value.Value)
	}
	return n.GetToken().Value
}

func plainly(text string) string {
	_, err := strconv.ParseFloat(text, 64)
	_, wrong := strconv.ParseInt(text, 0, 64)
	if err == nil || wrong == nil || text == "true" || text == "false" || text == "null" || !bare.MatchString(text) {
		return quoted(text)
	}
	return text
}

func allScalar(list *ast.SequenceNode) bool {
	for _, item := range list.Values {
		if _, ok := item.(ast.ScalarNode); !ok {
			return false
		}
	}
	return true
}

// secretWord finds the keys of plugins' sections that hold secrets: the core cannot
// know them by their type.
var secretWord = regexp.MustCompile(`(?i)(community|passw(or)?d|passphrase|token|secret)s?$`)

// secretPlace tells whether a key below such a one names where the secret is kept.
func secretPlace(key string) bool { return key == "file" || key == "credential" }

// bare is text that needs no quotes.
var bare = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9_./:@?&=%+-]*$`)

var urlPassword = regexp.MustCompile(`(://[^/\s:@"]*):[^/\s@"]+@`)

// withoutPassword hides the password in a URL.
func withoutPassword(text string) string { return urlPassword.ReplaceAllString(text, "$1:"+hidden+"@") }

// Shown is the configuration as YAML, defaults included and secrets hidden.
func (c *Config) Shown() (string, error) {
	text, err := yaml.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return withoutPassword(secretEntry.ReplaceAllString(string(text), "$1: "+hidden)), nil
}

// secretEntry finds what stands for a secret in a plugin's section; a reference to a file does not.
var secretEntry = regexp.MustCompile(`(?i)\b([\w-]*(?:community|passw(?:or)?d|passphrase|token|secret)s?)\s*:\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,{}<"'][^\s,}]*)`)
