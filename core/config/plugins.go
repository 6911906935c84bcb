package config

import (
	"fmt"
	"strings"
)

// Use is one place at which the configuration uses a plugin.
type Use struct {
	Plugin string
	With   Section
	// Warm: the resource is to be promoted.
	Warm bool
	// Feeds are the nodes that a fence device powers.
	Feeds []string

	name     string
	resource bool
	path     string // of the entry, e.g. links[0]
	places   places
}

// Uses lists every use of a plugin: links, fence devices, resources, probes.
func (c *Config) Uses() []Use {
	var out []Use
	c.eachUse(func(u Use, with *Section) {
		u.With, u.places = *with, c.places
		out = append(out, u)
	})
	return out
}

func (c *Config) eachUse(do func(u Use, with *Section)) {
	for i := range c.Links {
		do(Use{Plugin: c.Links[i].Plugin, path: fmt.Sprintf("links[%d]", i)}, &c.Links[i].With)
	}
	for i := range c.Fencing {
		f := &c.Fencing[i]
		do(Use{Plugin: f.Plugin, Feeds: f.Feeds, name: f.Name, path: fmt.Sprintf("fencing[%d]", i)}, &f.With)
	}
	for i := range c.Resources {
		r := &c.Resources[i]
		do(Use{Plugin: r.Plugin, Warm: r.Warm, resource: true, path: fmt.Sprintf("resources[%d]", i)}, &r.With)
	}
	for i := range c.Probes {
		do(Use{Plugin: c.Probes[i].Plugin, path: fmt.Sprintf("probes[%d]", i)}, &c.Probes[i].With)
	}
}

// Unknown is the fault of a use whose plugin is none of the known ones.
func (u Use) Unknown(known []string) Faults {
	right := Suggest(u.Plugin, known)
	if nearest(u.Plugin, known) == "" {
		right += "; a third party's needs an allow file on this node, which storewardctl plugin check prints"
	}
	return u.fault("plugin", fmt.Sprintf("there is no plugin %q", u.Plugin), right)
}

// Refused is the fault of a use whose plugin may not run on this node.
func (u Use) Refused(err error) Faults { return u.fault("plugin", oneLine(err), "") }

// Silent is the fault of a use whose plugin could not say what it makes of its section.
func (u Use) Silent(err error) Faults {
	return u.fault("plugin", fmt.Sprintf("plugin %s cannot be asked about its section: %s", u.Plugin, oneLine(err)), "")
}

// oneLine: one fault, one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Unpromotable is the fault of a warm resource whose plugin, so configured, cannot promote it.
func (u Use) Unpromotable() Faults {
	return u.fault("warm", fmt.Sprintf("plugin %s cannot promote this: it has no running state without its data", u.Plugin),
		"take warm out, or give the section what a promotion needs (plugin service: promote, demote, role)")
}

func (u Use) fault(key, wrong, right string) Faults {
	return Faults{u.places.fault(join(u.path, key), wrong, right)}
}

// nameSections tells every section the nodes' names, below which it holds their own
// values, and where it stands or should stand.
func (c *Config) nameSections() {
	names := c.nodeNames()
	c.eachUse(func(u Use, with *Section) {
		with.nodes, with.file = names, c.places.file
		with.path = join(u.path, "with")
		with.at = c.places.find(with.path)
	})
}
