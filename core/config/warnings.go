package config

import "fmt"

// Warnings returns what is allowed and most likely not meant: a store that runs on
// it is less safe or less available than it could be. Nil if there is nothing to say.
func (c *Config) Warnings() Faults {
	k := checker{cfg: c}
	if len(c.Links) == 1 {
		k.fault("links", "there is one link: its loss alone looks like the peer's death", "add a second that shares no cable and no switch with it")
	}
	for i, n := range c.Nodes {
		fed := false
		for _, f := range c.Fencing {
			for _, name := range f.Feeds {
				fed = fed || name == n.Name
			}
		}
		if !fed {
			k.fault(fmt.Sprintf("nodes[%d]", i), "no fence device feeds node "+n.Name+": when it dies, an operator must say that it is off", "add its power supply to fencing")
		}
	}
	verified := len(c.Resources) == 0
	for _, p := range c.Probes {
		verified = verified || p.Verify
	}
	if !verified {
		k.fault("probes", "no probe verifies the service through the virtual IP", "set verify: true on one")
	}
	return k.faults
}
