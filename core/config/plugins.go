package config

import (
	"fmt"
	"strings"
)

// Use is one place at which the configuration uses a plugin.
type Use struct {
	Plugin string
	With   Section

	path   string // of the entry, e.g. links[0]
	places places
}

// Uses lists every use of a plugin: links, fence devices, resources, probes.
func (c *Config) Uses() []Use {
	var out []Use
	c.eachUse(func(path, plugin string, with *Section) {
		out = append(out, Use{Plugin: plugin, With: *with, path: path, places: c.places})
	})
	return out
}

func (c *Config) eachUse(do func(path, plugin string, with *Section)) {
	for i := range c.Links {
		do(fmt.Sprintf("links[%d]", i), c.Links[i].Plugin, &c.Links[i].With)
	}
	for i := range c.Fencing {
		do(fmt.Sprintf("fencing[%d]", i), c.Fencing[i].Plugin, &c.Fencing[i].With)
	}
	for i := range c.Resources {
		do(fmt.Sprintf("resources[%d]", i), c.Resources[i].Plugin, &c.Resources[i].With)
	}
	for i := range c.Probes {
		do(fmt.Sprintf("probes[%d]", i), c.Probes[i].Plugin, &c.Probes[i].With)
	}
}

// Unknown is the fault of a use whose plugin is none of the known ones.
func (u Use) Unknown(known []string) Faults {
	return u.fault(fmt.Sprintf("there is no plugin %q", u.Plugin), suggest(u.Plugin, known))
}

// Silent is the fault of a use whose plugin could not say what it makes of its section.
func (u Use) Silent(err error) Faults {
	reason := strings.Join(strings.Fields(err.Error()), " ") // one fault, one line
	return u.fault(fmt.Sprintf("plugin %s cannot be asked about its section: %s", u.Plugin, reason), "")
}

func (u Use) fault(wrong, right string) Faults {
	return Faults{u.places.fault(join(u.path, "plugin"), wrong, right)}
}

// nameSections tells every section the nodes' names, below which it holds their own
// values, and where it stands or should stand.
func (c *Config) nameSections() {
	names := c.nodeNames()
	c.eachUse(func(path, _ string, with *Section) {
		with.nodes, with.file = names, c.places.file
		with.path = join(path, "with")
		with.at = c.places.find(with.path)
	})
}
