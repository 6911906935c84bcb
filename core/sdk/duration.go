package sdk

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Duration is a time in a configuration, written as Go writes it: "200ms",
// "1m30s". A bare number is refused, because its unit would be a guess; 0 alone
// needs none. A negative time is refused.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns d as it is written in a configuration.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText returns d as it is written in a configuration, for YAML and JSON.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := parseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// UnmarshalYAML reads a scalar; its errors carry the place in the text.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	scalar, ok := scalarText(node)
	if !ok {
		return &yaml.SyntaxError{Message: durationWanted, Token: node.GetToken()}
	}
	parsed, err := parseDuration(scalar)
	if err != nil {
		return &yaml.SyntaxError{Message: err.Error(), Token: node.GetToken()}
	}
	*d = parsed
	return nil
}

const durationWanted = `want a time with its unit, for example "200ms", "10s" or "1m30s"`

func parseDuration(text string) (Duration, error) {
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time: %s", text, durationWanted)
	}
	if parsed < 0 {
		return 0, fmt.Errorf("%q is negative: want 0 or more", text)
	}
	return Duration(parsed), nil
}

// scalarText returns a scalar's text as it was meant, without quotes.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.AnchorNode:
		return scalarText(n.Value)
	case *ast.TagNode:
		return scalarText(n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	default:
		return "", false
	}
}
