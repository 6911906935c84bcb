package engine

import (
	"reflect"

	"github.com/storeward/storeward/core/config"
)

// use has a configuration count from now on.
func (e *Engine) use(cfg *config.Config) {
	sum := cfg.Digest()
	e.sum.Store(&sum)
	e.cfg.Store(cfg)
}

// needsRestart names the parts that differ and that a running daemon cannot
// change: everything but times, the policy's choices, and the bounds of resources.
func needsRestart(old, next *config.Config) []string {
	var out []string
	part := func(name string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			out = append(out, name)
		}
	}
	part("store", old.Store, next.Store)
	part("nodes", old.Nodes, next.Nodes)
	part("key", old.Key, next.Key)
	part("ping_group", old.PingGroup, next.PingGroup)
	part("peer", old.Peer, next.Peer)
	part("watchdog", old.Watchdog, next.Watchdog)
	if old.Watchdog.Timeout > 0 { // it was told how late a round of the loop may be
		part("timing.deadtime", old.Timing.Deadtime, next.Timing.Deadtime)
	}
	part("report", old.Report, next.Report)
	part("state_dir", old.StateDir, next.StateDir)
	part("run_dir", old.RunDir, next.RunDir)
	part("links", linkTexts(old), linkTexts(next))
	part("fencing", fenceTexts(old), fenceTexts(next))
	part("resources", resourceTexts(old), resourceTexts(next))
	part("probes", probeTexts(old), probeTexts(next))
	return out
}

// A section is compared by its text: its place in the file says nothing.
type sectioned struct {
	value any
	text  string
}

func linkTexts(c *config.Config) (out []sectioned) {
	for _, v := range c.Links {
		text := v.With.String()
		v.With = config.Section{}
		out = append(out, sectioned{v, text})
	}
	return out
}

func fenceTexts(c *config.Config) (out []sectioned) {
	for _, v := range c.Fencing {
		text := v.With.String()
		v.With = config.Section{}
		out = append(out, sectioned{v, text})
	}
	return out
}

// resourceTexts leaves out what only the policy reads.
func resourceTexts(c *config.Config) (out []sectioned) {
	for _, v := range c.Resources {
		text := v.With.String()
		v.With = config.Section{}
		v.Restarts, v.Failovers, v.OnFailure, v.StopFailed, v.FailuresToDown, v.After = config.Budget{}, config.Budget{}, "", "", 0, nil
		v.StartTimeout, v.StopTimeout = 0, 0
		out = append(out, sectioned{v, text})
	}
	return out
}

func probeTexts(c *config.Config) (out []sectioned) {
	for _, v := range c.Probes {
		text := v.With.String()
		v.With = config.Section{}
		out = append(out, sectioned{v, text})
	}
	return out
}
