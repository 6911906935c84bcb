package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// tree is a value as its reader gets it: anchors, aliases and tags are resolved, and
// what of it is secret is known.
type tree struct {
	kind   treeKind
	keys   []string // of a mapping, in the order of the file
	values []*tree  // of a mapping or list
	// whole is a scalar in YAML; open is what of it may be shown.
	whole, open string
}

type treeKind int

const (
	treeScalar treeKind = iota
	treeMapping
	treeList
)

// newText is the tree of a text.
func newText(text string) *tree {
	return &tree{whole: spelled(text), open: spelled(withoutSecrets(text))}
}

// newPlain is the tree of a number, a truth value or null.
func newPlain(text string) *tree { return &tree{whole: text, open: text} }

func (t *tree) add(key string, value *tree) {
	t.keys, t.values = append(t.keys, key), append(t.values, value)
}

// flat tells that a list holds nothing but scalars: it is shown and compared as one value.
func (t *tree) flat() bool {
	return t.kind == treeList && !slices.ContainsFunc(t.values, func(v *tree) bool { return v.kind != treeScalar && len(v.values) > 0 })
}

// flow writes the tree in YAML's flow style, the keys of mappings in alphabetical
// order: two trees that are read as the same are the same text.
func (t *tree) flow(open bool) string {
	parts := make([]string, len(t.values))
	for i, v := range t.values {
		parts[i] = v.flow(open)
	}
	switch t.kind {
	case treeMapping:
		for i, key := range t.keys {
			if open {
				key = withoutSecrets(key)
			}
			parts[i] = keyQuoted(key) + ": " + parts[i]
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case treeList:
		return "[" + strings.Join(parts, ", ") + "]"
	case treeScalar:
	}
	if open {
		return t.open
	}
	return t.whole
}

// maxSettings bounds what aliases of aliases may grow one section to.
const maxSettings = 10000

// grower makes the trees of sections.
type grower struct {
	anchors map[string]ast.Node
	// secrets are the scalars that are secret somewhere: an alias of one is one too.
	secrets map[ast.Node]bool
	// found takes those that are secret here.
	found map[ast.Node]bool
	room  int
}

// tree returns the section's tree; nil if it is too large.
func (s Section) tree() *tree {
	g := grower{anchors: s.anchors, secrets: s.secrets, found: map[ast.Node]bool{}, room: maxSettings}
	t := g.grow(s.node, s.hides(), 0)
	if g.room <= 0 {
		return nil
	}
	return t
}

// noteSecrets adds what is secret in the section to what is known of all.
func (s Section) noteSecrets(known map[ast.Node]bool) {
	g := grower{anchors: s.anchors, found: known, room: maxSettings}
	g.grow(s.node, s.hides(), 0)
}

func (g *grower) grow(n ast.Node, h hides, depth int) *tree {
	if g.room--; g.room <= 0 || depth > maxDepth {
		g.room = 0
		return &tree{}
	}
	n = g.plain(n)
	if entries, ok := pairs(n); ok {
		t := &tree{kind: treeMapping}
		for _, pair := range entries {
			key := keyText(pair)
			below := h.below(key)
			below.all = below.all || secretBelow(key, g.plain(pair.Value), h.all, len(entries) == 1) || !plainlyKeyed(pair)
			t.add(key, g.grow(pair.Value, below, depth+1))
		}
		return t
	}
	if items, ok := n.(*ast.SequenceNode); ok {
		t, next := &tree{kind: treeList}, false
		for _, item := range items.Values {
			below := h.below("*")
			below.all = below.all || h.all || next
			t.values = append(t.values, g.grow(item, below, depth+1))
			text, _ := scalarOf(g.plain(item))
			next = secretFlag.MatchString(text)
		}
		return t
	}
	return g.scalar(n, h.all)
}

func (g *grower) scalar(n ast.Node, secret bool) *tree {
	if isNull(n) {
		return newPlain("null")
	}
	var t *tree
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := scalarOf(n)
		t = newText(text)
	default:
		t = newPlain(n.GetToken().Value)
	}
	if secret {
		g.found[n] = true
	}
	if secret || g.secrets[n] {
		t.open = hidden
	}
	return t
}

func (g *grower) plain(n ast.Node) ast.Node { return (&decoder{anchors: g.anchors}).plain(n) }

// spelled is a text as one writes it in YAML: quoted only where it would be read as something else.
func spelled(text string) string {
	if text == hidden || bare.MatchString(text) && !token.IsNeedQuoted(text) {
		return text
	}
	return quoted(text)
}

// bare is text that needs no quotes, also within brackets.
var bare = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9_./:@?&=%+<>-]*$`)

// pathKey is a key within a path: quoted where it could be taken for more than one.
func pathKey(key string) string {
	if key = withoutSecrets(key); bareKey.MatchString(key) {
		return key
	}
	return quoted(key)
}

var bareKey = regexp.MustCompile(`^[\w-]+$`)

func pathItem(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
