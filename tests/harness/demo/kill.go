package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/storeward/storeward/tests/lab"
)

// Kill cuts the power of the running demo's active server.
func Kill(ctx context.Context, out io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("only root may cut the demo's power: e.g. sudo make demo-kill")
	}
	client, err := lab.Connect(labName)
	if err != nil {
		return errors.New("no demo is running: start one with make demo")
	}
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	nodes := status.Stores[0].Nodes
	for _, node := range nodes {
		if serves(node) {
			fmt.Fprintf(out, "cutting the power of %s: %s\n", path.Base(node.ID), outlook(node, nodes))
			return client.Do(ctx, "kill", node.ID)
		}
	}
	return errors.New("no server is active just now: " + advice(nodes))
}

// outlook says what comes of a cut, and how soon with fast timings on two cores.
func outlook(cut lab.NodeStatus, nodes []lab.NodeStatus) string {
	switch {
	case slices.ContainsFunc(nodes, func(n lab.NodeStatus) bool { return n.PID == 0 }):
		return "the other server has no power, so nobody takes over"
	case cut.UPSIll:
		return "its UPS is ill, so perhaps nobody takes over until " + command("ups "+path.Base(cut.ID)+" well")
	}
	return "watch the demo's lines; the till should buy again within about half a second, and " +
		path.Base(cut.ID) + " be back as the standby in about 12 s"
}

// serves tells whether the node holds the store's first virtual IP.
func serves(node lab.NodeStatus) bool {
	return slices.ContainsFunc(node.Addresses, func(address string) bool { return strings.HasSuffix(address, ".101") })
}

// advice says why no node serves, and what makes one serve again.
func advice(nodes []lab.NodeStatus) string {
	dark := slices.DeleteFunc(slices.Clone(nodes), func(n lab.NodeStatus) bool { return n.PID != 0 })
	switch {
	case len(dark) == len(nodes):
		var orders []string
		for _, n := range dark {
			orders = append(orders, command("power-on "+path.Base(n.ID)))
		}
		return "both are without power; " + strings.Join(orders, " and ") + " give it back: whichever served last serves first again"
	case len(dark) > 0 && dark[0].UPSIll:
		name := path.Base(dark[0].ID)
		return fmt.Sprintf("%s has no power, and its UPS does not let the other server make sure of it; %s makes the UPS obey again, or %s gives %s its power back",
			name, command("ups "+name+" well"), command("power-on "+name), name)
	}
	return "one is taking over or starting: try again in a few seconds"
}

// command is how an order to the demo is typed.
func command(words string) string { return "build/bin/lab -name " + labName + " " + words }
