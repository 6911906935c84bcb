// Package peers runs other products for high availability in the lab, so that
// their figures can be taken beside ours: in the same run, on the same kind of
// store, with the same trivial service and the same client. Each one's settings
// are those that its own documentation gives for two nodes. It judges nothing.
package peers

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

//go:embed files/echo.sh
var echoScript string

// Where a node has the scripts.
const (
	echoPath = "/usr/libexec/bench/echo"
	cutPath  = "/usr/libexec/bench/cut"
)

// Stack is one product with its settings.
type Stack struct {
	Name string
	// Fencing says how it makes sure of the dead node, for tables.
	Fencing string
	// programs must be there; each names its Debian package.
	programs map[string]string
	equip    func(*lab.Node) error
	// whole tells whether standby could take over from active; nil: nothing is ever taken over.
	whole func(ctx context.Context, active, standby *lab.Node) (seen string, ok bool)
}

// Missing names a Debian package that the stack lacks on this machine; empty: none.
func (s Stack) Missing() string {
	var missing []string
	for path, debian := range s.programs {
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, debian)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return slices.Min(missing)
}

// Pair is a store's two nodes under a stack's care.
type Pair struct {
	Stack
	Store *lab.Store
}

// Start equips the store's nodes and gives them power.
func Start(store *lab.Store, s Stack) (*Pair, error) {
	for _, n := range store.Nodes {
		if err := show(n, echoPath, 0o755, echoScript); err != nil {
			return nil, err
		}
		if err := s.equip(n); err != nil {
			return nil, fmt.Errorf("equip %s with %s: %w", n.ID(), s.Name, err)
		}
		if err := n.PowerOn(); err != nil {
			return nil, err
		}
	}
	return &Pair{s, store}, nil
}

// Revive gives power to a node that has none, as an operator would.
func (p *Pair) Revive() error {
	for _, n := range p.Store.Nodes {
		if !n.Alive() {
			if err := n.PowerOn(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookEvery spares the stack: some of these questions cost tens of milliseconds.
const lookEvery = 300 * time.Millisecond

// Restore waits until one node serves and the other could take over, and returns
// the one that serves.
func (p *Pair) Restore(ctx context.Context) (active *lab.Node, err error) {
	if err := p.Revive(); err != nil {
		return nil, err
	}
	err = harness.UntilEvery(ctx, lookEvery, "the pair of "+p.Name+" is whole", func() (seen string, ok bool) {
		active, seen = p.look(ctx)
		return seen, active != nil
	})
	return active, err
}

func (p *Pair) look(ctx context.Context) (whole *lab.Node, seen string) {
	if p.whole == nil {
		return p.Store.Nodes[0], ""
	}
	for _, n := range p.Store.Nodes {
		if !n.Holds(p.Store.VIP(1)) {
			continue
		}
		seen, ok := p.whole(ctx, n, p.Store.Peer(n))
		if !ok {
			return nil, seen
		}
		return n, ""
	}
	return nil, "no node holds " + p.Store.VIP(1)
}

// show puts a file of ours where the node's programs look for it.
func show(n *lab.Node, target string, mode os.FileMode, text string) error {
	source := filepath.Join(n.Etc(), "peer", target)
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(source, []byte(text), mode); err != nil {
		return err
	}
	if err := os.Chmod(source, mode); err != nil {
		return err
	}
	n.Binds = append(n.Binds, lab.Bind{Source: source, Target: target})
	return nil
}

// keep has a folder that a package made survive power cuts, as on a disk.
func keep(n *lab.Node, folder string) error {
	kept := filepath.Join(n.Disk(), filepath.Base(folder))
	if out, err := exec.CommandContext(context.Background(), "cp", "-a", folder, kept).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", folder, err, out)
	}
	n.Binds = append(n.Binds, lab.Bind{Source: kept, Target: folder})
	return nil
}

// run keeps a shell command running on the node; it ends with an exec.
func run(n *lab.Node, name, script string) {
	n.Commands = append(n.Commands, lab.Command{Name: name, Arguments: []string{"/bin/sh", "-ec", script}})
}
