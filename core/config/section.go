package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Section is a plugin's own configuration, kept as a syntax tree with its place
// in the file. The core never looks into it; the plugin decodes it.
type Section struct {
	node ast.Node

	file, path string
	at         place
	nodes      []string
	anchors    map[string]ast.Node
	secrets    map[ast.Node]bool // of the whole file: an alias of a secret is one wherever it stands
	told       []string          // the paths of what the plugin itself calls secret
}

// NewSection parses a section from text. Keys below one of the given nodes'
// names hold that node's own values.
func NewSection(text string, nodes ...string) (Section, error) {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return Section{}, fmt.Errorf("parse section: %w", err)
	}
	s := Section{nodes: nodes, file: "section"}
	if len(file.Docs) == 0 || isNull(file.Docs[0].Body) {
		return s, nil
	}
	if _, ok := pairs(file.Docs[0].Body); !ok {
		return Section{}, fmt.Errorf("parse section: this is %s: write keys and values", describe(file.Docs[0].Body))
	}
	s.node = file.Docs[0].Body
	return s, nil
}

// IsZero tells whether the section is absent or empty.
func (s Section) IsZero() bool { return isNull(s.node) }

// For returns the section as it holds on one node, as YAML: that node's own map
// merged over the common keys, and no key that is a node's name. Every value stands
// on the line that it has in the file, and if nothing precludes it in the column,
// so that a plugin's LINE:COLUMN is the file's own (see Explain).
func (s Section) For(node string) []byte {
	merged := s.merged(node)
	if len(merged) == 0 {
		return []byte("{}\n")
	}
	e := emitter{line: 1, column: 1, anchors: s.anchors}
	e.pairs(merged)
	return []byte(e.out.String() + "\n")
}

// merged returns the entries that hold on a node, in the order of the file.
func (s Section) merged(node string) []*ast.MappingValueNode {
	list, _ := pairs(s.node)
	var own, common []*ast.MappingValueNode
	for _, pair := range list {
		switch key := keyText(pair); {
		case key == node && slices.Contains(s.nodes, key):
			own, _ = pairs(pair.Value)
		case !slices.Contains(s.nodes, key):
			common = append(common, pair)
		}
	}
	merged := slices.DeleteFunc(common, func(c *ast.MappingValueNode) bool {
		return slices.ContainsFunc(own, func(o *ast.MappingValueNode) bool { return keyText(o) == keyText(c) })
	})
	merged = append(merged, own...)
	slices.SortStableFunc(merged, func(a, b *ast.MappingValueNode) int {
		return a.Key.GetToken().Position.Line - b.Key.GetToken().Position.Line
	})
	return merged
}

// Text returns the section as it was written, moved to the left margin. Its secrets are in it.
func (s Section) Text() string {
	if s.IsZero() {
		return ""
	}
	margin := ""
	if tk := startOf(s.node); tk.Position.Column > 1 {
		margin = strings.Repeat(" ", tk.Position.Column-1)
	}
	lines := strings.Split(strings.TrimSpace(s.node.String()), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, margin)
	}
	return strings.Join(lines, "\n")
}

var atLine = regexp.MustCompile(`^(?:[^\s:]*:)?\[?(\d+):(\d+)\]?:? *(.*)$`)

// Explain turns a plugin's error about its section into faults of the file. A
// line of the form LINE:COLUMN: PATH: ... keeps its place; anything else is shown
// at the section itself.
func (s Section) Explain(err error) Faults {
	if err == nil {
		return nil
	}
	var faults Faults
	for _, text := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
		f := Fault{File: s.file, Line: s.at.line, Column: s.at.column, Path: s.path, Wrong: strings.TrimSpace(text)}
		if tk := startOf(s.node); tk != nil {
			f.Line, f.Column = tk.Position.Line, tk.Position.Column
		}
		if m := atLine.FindStringSubmatch(f.Wrong); m != nil {
			f.Line, _ = strconv.Atoi(m[1])
			f.Column, _ = strconv.Atoi(m[2])
			f.Wrong = m[3]
		}
		if key, rest, ok := strings.Cut(f.Wrong, ": "); ok && pathLike.MatchString(key) {
			f.Path, f.Wrong = join(s.path, key), rest
		}
		faults = append(faults, f)
	}
	return faults
}

var pathLike = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\[\d+\])?(\.[a-z_][a-z0-9_]*(\[\d+\])?)*$`)

// Aliases of aliases could grow a small file without bound; beyond these a value is null.
const (
	maxDepth = 64
	maxText  = 1 << 20
)

// emitter writes a tree in YAML's flow style, where white space means nothing, so
// that it can put each value where it stands in the file.
type emitter struct {
	out          strings.Builder
	line, column int
	anchors      map[string]ast.Node
	depth        int
}

func (e *emitter) write(text string) {
	e.out.WriteString(text)
	e.column += len(text)
}

// seek moves to a token's place, if that still lies ahead.
func (e *emitter) seek(tk *token.Token) {
	if tk == nil || tk.Position == nil {
		return
	}
	for e.line < tk.Position.Line {
		e.out.WriteByte('\n')
		e.line, e.column = e.line+1, 1
	}
	if e.line == tk.Position.Line && e.column < tk.Position.Column {
		e.write(strings.Repeat(" ", tk.Position.Column-e.column))
	}
}

func (e *emitter) pairs(list []*ast.MappingValueNode) {
	e.write("{")
	for i, pair := range list {
		if i > 0 {
			e.write(",")
		}
		e.seek(pair.Key.GetToken())
		e.write(keyQuoted(keyText(pair)) + ": ")
		e.value(pair.Value)
	}
	e.write("}")
}

func (e *emitter) value(n ast.Node) {
	n = (&decoder{anchors: e.anchors}).plain(n)
	if e.depth++; e.depth > maxDepth || e.out.Len() > maxText || n == nil {
		e.write("null")
		e.depth--
		return
	}
	defer func() { e.depth-- }()
	e.seek(flowStart(n))
	if list, ok := pairs(n); ok {
		e.pairs(list)
		return
	}
	switch t := n.(type) {
	case *ast.SequenceNode:
		e.write("[")
		for i, item := range t.Values {
			if i > 0 {
				e.write(",")
			}
			e.seek(startOf(item))
			e.value(item)
		}
		e.write("]")
	case *ast.StringNode:
		e.seek(t.GetToken())
		e.write(quoted(t.Value))
	case *ast.LiteralNode:
		e.write(quoted(t.Value.Value))
	case *ast.NullNode:
		e.write("null")
	default:
		e.seek(n.GetToken())
		e.write(n.GetToken().Value)
	}
}

// flowStart returns the bracket that opens a value in flow style, else nil.
func flowStart(n ast.Node) *token.Token {
	switch t := n.(type) {
	case *ast.MappingNode:
		if t.IsFlowStyle {
			return t.Start
		}
	case *ast.SequenceNode:
		if t.IsFlowStyle {
			return t.Start
		}
	}
	return nil
}

// keyQuoted leaves a plain key as it is: quotes would push its value to the right.
func keyQuoted(key string) string {
	if plainKey.MatchString(key) && key != "true" && key != "false" && key != "null" {
		return key
	}
	return quoted(key)
}

var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// quoted returns a JSON string, which YAML 1.2 reads as the same text.
func quoted(text string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic("config: a string that JSON cannot hold: " + err.Error())
	}
	return strings.TrimSuffix(out.String(), "\n")
}
