package config

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// anchorReader notes every anchor, in the order of the file, and refuses an alias that
// stands before its anchor or within it. It refuses an anchor that is given twice, too: an
// alias between the two would be read as the first by YAML, and as the last here.
type anchorReader struct {
	d      *decoder
	within []string // the anchors around
}

// Visit implements ast.Visitor.
func (r anchorReader) Visit(n ast.Node) ast.Visitor {
	switch t := n.(type) {
	case *ast.AnchorNode:
		if t.Name == nil {
			return r
		}
		name := t.Name.GetToken().Value
		if _, known := r.d.anchors[name]; known {
			r.refuse(t.GetToken(), "there is another anchor &"+name+" before this", "give it another name")
		}
		r.d.anchors[name] = t.Value
		return anchorReader{r.d, append(slices.Clone(r.within), name)}
	case *ast.AliasNode:
		name := t.Value.GetToken().Value
		if slices.Contains(r.within, name) {
			r.refuse(t.GetToken(), "*"+name+" stands within itself", "write the value out")
		} else if _, known := r.d.anchors[name]; !known { // and may be a password: it is not repeated
			r.refuse(t.GetToken(), "there is no anchor of this name", "write it before this, or write the value out; a text that begins with * needs quotes")
		}
	}
	return r
}

func (r anchorReader) refuse(at *token.Token, wrong, right string) {
	r.d.fault("", at, wrong, right)
	r.d.broken = true
}

// plain looks through anchors, aliases and tags to the value itself.
func (d *decoder) plain(n ast.Node) ast.Node {
	for range 32 { // an alias that leads to itself ends here
		switch t := n.(type) {
		case *ast.AnchorNode:
			n = t.Value
		case *ast.AliasNode:
			n = d.anchors[t.Value.GetToken().Value]
		case *ast.TagNode:
			n = t.Value
		case nil:
			return nil
		default:
			return n
		}
	}
	return nil
}
