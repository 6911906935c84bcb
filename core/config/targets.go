package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// Targets finds what two sections mean though only one may: what plugins say that they
// act on (sdk.Targeted) is compared across the store.
type Targets struct {
	cfg   *Config
	fed   map[target]Use
	found map[fate]bool
}

// target is one thing that a plugin switches, as one node sees it: a serial port of the
// same name is another thing on the other node.
type target struct{ node, plugin, text string }

// fate is one fault, which both nodes would find.
type fate struct{ path, text string }

// NewTargets begins with nothing.
func NewTargets(cfg *Config) *Targets {
	return &Targets{cfg: cfg, fed: map[target]Use{}, found: map[fate]bool{}}
}

// Add takes what a use acts on as it holds on a node, and returns what that contradicts.
func (t *Targets) Add(node string, use Use, texts []string) Faults {
	var faults Faults
	for _, text := range texts {
		switch at := (target{node, use.Plugin, text}); {
		case t.found[fate{use.path, text}]:
		case use.resource:
			faults = append(faults, t.taken(use, text)...)
		case len(use.Feeds) == 0: // a probe of a device switches nothing
		case !t.twice(at, use):
			t.fed[at] = use
		default:
			t.found[fate{use.path, text}] = true
			faults = append(faults, use.fault("with",
				fmt.Sprintf("%s is what %s switches already, which feeds %s: who cut one node would cut the other", text, t.fed[at].name, t.fed[at].Feeds[0]),
				"name what feeds "+use.Feeds[0])...)
		}
	}
	return faults
}

// twice tells whether a target that is known feeds another node.
func (t *Targets) twice(at target, use Use) bool {
	first, known := t.fed[at]
	return known && !slices.Equal(first.Feeds, use.Feeds)
}

// taken finds an address that a resource would move and that belongs to somebody.
func (t *Targets) taken(use Use, text string) Faults {
	t.found[fate{use.path, text}] = true
	for _, n := range t.cfg.Nodes {
		if sameAddress(n.Address, text) {
			return use.fault("with", fmt.Sprintf("%s is node %s's own address: whoever became active would take it from it", text, n.Name),
				"write an address that nobody has")
		}
	}
	if slices.ContainsFunc(t.cfg.PingGroup, func(a string) bool { return sameAddress(a, text) }) {
		return use.fault("with", text+" is in ping_group too: the active node would ask itself whether it is connected",
			"take it out of ping_group, or write an address that nobody has")
	}
	return nil
}

func sameAddress(a, b string) bool {
	one, err := netip.ParseAddr(a)
	other, bad := netip.ParseAddr(b)
	return err == nil && bad == nil && one == other
}
