package main

import (
	"bytes"
	"encoding/json"
	"strings"
)

// node is a JSON Schema; encoding sorts its keys, so that the file is always the same.
type node = map[string]any

// schema makes a JSON Schema (draft 2020-12) that editors complete and check with.
// It says what the structs say; what relates several keys is left to validation.
func schema(model *object) ([]byte, error) {
	root := objectSchema(model)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Configuration of a Storeward store"
	root["$defs"] = node{
		"time": node{
			"description": "A time with its unit, e.g. 200ms, 10s, 1m30s.",
			"type":        "string", "pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`,
		},
		"secret": node{
			"description": "A text, {file: /path} or {credential: name}.",
			"oneOf": []node{
				{"type": "string"},
				referenceSchema("file"),
				referenceSchema("credential"),
			},
		},
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(root)
	return out.Bytes(), err
}

func referenceSchema(key string) node {
	return node{
		"type": "object", "additionalProperties": false, "required": []string{key},
		"properties": node{key: node{"type": "string"}},
	}
}

func objectSchema(o *object) node {
	properties, required := node{}, []string{}
	for _, f := range o.fields {
		properties[f.key] = fieldSchema(f)
		if f.need {
			required = append(required, f.key)
		}
	}
	n := node{"type": "object", "additionalProperties": false, "properties": properties, "description": o.doc}
	if len(required) > 0 {
		n["required"] = required
	}
	return n
}

func fieldSchema(f *field) node {
	n := node{}
	switch f.kind {
	case "time":
		n["$ref"] = "#/$defs/time"
	case "secret":
		n["$ref"] = "#/$defs/secret"
	case "plugin's section":
		n["type"] = "object"
	case "keys":
		n = objectSchema(f.child)
	case "list":
		n["type"], n["items"] = "array", objectSchema(f.child)
	case "list of texts":
		n["type"], n["items"] = "array", node{"type": "string"}
	case "true or false":
		n["type"] = "boolean"
	case "whole number":
		n["type"] = "integer"
	case "text":
		n["type"] = "string"
	}
	if f.words != nil {
		n["enum"] = f.words
	}
	if f.presetRaw != nil {
		n["default"] = f.presetRaw
	}
	if f.need && f.list {
		n["minItems"] = 1
	}
	n["description"] = strings.ReplaceAll(f.doc, "`", "")
	return n
}
