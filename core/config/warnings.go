package config

import (
	"fmt"
	"time"
)

// fastLife is the longest order life with which a standby may cut at once (failover policy, S6, turn 1).
const fastLife = time.Second

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
	for i, f := range c.Fencing {
		if f.Level == 1 && f.OrderLife.Std() > fastLife {
			k.faultf(fmt.Sprintf("fencing[%d].order_life", i), "measure how long an order to it takes and write 1s or less if that is true",
				"orders to %s may take effect %s late: the standby leaves the active a turn of that length before it cuts", f.Name, show(f.OrderLife.Std()))
		}
	}
	for i, p := range c.Probes {
		if p.Every > 0 && p.Timeout > p.Every {
			k.faultf(fmt.Sprintf("probes[%d].timeout", i), "write less than "+show(p.Every.Std()), "%s is longer than every: runs are skipped while one waits", show(p.Timeout.Std()))
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
