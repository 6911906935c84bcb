package config

import "github.com/goccy/go-yaml/ast"

// anchorCollector notes every anchor, and in a second walk refuses an alias that
// has none or that stands within its own anchor.
type anchorCollector struct{ d *decoder }

// Visit implements ast.Visitor.
func (c anchorCollector) Visit(n ast.Node) ast.Visitor {
	a, ok := n.(*ast.AnchorNode)
	if !ok || a.Name == nil {
		return c
	}
	name := a.Name.GetToken().Value
	c.d.anchors[name] = a.Value
	if a.Value != nil {
		ast.Walk(aliasChecker{d: c.d, within: name}, a.Value)
	}
	return c
}

type aliasChecker struct {
	d      *decoder
	within string
}

// Visit implements ast.Visitor.
func (c aliasChecker) Visit(n ast.Node) ast.Visitor {
	a, ok := n.(*ast.AliasNode)
	if !ok {
		return c
	}
	name := a.Value.GetToken().Value
	switch _, known := c.d.anchors[name]; {
	case c.within != "" && name == c.within:
		c.d.fault("", a.GetToken(), "*"+name+" stands within itself", "write the value out")
		c.d.broken = true
	case c.within == "" && !known:
		c.d.fault("", a.GetToken(), "there is no anchor &"+name, "write it before this, or write the value out")
		c.d.broken = true
	}
	return c
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
