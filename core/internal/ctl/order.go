package ctl

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
)

// order is one command that changes something.
type order struct {
	use, short string
	// target is what the argument names: node, resource, on|off, or nothing.
	target string
	// where says which node it concerns, where that depends on the one at which it is said.
	where string
	// consequence is the sentence that --yes agrees to; empty: --yes is taken and says nothing.
	// %s stands for the target.
	consequence string
	// left is the consequence instead for what left this node's configuration.
	left string
	// lasts offers --for, the end of a mode.
	lasts bool
	// anyway offers --anyway, although the store is open.
	anyway bool
}

var orders = []order{
	{
		use: "switchover", short: "Hand the service to the other node",
		consequence: "the service stops on the active node and starts on the other one: sales pause for some seconds",
	},
	{
		use: "drill", anyway: true, short: "Rehearse a failover: hand over, measured, and try every fence device",
		consequence: "the service stops on the active node and starts on the other one: sales pause for some seconds; each fence device is ordered on, which changes nothing",
	},
	{
		use: "standby", target: "NODE", lasts: true, short: "Keep a node from being active, until an end",
		consequence: "%s gives up the service if it holds it, and cannot take over until the mode ends: the store is not redundant",
	},
	{use: "unstandby", target: "NODE", short: "End a node's standby mode"},
	{
		use: "maintenance", target: "on|off", lasts: true, short: "Leave resources alone while somebody works on them, until an end",
		consequence: "nothing is restarted and no failover happens until the mode ends",
	},
	{use: "manage", target: "RESOURCE", short: "Let the cluster start, stop and monitor a resource again"},
	{
		use: "unmanage", target: "RESOURCE", lasts: true, short: "Leave one resource alone, until an end",
		consequence: "%s is neither restarted nor stopped by the cluster until the mode ends",
	},
	{
		use: "cleanup", target: "RESOURCE", short: "Forget a resource's failures on this node and try it again",
		where: "Each node remembers failures of its own: say it at the node that told of them. What runs goes on",
		left: "you state that %s, which left this node's configuration, does not run here any more: the other node may start it. " +
			"If it still runs here, both write the same data and it is LOST. Look for it, stop it, then say so",
	},
	{
		use: "restart", target: "RESOURCE", short: "Stop and start one resource in place",
		where: "What runs on this node, or is to, is restarted here: of a warm layer on the standby its own process, which stays without the data. " +
			"Anything else is restarted on the active node. The answer names the node",
		consequence: "%s stops and starts again: what it serves pauses",
	},
	{
		use: "fence", target: "NODE", short: "Cut a node's power, in its turn",
		consequence: "the power of %s is CUT at once; whatever runs on it dies. Say it at one node only: while the nodes cannot agree on their turns, two such orders cut both, as does one that %s gives by itself in the same second",
	},
	{
		use: "fence-confirm", target: "NODE", short: "State that a node is switched off, when its fence device cannot tell",
		consequence: "you state that %s HAS NO POWER. The other node takes over on your word. If %s still runs, both write the same data and it is LOST. " +
			"Look at the machine, pull its plug, then confirm",
	},
	{
		use: "remove", target: "NODE", short: "Take a node out for repair: it counts as off until readmitted",
		consequence: "you state that %s is off and stays off: the other node no longer waits for it or fences it, and %s takes no part, even when it runs, until it is readmitted",
	},
	{use: "readmit", target: "NODE", short: "Take a removed node back"},
	{
		use: "adopt", short: "Let this node, whose journal is lost, go on without its peer's word",
		consequence: "you state that the other node has not served since this one lost its journal: this one restarts, starts and takes over what it may again. " +
			"If the other one did serve, what it sold meanwhile is LOST. With the other node up, wait: they agree by themselves",
	},
}

func (t *tool) orderCommand(o order) *cobra.Command {
	var yes, anyway bool
	var lasts time.Duration
	cmd := &cobra.Command{Use: o.use, Short: o.short}
	if o.target == "" {
		cmd.Args = exactly()
	} else {
		cmd.Use += " " + o.target
		cmd.Args = exactly(o.target)
		cmd.ValidArgsFunction = t.complete(o)
	}
	agree := "nothing has to be agreed to here; taken for the habit"
	if o.where != "" {
		cmd.Long = o.short + ".\n\n" + o.where + "."
	}
	if o.consequence != "" {
		cmd.Long = cmp.Or(cmd.Long, o.short+".") + "\n\nConsequence: " + consequence(o.consequence, o.target) + "."
		agree = "agree to the consequence"
	}
	if o.left != "" {
		cmd.Long += "\n\nConsequence, for what left the configuration: " + consequence(o.left, o.target) + "."
		agree = "agree to the consequence, where there is one"
	}
	cmd.Flags().BoolVar(&yes, "yes", false, agree)
	if o.lasts {
		cmd.Flags().DurationVar(&lasts, "for", 4*time.Hour, "how long the mode lasts, in running time; a minute at least")
		cmd.Flags().Lookup("for").DefValue = "4h" // where Go writes 4h0m0s
	}
	if o.anyway {
		cmd.Flags().BoolVar(&anyway, "anyway", false, "also while the store is open (drills.opening_hours)")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		target := ""
		if len(args) > 0 {
			target = args[0]
		}
		if err := o.sensible(target, lasts, cmd.Flags().Changed("for")); err != nil {
			return err
		}
		state, err := t.client().State(cmd.Context())
		if err != nil {
			return err
		}
		if err := o.known(target, state); err != nil {
			return err
		}
		if means := o.means(target, state); means != "" && !yes {
			return fmt.Errorf("%w yet, because this has a consequence: %s. Say --yes to go ahead", errNotAgreed, means)
		}
		// It names the generation that the operator sees, so that a command which comes too
		// late for its world is refused.
		return t.send(cmd.Context(), control.Command{
			Name: o.use, Target: target, Seconds: lasts.Seconds(), Anyway: anyway,
			Generation: state.Status.GetGeneration(), Operator: operator(),
		})
	}
	return cmd
}

// sensible refuses what makes no sense, whatever the daemon knows.
func (o order) sensible(target string, lasts time.Duration, said bool) error {
	switch {
	case o.target == "on|off" && target != "on" && target != "off":
		return fmt.Errorf("%w: %s takes on or off, not %q", errUsage, o.use, target)
	case o.target == "on|off" && target == "off" && said:
		return fmt.Errorf("%w: %s off ends the mode: --for belongs to %s on", errUsage, o.use, o.use)
	case o.lasts && lasts < control.LeastMode:
		return fmt.Errorf("%w: --for is %s, and a mode lasts a minute at least, e.g. --for 30m", errUsage, lasts)
	}
	return nil
}

// means is the consequence for a target that is known; empty: nothing has to be agreed to.
func (o order) means(target string, state control.State) string {
	switch {
	case o.target == "on|off" && target == "off":
		return ""
	case o.left != "" && (!slices.Contains(configured(state), target) || slices.Contains(unconfigured(state), target)):
		return consequence(o.left, target)
	}
	return consequence(o.consequence, target)
}

func consequence(text, target string) string { return strings.ReplaceAll(text, "%s", target) }

func (t *tool) send(ctx context.Context, command control.Command) error {
	reply, err := t.client().Command(ctx, command)
	if err != nil {
		return err
	}
	return t.show(reply, func(w io.Writer) { line(w, "%s", reply.Message) })
}

// complete offers the names that the daemon knows.
func (t *tool) complete(o order) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if o.target == "on|off" {
			return []string{"on", "off"}, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		state, err := t.client().State(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return o.names(state), cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those that the order's argument may be.
func (o order) names(state control.State) (out []string) {
	switch o.target {
	case "NODE":
		return []string{state.Status.GetNode(), state.Status.GetPeer()}
	case "RESOURCE":
		out = configured(state)
	}
	if o.left != "" {
		out = append(out, unconfigured(state)...)
	}
	return out
}

// configured are the resources of this node's configuration.
func configured(state control.State) (out []string) {
	for _, r := range state.Status.GetResources() {
		out = append(out, r.GetName())
	}
	return out
}

// unconfigured are what left it and may still run: alarms alone name them.
func unconfigured(state control.State) (out []string) {
	for _, a := range state.Alarms {
		if a.Condition == "unconfigured" {
			out = append(out, strings.TrimPrefix(a.Object, "resource/"))
		}
	}
	return out
}

// known refuses a name that is none, before anybody agrees to a consequence for it.
func (o order) known(name string, state control.State) error {
	if o.target != "NODE" && o.target != "RESOURCE" {
		return nil
	}
	names := o.names(state)
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("%w: there is no %s %q: %s", errUsage, strings.ToLower(o.target), name, config.Suggest(name, names))
}
