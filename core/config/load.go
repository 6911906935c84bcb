package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads and validates a file, and refuses keys that others may read. Its faults
// name the file by its base name.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	cfg, err := Parse(filepath.Base(path), text)
	if err != nil {
		return nil, err
	}
	if err := cfg.exposedSecrets(path).Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// Parse decodes text over the defaults and validates the outcome. Its error is
// Faults: everything wrong with the file, not just the first thing.
func Parse(name string, text []byte) (*Config, error) {
	root, err := parseRoot(name, text)
	if err != nil {
		return nil, err
	}
	cfg := Default()
	d := newDecoder(name, root)
	if d.broken {
		return nil, d.faults.Err()
	}
	decodeInto(d, root, cfg)
	cfg.places = d.places
	cfg.nameSections()
	for _, use := range cfg.Uses() {
		use.With.noteSecrets(d.secrets)
	}
	faults := d.faults
	if len(d.places.at) > 1 || len(faults) == 0 { // else there is nothing to validate
		for _, f := range cfg.check() {
			if !d.unread(f.Path) {
				faults = append(faults, f)
			}
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

func decodeInto(d *decoder, root ast.Node, cfg *Config) {
	d.note("", startOf(root))
	d.value("", root, reflect.ValueOf(cfg).Elem())
}

// parseRoot returns the file's one document.
func parseRoot(name string, text []byte) (ast.Node, error) {
	text, err := plainText(name, text)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(text, 0)
	var detailed yaml.Error
	switch {
	case errors.As(err, &detailed):
		f := Fault{File: name, Wrong: "this is not YAML", Right: detailed.GetMessage()}
		if strings.HasPrefix(f.Right, "invalid header option") { // which it repeats, and which may be a password
			f.Right = "a text that begins with | or > needs quotes"
		}
		if tk := detailed.GetToken(); tk != nil && tk.Position != nil {
			f.Line, f.Column = tk.Position.Line, tk.Position.Column
		}
		return nil, Faults{f}
	case err != nil:
		return nil, Faults{{File: name, Wrong: "this is not YAML", Right: err.Error()}}
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			at := startOf(doc.Body).Position
			return nil, Faults{{
				File: name, Line: at.Line, Column: at.Column,
				Wrong: "there is a second document", Right: "keep one, without a line of ---",
			}}
		}
		root = doc.Body
	}
	if isNull(root) {
		return nil, Faults{{File: name, Wrong: "the file is empty", Right: "begin with the sample in contrib/examples/storeward.yaml"}}
	}
	return root, nil
}

func (c *Config) nodeNames() []string {
	names := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		names[i] = n.Name
	}
	return names
}
