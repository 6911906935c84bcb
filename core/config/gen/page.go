package main

import (
	"bytes"
	"fmt"
	"strings"
)

const pageHead = `# Configuration

<!-- Generated from core/config/config.go by go run ./core/config/gen. Do not edit. -->

A store has one configuration file, ` + "`/etc/storeward/storeward.yaml`" + `, the same on both nodes. A node
is who ` + "`/etc/storeward/node`" + ` says, else whom its host name says; a machine that is neither of the two is refused.
` + "[`contrib/examples/storeward.yaml`](../../contrib/examples/storeward.yaml)" + ` is a whole file with comments,
` + "[`contrib/examples/layers`](../../contrib/examples/layers)" + ` has the usual layers of a stack to paste from, and
` + "[`core/config/storeward.schema.json`](../../core/config/storeward.schema.json)" + ` is its JSON Schema for editors.

Check a file before it is used; every fault is listed, each with its place and what would be right. The plugins
judge their own sections, for both nodes; where their executable is found neither beside storewardctl nor in
/usr/libexec/storeward, it is said whose sections were not checked. The command ends with 1 when there is a fault, with
` + "`--strict`" + ` also when something could not be checked, else with 0:

` + "```" + `
$ storewardctl config check /etc/storeward/storeward.yaml
storeward.yaml:16:13: timing.deadtime: 149ms is less than 3 intervals of 50ms: one late beat could kill a healthy node: write 150ms or more
storeward.yaml:40:13: fencing[1].feeds[0]: there is no node "bta": did you mean beta?
` + "```" + `

**Times** carry their unit: ` + "`200ms`, `10s`, `1m30s`" + `. **Secrets** are a text, ` + "`{file: /path}`" + ` or
` + "`{credential: name}`" + ` (a systemd credential), and are never shown; a file that others than its owner may read or write is
refused, in a plugin's section too. **Names** of links, devices, resources and probes are lower case letters, digits,
` + "`-` and `_`" + `. An unknown key is an error.

What stands below ` + "`with`" + ` belongs to the plugin, whose README lists its keys. Values that differ between the nodes
stand below the node's name and win over those beside it:

` + "```yaml" + `
with:
  interface: eth1
  alpha: {address: "10.1.0.1:694", peer: "10.1.0.2:694"}
  beta: {address: "10.1.0.2:694", peer: "10.1.0.1:694"}
` + "```" + `
`

// page makes the reference page: a section for the top level and one for each key that holds keys.
func page(model *object) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(pageHead)
	section(&out, "Top level", "", model)
	return out.Bytes(), nil
}

func section(out *bytes.Buffer, title, path string, o *object) {
	fmt.Fprintf(out, "\n## %s\n", title)
	if path != "" {
		fmt.Fprintf(out, "\n%s\n", o.doc)
	}
	out.WriteString("\n| key | what | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range o.fields {
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", f.key, cell(f.what(path)), cell(f.defaultCell()), cell(f.doc))
	}
	for _, f := range o.fields {
		if f.child != nil {
			at := f.path(path)
			section(out, "`"+at+"`", at, f.child)
		}
	}
}

func (f *field) path(parent string) string {
	at := f.key
	if f.list {
		at += "[]"
	}
	if parent != "" {
		at = parent + "." + at
	}
	return at
}

// what names the kind of value, with a link to where its keys are.
func (f *field) what(parent string) string {
	switch {
	case f.words != nil:
		return "`" + strings.Join(f.words, "` or `") + "`"
	case f.child != nil:
		at := f.path(parent)
		anchor := strings.NewReplacer(".", "", "[", "", "]", "").Replace(at)
		return fmt.Sprintf("[%s](#%s)", f.kind, anchor)
	}
	return f.kind
}

func (f *field) defaultCell() string {
	switch {
	case f.need:
		return "**required**"
	case f.preset != "":
		return "`" + f.preset + "`"
	}
	return ""
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
