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

// killed says what comes of a cut, with what fast timings take on two cores.
const killed = `cutting the power of %[1]s: watch the demo's lines; the till should buy again within about half a second,
and %[1]s be back in about 12 s, as the standby
`

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
			fmt.Fprintf(out, killed, path.Base(node.ID))
			return client.Do(ctx, "kill", node.ID)
		}
	}
	return errors.New("no server is active just now: " + advice(nodes))
}

// serves tells whether the node holds the store's first virtual IP.
func serves(node lab.NodeStatus) bool {
	return slices.ContainsFunc(node.Addresses, func(address string) bool { return strings.HasSuffix(address, ".101") })
}

// advice says why no node serves, and what makes one serve again.
func advice(nodes []lab.NodeStatus) string {
	command := func(words string) string { return "build/bin/lab -name " + labName + " " + words }
	dark := slices.DeleteFunc(slices.Clone(nodes), func(n lab.NodeStatus) bool { return n.PID != 0 })
	switch {
	case len(dark) == len(nodes):
		name := path.Base(dark[len(dark)-1].ID)
		return "both are without power; " + command("power-on "+name) + " gives one its power back"
	case len(dark) > 0 && dark[0].UPSIll:
		name := path.Base(dark[0].ID)
		return fmt.Sprintf("%s has no power, and its UPS does not let the other server make sure of it; %s makes the UPS obey again, or %s gives %s its power back",
			name, command("ups "+name+" well"), command("power-on "+name), name)
	}
	return "one is taking over or starting: try again in a few seconds"
}
