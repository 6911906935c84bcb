package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strings"

	"github.com/storeward/storeward/core/config"
)

// object is one struct of the configuration.
type object struct {
	name   string // of the Go type
	doc    string
	fields []*field
}

// field is one key.
type field struct {
	key, doc  string
	kind      string // text, whole number, truth value, time, secret, plugin's section, set of keys, list of ...
	need      bool
	words     []string
	example   string
	preset    string // the default as it is written; empty: none
	child     *object
	list      bool
	index     int
	goType    reflect.Type
	presetRaw any // the default for the schema; nil: none
}

var (
	durationType = reflect.TypeFor[config.Duration]()
	secretType   = reflect.TypeFor[config.Secret]()
	sectionType  = reflect.TypeFor[config.Section]()
)

// elementDefaults are the defaults of list elements that have any.
var elementDefaults = map[reflect.Type]reflect.Value{
	reflect.TypeFor[config.FenceDevice](): reflect.ValueOf(config.DefaultFenceDevice()),
	reflect.TypeFor[config.Resource]():    reflect.ValueOf(config.DefaultResource()),
	reflect.TypeFor[config.Probe]():       reflect.ValueOf(config.DefaultProbe()),
}

// comments maps TYPE and TYPE.FIELD to the text of their comments.
type comments map[string]string

// read builds the model from the comments in a source file, and from the types and
// defaults that this program was compiled with.
func read(file string) (*object, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse the structs: %w", err)
	}
	docs := comments{}
	for _, decl := range parsed.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			docs.take(spec.(*ast.TypeSpec), general.Doc)
		}
	}
	return docs.build(reflect.TypeFor[config.Config](), reflect.ValueOf(*config.Default()))
}

func (c comments) take(spec *ast.TypeSpec, doc *ast.CommentGroup) {
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	c[spec.Name.Name] = oneLine(doc.Text())
	for _, f := range structure.Fields.List {
		for _, name := range f.Names {
			c[spec.Name.Name+"."+name.Name] = oneLine(f.Doc.Text())
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (c comments) build(t reflect.Type, defaults reflect.Value) (*object, error) {
	o := &object{name: t.Name(), doc: c[t.Name()]}
	keys := map[string]string{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			keys[t.Field(i).Name] = key
		}
	}
	for i := range t.NumField() {
		g := t.Field(i)
		if keys[g.Name] == "" {
			continue
		}
		doc := c[t.Name()+"."+g.Name]
		if doc == "" {
			return nil, fmt.Errorf("%s.%s has no comment: operators read it", t.Name(), g.Name)
		}
		f := &field{
			key: keys[g.Name], doc: inKeys(doc, keys), need: g.Tag.Get("need") != "",
			example: g.Tag.Get("example"), index: i, goType: g.Type,
		}
		if words := g.Tag.Get("enum"); words != "" {
			f.words = strings.Split(words, ",")
		}
		value := reflect.Value{}
		if defaults.IsValid() {
			value = defaults.Field(i)
		}
		if err := c.describe(f, value); err != nil {
			return nil, err
		}
		o.fields = append(o.fields, f)
	}
	return o, nil
}

// describe sets a field's kind, default and children.
func (c comments) describe(f *field, value reflect.Value) (err error) {
	switch t := f.goType; {
	case t == durationType:
		f.kind = "time"
		if value.IsValid() && !value.IsZero() {
			f.preset = plain(value.Interface().(config.Duration))
			f.presetRaw = f.preset
		}
	case t == secretType:
		f.kind = "secret"
	case t == sectionType:
		f.kind = "plugin's section"
	case t.Kind() == reflect.Struct:
		f.kind = "keys"
		f.child, err = c.build(t, value)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		f.kind, f.list = "list", true
		f.child, err = c.build(t.Elem(), elementDefaults[t.Elem()])
	case t.Kind() == reflect.Slice:
		f.kind, f.list = "list of texts", true
		if value.IsValid() && value.Len() > 0 {
			f.presetRaw = value.Interface()
			f.preset = "[" + strings.Join(value.Convert(reflect.TypeFor[[]string]()).Interface().([]string), ", ") + "]"
		}
	case t.Kind() == reflect.Bool:
		f.kind, f.preset, f.presetRaw = "true or false", "false", false
		if value.IsValid() {
			f.preset, f.presetRaw = fmt.Sprint(value.Bool()), value.Bool()
		}
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		f.kind = "whole number"
		if value.IsValid() {
			f.preset, f.presetRaw = fmt.Sprint(value.Int()), value.Int()
		}
	case t.Kind() == reflect.String:
		f.kind = "text"
		if value.IsValid() && value.String() != "" {
			f.preset, f.presetRaw = value.String(), value.String()
		}
	default:
		err = fmt.Errorf("key %s: no words for type %s", f.key, t)
	}
	return err
}

// plain prints a time as an operator writes it: 10m rather than 10m0s.
func plain(d config.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

var goWord = regexp.MustCompile(`\b[A-Z][A-Za-z]*\b`)

// inKeys turns the names of Go fields in a comment into the keys that an operator
// writes, in back quotes.
func inKeys(doc string, keys map[string]string) string {
	return goWord.ReplaceAllStringFunc(doc, func(word string) string {
		if key, ok := keys[word]; ok {
			return "`" + key + "`"
		}
		return word
	})
}
