package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills structs from a syntax tree. Unlike the library's own it goes on
// after a fault, so that an operator sees all of them at once, and it remembers
// where every path stands, so that validation can say it too.
type decoder struct {
	places  places
	faults  Faults
	anchors map[string]ast.Node
	secrets map[ast.Node]bool // scalars that are secrets by their type, and those of sections by their keys
	missed  map[string]bool   // paths whose value could not be read
	broken  bool              // an alias leads nowhere: nothing else is worth reading
}

// presetter is a list element with defaults of its own, set before the file's values.
type presetter interface{ preset() }

var sectionType = reflect.TypeFor[Section]()

func newDecoder(file string, root ast.Node) *decoder {
	d := &decoder{
		places:  places{file: file, at: map[string]place{}},
		anchors: map[string]ast.Node{},
		secrets: map[ast.Node]bool{},
		missed:  map[string]bool{},
	}
	if root != nil {
		ast.Walk(anchorReader{d: d}, root)
	}
	return d
}

func (d *decoder) fault(path string, tk *token.Token, wrong, right string) {
	f := d.places.fault(path, wrong, right)
	if tk != nil && tk.Position != nil {
		f.Line, f.Column = tk.Position.Line, tk.Position.Column
	}
	d.faults = append(d.faults, f)
	d.missed[path] = true
}

// unread tells whether validation saw a default where the file says something
// unreadable: its faults would only puzzle. The timings are checked against each other.
func (d *decoder) unread(path string) bool {
	for missed := range d.missed {
		if missed == path || strings.HasPrefix(missed, "timing.") && strings.HasPrefix(path, "timing.") {
			return true
		}
	}
	return false
}

func isNull(n ast.Node) bool {
	return n == nil || n.Type() == ast.NullType
}

// pairs returns a mapping's entries; ok is false for anything else.
func pairs(n ast.Node) (list []*ast.MappingValueNode, ok bool) {
	switch t := n.(type) {
	case *ast.MappingNode:
		return t.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{t}, true
	}
	return nil, false
}

// keyText returns a mapping entry's key as text.
func keyText(p *ast.MappingValueNode) string {
	return keyNode(p).GetToken().Value
}

// keyNode looks through "? ", anchors and tags to the key itself.
func keyNode(p *ast.MappingValueNode) ast.Node {
	var n ast.Node = p.Key
	for {
		var inner ast.Node
		switch t := n.(type) {
		case *ast.MappingKeyNode:
			inner = t.Value
		case *ast.AnchorNode:
			inner = t.Value
		case *ast.TagNode:
			inner = t.Value
		}
		if inner == nil {
			return n
		}
		n = inner
	}
}

// plainlyKeyed tells whether keyText is an entry's whole key.
func plainlyKeyed(p *ast.MappingValueNode) bool {
	switch keyNode(p).(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.MergeKeyNode:
		return true
	}
	return false
}

// startOf returns the token where a node begins; a mapping begins at its first key.
func startOf(n ast.Node) *token.Token {
	if n == nil {
		return nil
	}
	if list, ok := pairs(n); ok && len(list) > 0 {
		return list[0].Key.GetToken()
	}
	return n.GetToken()
}

func (d *decoder) note(path string, tk *token.Token) {
	if tk != nil && tk.Position != nil {
		d.places.at[path] = place{tk.Position.Line, tk.Position.Column}
	}
}

// value decodes one node into v, which is addressable.
func (d *decoder) value(path string, n ast.Node, v reflect.Value) {
	n = d.plain(n)
	if v.Type() == sectionType {
		d.section(path, n, v.Addr().Interface().(*Section))
		return
	}
	if unmarshals(v) {
		d.custom(path, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(path, n, v)
	case reflect.Slice:
		d.sequence(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

func (d *decoder) section(path string, n ast.Node, s *Section) {
	if isNull(n) {
		return
	}
	if _, ok := pairs(n); !ok {
		d.fault(path, n.GetToken(), "this is "+describe(n), "write keys and values below it")
		return
	}
	*s = Section{node: n, anchors: d.anchors, secrets: d.secrets}
}

func unmarshals(v reflect.Value) bool {
	switch v.Addr().Interface().(type) {
	case yaml.BytesUnmarshaler, yaml.InterfaceUnmarshaler, yaml.NodeUnmarshaler,
		yaml.BytesUnmarshalerContext, yaml.InterfaceUnmarshalerContext, yaml.NodeUnmarshalerContext:
		return true
	}
	return false
}

// custom lets a type of the SDK (a duration, a secret) decode itself.
func (d *decoder) custom(path string, n ast.Node, v reflect.Value) {
	if isNull(n) {
		d.fault(path, nil, "there is no value", "write one, or leave the key out")
		return
	}
	if v.Type() == reflect.TypeFor[Secret]() {
		d.secrets[n] = true
	}
	err := yaml.NodeToValue(n, v.Addr().Interface(), yaml.Strict())
	if err == nil {
		return
	}
	tk, wrong := startOf(n), err.Error()
	var detailed yaml.Error
	if errors.As(err, &detailed) {
		wrong = detailed.GetMessage()
		if detailed.GetToken() != nil {
			tk = detailed.GetToken()
		}
	}
	right := ""
	if head, tail, ok := strings.Cut(wrong, ": want "); ok {
		wrong, right = head, "write "+tail
	} else if tail, ok := strings.CutPrefix(wrong, "want "); ok {
		wrong, right = "this is "+describe(n), "write "+tail
	}
	d.fault(path, tk, wrong, right)
}

// fields returns the yaml names of a struct's fields, in order, and their indices.
func fields(t reflect.Type) (names []string, index map[string]int) {
	index = map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			names = append(names, name)
			index[name] = i
		}
	}
	return names, index
}

func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	list, ok := pairs(n)
	if !ok {
		d.fault(path, n.GetToken(), "this is "+describe(n), "write keys and values below it")
		return
	}
	names, index := fields(v.Type())
	for _, pair := range list {
		key := keyText(pair)
		i, known := index[key]
		if !known {
			d.fault(join(path, key), pair.Key.GetToken(), "there is no such key", Suggest(key, names))
			d.missed[join(path, nearest(key, names))] = true
			continue
		}
		at := join(path, key)
		d.note(at, pair.Key.GetToken())
		if tk := startOf(pair.Value); tk != nil && !isNull(pair.Value) && scalarKind(v.Field(i)) {
			d.note(at, tk)
		}
		d.value(at, pair.Value, v.Field(i))
	}
}

// scalarKind tells whether a fault in a field is best shown at its value rather than at its key.
func scalarKind(v reflect.Value) bool {
	return v.Kind() != reflect.Slice && (v.Kind() != reflect.Struct || unmarshals(v))
}

func (d *decoder) sequence(path string, n ast.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fault(path, n.GetToken(), "this is "+describe(n), "write a list, each item after \"- \"")
		return
	}
	if len(seq.Values) == 0 { // the digest tells an empty list from none
		v.SetZero()
		return
	}
	if len(seq.Values) > maxItems {
		d.fault(path, n.GetToken(), fmt.Sprintf("%d items are too many", len(seq.Values)), fmt.Sprintf("write at most %d", maxItems))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.note(at, startOf(item))
		element := v.Index(i)
		if p, ok := element.Addr().Interface().(presetter); ok {
			p.preset()
		}
		if isNull(d.plain(item)) {
			d.fault(at, nil, "this item is empty", "write it, or take the dash away")
			continue
		}
		d.value(at, item, element)
	}
}

func (d *decoder) scalar(path string, n ast.Node, v reflect.Value) {
	if isNull(n) {
		d.fault(path, nil, "there is no value", "write one, or leave the key out")
		return
	}
	wrong := "this is " + describe(n)
	switch v.Kind() {
	case reflect.String:
		switch t := n.(type) {
		case *ast.StringNode:
			v.SetString(t.Value)
		case *ast.LiteralNode:
			v.SetString(t.Value.Value)
		case ast.ScalarNode:
			d.fault(path, n.GetToken(), wrong, fmt.Sprintf("write text; as text it needs quotes: %q", n.GetToken().Value))
		default:
			d.fault(path, n.GetToken(), wrong, "write text")
		}
	case reflect.Bool:
		if t, ok := n.(*ast.BoolNode); ok {
			v.SetBool(t.Value)
			return
		}
		d.fault(path, n.GetToken(), wrong, "write true or false")
	case reflect.Int, reflect.Int64:
		if t, ok := n.(*ast.IntegerNode); ok {
			if number, fits := wholeNumber(t.Value); fits {
				v.SetInt(number)
				return
			}
		}
		d.fault(path, n.GetToken(), wrong, "write a whole number")
	default:
		panic("config: no way to decode a " + v.Kind().String())
	}
}

func wholeNumber(value any) (int64, bool) {
	switch t := value.(type) {
	case int64:
		return t, true
	case uint64:
		return int64(t), t <= math.MaxInt64 //nolint:gosec // compared in the same line
	}
	return 0, false
}

// describe names what a node is in an operator's words.
func describe(n ast.Node) string {
	text := n.GetToken().Value
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a set of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode:
		return "the number " + text
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the fraction " + text
	case *ast.BoolNode:
		return "the truth value " + text
	case *ast.StringNode:
		return fmt.Sprintf("the text %q", withoutSecrets(text))
	case *ast.LiteralNode:
		return "a text of several lines"
	}
	return "something else"
}
