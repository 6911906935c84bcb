package sdk

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ConfigError is one fault of a configuration and its place. Line and Column
// count from 1 within the decoded text; 0 where the place is not known. Path is
// such as "ready.tcp" or "targets[1]"; "" for the whole.
type ConfigError struct {
	Line, Column int
	Path         string
	Message      string
}

// Error returns "line:column: path: message" without the parts that are not known.
func (e *ConfigError) Error() string {
	var text strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&text, "%d:%d: ", e.Line, e.Column)
	}
	if e.Path != "" {
		text.WriteString(e.Path + ": ")
	}
	text.WriteString(e.Message)
	return text.String()
}

// Decode reads YAML into the struct that into points to, and keeps what into
// held where the text is silent. An unknown key, a key given twice or a value
// of a wrong type is a *ConfigError with its place. Validate is not called.
func Decode(text []byte, into any) error {
	body, err := parseOne(text)
	if err != nil || body == nil {
		return err
	}
	if err := yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(body, into); err != nil {
		return located(err, body, reflect.TypeOf(into))
	}
	return truncated(body, reflect.TypeOf(into))
}

// Configure makes a configuration of p from YAML: the defaults, overwritten by
// the text, validated, without an exposed secret. Every error in it is a
// *ConfigError, several joined.
func (p Plugin) Configure(text []byte) (any, error) {
	config := p.DefaultConfig()
	if err := Decode(text, config); err != nil {
		return nil, err
	}
	faults := exposed("", reflect.ValueOf(config))
	if validator, ok := config.(Validator); ok {
		faults = append(faults, validator.Validate())
	}
	if err := errors.Join(faults...); err != nil {
		body, _ := parseOne(text)
		return nil, placed(err, body)
	}
	return config, nil
}

// parseOne returns the body of the text's only document; nil if it is empty.
func parseOne(text []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, located(err, nil, nil)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType {
			continue
		}
		if body != nil {
			return nil, at(doc.Body.GetToken(), "", "want one document")
		}
		body = doc.Body
	}
	return body, nil
}

// located turns an error of the YAML library into a ConfigError.
func located(err error, body ast.Node, into reflect.Type) error {
	var fault yaml.Error
	if !errors.As(err, &fault) {
		return &ConfigError{Message: err.Error()}
	}
	tok := fault.GetToken()
	path := pathOf(body, tok)
	var (
		mismatch *yaml.TypeError
		overflow *yaml.OverflowError
		unknown  *yaml.UnknownFieldError
		node     *yaml.UnexpectedNodeTypeError
	)
	switch {
	case errors.As(err, &mismatch):
		return at(tok, path, "want "+wanted(mismatch.DstType))
	case tok != nil && strings.HasPrefix(fault.GetMessage(), "mapping key "): // from the parser: no tree yet
		return at(tok, tok.Value, "this key was given before")
	case errors.As(err, &overflow):
		return at(tok, path, "want "+wanted(overflow.DstType))
	case errors.As(err, &node):
		return at(tok, path, fmt.Sprintf("want %s", wantedNode(node.Expected)))
	case errors.As(err, &unknown):
		return at(tok, path, "unknown key"+suggestion(into, path))
	default:
		return at(tok, path, fault.GetMessage())
	}
}

// placed finds the places of validation errors, each "path: message".
func placed(err error, body ast.Node) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var faults []error
		for _, one := range joined.Unwrap() {
			faults = append(faults, placed(one, body))
		}
		return errors.Join(faults...)
	}
	path, message, ok := strings.Cut(err.Error(), ": ")
	if !ok || strings.Contains(path, " ") {
		return &ConfigError{Message: err.Error()}
	}
	return at(tokenAt(body, path), path, message)
}

func at(tok *token.Token, path, message string) *ConfigError {
	fault := &ConfigError{Path: path, Message: message}
	if tok != nil && tok.Position != nil {
		fault.Line, fault.Column = tok.Position.Line, tok.Position.Column
	}
	return fault
}
