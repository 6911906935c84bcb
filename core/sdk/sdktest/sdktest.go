// Package sdktest examines a plugin the way the core will use it: through real
// gRPC, with its own README's sample, with targets that never answer, sixteen
// calls at once and two Closes. A plugin's test is one call of Run. It knows the
// wire and the roles, and nothing of what a plugin is for.
package sdktest

import (
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Case is what Run needs to know about a plugin.
type Case struct {
	// Plugin is what the package's New returns.
	Plugin sdk.Plugin
	// Config is YAML of an instance that works in the test's surroundings. Run
	// opens it and calls every role that the instance offers.
	Config string
	// BlackHole is YAML of an instance whose target never answers, e.g. a
	// listener that accepts and stays silent. Empty where there is no such thing.
	// Every role must then answer within Deadline: an error or Unknown, never OK,
	// and a fence device's power is PowerUnknown.
	BlackHole string
	// Deadline is the time a black-hole call is given; default 300 ms. See Fence.Deadline.
	Deadline time.Duration
	// Readme is the path of the README whose samples must validate: in ```yaml blocks,
	// every mapping with "plugin: NAME" and "with:". Keys alpha and beta below "with"
	// hold one node's values. Default "README.md"; "-" skips this check.
	Readme string
	// Node and Peer are the node names handed to the instance; defaults alpha and beta.
	Node, Peer string
	// Resource tells that Start and Stop of Config's instance may be called.
	Resource bool
	// Fence holds the hooks of a fencer's fake device; nil where the plugin is no fencer.
	Fence *Fence
	// Check holds further tests on Config's instance, through real gRPC.
	Check func(t *testing.T, instance *Instance)
}

// Fence drives the fake fence device behind Case.Config. Each hook is optional;
// the check that needs it is skipped without it.
type Fence struct {
	// Output sets the device's real output.
	Output func(on bool)
	// Obey says whether the device carries out what it acknowledges.
	Obey func(obey bool)
	// Answer says whether the device answers at all.
	Answer func(answer bool)
	// Orders counts the off orders that reached the device.
	Orders func() int
	// Sleeps says that the device can sleep (sdk.Sleeper).
	Sleeps bool
	// Deadline is the time that an order without success is given, more than one with
	// success takes; default Case.Deadline.
	Deadline time.Duration
}
