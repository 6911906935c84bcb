package sdk

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// pathOf returns the path of the node that holds the token, as "a.b[0]".
func pathOf(body ast.Node, tok *token.Token) string {
	path := ""
	visit(body, func(node ast.Node) bool {
		if path == "" && samePlace(node.GetToken(), tok) {
			path = plainPath(node)
		}
		return path == ""
	})
	return path
}

func samePlace(a, b *token.Token) bool {
	if a == nil || b == nil || a.Position == nil || b.Position == nil {
		return false
	}
	return a.Position.Line == b.Position.Line && a.Position.Column == b.Position.Column
}

// truncated returns the fault of a fraction that stands where a whole number
// belongs; the YAML library would cut it off without a word.
func truncated(body ast.Node, into reflect.Type) error {
	var fault error
	visit(body, func(node ast.Node) bool {
		if _, isFraction := node.(*ast.FloatNode); !isFraction || fault != nil {
			return true
		}
		path := plainPath(node)
		if t := typeAt(into, path); t != nil && isWhole(t.Kind()) {
			fault = at(node.GetToken(), path, "want "+wanted(t))
		}
		return true
	})
	return fault
}

func isWhole(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uint64 }

// typeAt returns the type that a path of the configuration leads to; nil where unknown.
func typeAt(t reflect.Type, path string) reflect.Type {
	for _, step := range strings.Split(path, ".") {
		name, _, isElement := strings.Cut(step, "[")
		if t = fieldType(t, name); t == nil {
			return nil
		}
		if isElement {
			t = bare(t)
		}
	}
	return t
}

// tokenAt returns the token of the key at path or of its nearest ancestor.
func tokenAt(body ast.Node, path string) *token.Token {
	var found *token.Token
	best := -1
	visit(body, func(node ast.Node) bool {
		candidate := plainPath(node)
		_, isKey := node.(ast.MapKeyNode)
		covers := candidate == path || strings.HasPrefix(path, candidate+".") || strings.HasPrefix(path, candidate+"[")
		if isKey && candidate != "" && covers && len(candidate) > best {
			found, best = node.GetToken(), len(candidate)
		}
		return true
	})
	return found
}

// plainPath drops the "$." that the YAML library puts before every path.
func plainPath(node ast.Node) string {
	return strings.TrimPrefix(strings.TrimPrefix(node.GetPath(), "$"), ".")
}

type visitor func(ast.Node) bool

func (v visitor) Visit(node ast.Node) ast.Visitor {
	if v(node) {
		return v
	}
	return nil
}

func visit(body ast.Node, f func(ast.Node) bool) {
	if body != nil {
		ast.Walk(visitor(f), body)
	}
}

// wanted says in plain words what a Go type takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Int8, reflect.Int16, reflect.Int32:
		most := int64(1)<<(t.Bits()-1) - 1
		return fmt.Sprintf("a whole number from %d to %d", -most-1, most)
	case reflect.Uint, reflect.Uint64:
		return "a whole number, 0 or more"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Pointer:
		return wanted(t.Elem())
	default:
		return "a mapping (key: value)"
	}
}

func wantedNode(t ast.NodeType) string {
	switch t {
	case ast.SequenceType:
		return "a list"
	case ast.MappingType, ast.MappingValueType:
		return "a mapping (key: value)"
	default:
		return "text or a number"
	}
}

// suggestion names the keys that are known where path is.
func suggestion(t reflect.Type, path string) string {
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' })
	if len(steps) == 0 {
		return ""
	}
	if parents := strings.Join(steps[:len(steps)-1], "."); parents != "" {
		t = typeAt(t, parents)
	}
	keys := keysOf(bare(t))
	if len(keys) == 0 {
		return ""
	}
	wrong := steps[len(steps)-1]
	for _, key := range keys {
		if distance(key, wrong) <= 2 {
			return `: did you mean "` + key + `"?`
		}
	}
	return ": known keys are " + strings.Join(keys, ", ")
}

func bare(t reflect.Type) reflect.Type {
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
		t = t.Elem()
	}
	return t
}

func fieldType(t reflect.Type, key string) reflect.Type {
	t = bare(t)
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for _, field := range reflect.VisibleFields(t) {
		if keyOf(field) == key {
			return field.Type
		}
	}
	return nil
}

func keysOf(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for _, field := range reflect.VisibleFields(t) {
		if key := keyOf(field); key != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// keyOf returns a field's key in YAML; "" for what has none.
func keyOf(field reflect.StructField) string {
	if !field.IsExported() || field.Anonymous {
		return ""
	}
	key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	switch key {
	case "-":
		return ""
	case "":
		return strings.ToLower(field.Name)
	default:
		return key
	}
}

// distance is the edit distance of two short words (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
