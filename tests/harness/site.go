// Package harness runs the whole product in the lab: a store whose nodes run
// storewardd with its plugins, and, if wanted, a console, a network management
// system and a time series database at the headquarters. The demo, the
// end-to-end tests and the benchmarks stand on it. It uses the programs as an
// operator would and reaches into none of them.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/storeward/storeward/tests/fakes/serialline"
	"github.com/storeward/storeward/tests/lab"
)

// Options says what to build.
type Options struct {
	Lab lab.Options
	// Programs is the folder with storewardd, storewardctl, storeward-plugins and storeward-console.
	Programs string
	// Root is the source tree, for the MIBs.
	Root string

	Timing      Timing
	Services    Services
	OffTime     time.Duration // how long a fenced node stays dark
	PointsEvery time.Duration
	ExtraProbes int
	Balancer    bool // keepalived on both nodes, and a watch over it
	Multicast   bool // beats on the network go to a group
	SerialBaud  int  // of a third link, over the serial cable; 0: there is none
	Console     bool
	NMS         bool              // snmptrapd and VictoriaMetrics
	Secure      map[string]bool   // whose UPS is spoken to by SNMPv3, by the node's name; what UPS it is, Lab.Fences says
	Agents      map[string]string // the fence agent of ClusterLabs that switches a node's PDU, by the node's name; one outlet
	Policy      string            // further lines of the policy, at their depth
	Resources   string            // further resources, at their depth
	Extra       string            // further text of the configuration
	// HQ are the headquarters of another store of the same lab; its console takes this store as well.
	HQ *Headquarters
	// Daemon are further arguments of the nodes' storewardd.
	Daemon []string
	// Prepare, when set, changes a node before it gets power for the first time.
	Prepare func(*lab.Node)
	// Say is told what is being set up.
	Say func(format string, arguments ...any)
}

// Site is one store under Storeward's care. Its HQ is what runs at the
// headquarters; nil without console and NMS.
type Site struct {
	Options
	Lab   *lab.Lab
	Store *lab.Store
}

// Start builds a lab of one store with everything in it and gives both nodes power.
func Start(ctx context.Context, o Options) (*Site, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Lab.Stores = 1
	if o.Services == Shop {
		o.Lab.Audited = lab.Audited{Mounts: []string{mounted}, Programs: []string{"postgres"}}
	}
	l, err := lab.Up(ctx, o.Lab)
	if err != nil {
		return nil, err
	}
	s, err := StartIn(ctx, l, l.Store(1), o)
	if err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return s, nil
}

// StartIn puts the product into one store of a lab that runs, and gives both nodes
// power. Whoever made the lab takes it down.
func StartIn(ctx context.Context, l *lab.Lab, store *lab.Store, o Options) (*Site, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Site{Options: o, Lab: l, Store: store}
	return s, s.build(ctx)
}

func (o *Options) check() error {
	if o.Timing.Interval == 0 {
		o.Timing = Fast
	}
	if o.OffTime == 0 {
		o.OffTime = 10 * time.Second
	}
	if o.PointsEvery == 0 {
		o.PointsEvery = 10 * time.Second
	}
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	needed := []string{"storewardd", "storewardctl", "storeward-plugins"}
	if o.Console {
		needed = append(needed, "storeward-console")
	}
	for _, program := range needed {
		if _, err := os.Stat(filepath.Join(o.Programs, program)); err != nil {
			return fmt.Errorf("%s is not built: run make build first", filepath.Join(o.Programs, program))
		}
	}
	return nil
}

func (s *Site) build(ctx context.Context) error {
	if err := s.joinHeadquarters(ctx); err != nil {
		return err
	}
	if s.Services == Shop {
		s.Say("making the store's database and price list")
		if err := s.makeShop(ctx); err != nil {
			return err
		}
	}
	if s.SerialBaud != 0 {
		s.Store.Serial.Set(serialline.Behaviour{Baud: s.SerialBaud})
	}
	if err := s.makeKeys(ctx); err != nil {
		return err
	}
	text, err := s.configText()
	if err != nil {
		return err
	}
	for _, n := range s.Store.Nodes {
		if err := s.equip(n, text); err != nil {
			return err
		}
		if s.Prepare != nil {
			s.Prepare(n)
		}
		if err := n.PowerOn(); err != nil {
			return err
		}
	}
	return nil
}

// equip puts the configuration and the programs on a node.
func (s *Site) equip(n *lab.Node, configText string) error {
	files := map[string]string{
		"storeward.yaml": configText,
		"node":           n.Name + "\n",
		"ups.community":  lab.WriteCommunity + "\n",
		"ups.auth":       lab.AuthPassword + "\n",
		"ups.privacy":    lab.PrivacyPassword + "\n",
	}
	if s.Balancer {
		files[keepalivedFile] = keepalived(n.Name, map[string]int{"alpha": 150, "beta": 100}[n.Name])
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(n.Etc(), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	bin, err := filepath.Abs(s.Programs)
	if err != nil {
		return err
	}
	n.Binds = append(n.Binds, lab.Bind{Source: bin, Target: programs})
	n.Commands = append(n.Commands, lab.Command{
		Name: "storewardd",
		Arguments: append([]string{
			programs + "/storewardd", "--config", "/etc/storeward/storeward.yaml",
			"--node", n.Name, "--plugins", programs + "/storeward-plugins",
		}, s.Daemon...),
	})
	return nil
}

// makeKeys makes the cluster's key and the certificates of the peer channel, as an operator would.
func (s *Site) makeKeys(ctx context.Context) error {
	folder := filepath.Join(s.Lab.DataDir(), s.Store.Name, "keys")
	if err := s.run(ctx, "storewardctl", "keygen", folder, "alpha", "beta", "--store", s.Store.Name); err != nil {
		return err
	}
	for _, n := range s.Store.Nodes {
		for from, to := range map[string]string{
			"cluster.key": "cluster.key", "peer-ca.pem": "peer-ca.pem", n.Name + ".pem": "peer.pem", n.Name + ".key": "peer.key",
		} {
			text, err := os.ReadFile(filepath.Join(folder, from))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(n.Etc(), to), text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// run runs one of the product's programs outside the nodes.
func (s *Site) run(ctx context.Context, program string, arguments ...string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(s.Programs, program), arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s %s: %w: %s", program, arguments[0], err, out)
	}
	return nil
}

// Down takes everything down. The oracle's findings count as failure.
func (s *Site) Down() error {
	var errs []error
	for _, v := range s.Lab.Audit.Violations() {
		errs = append(errs, fmt.Errorf("the lab's oracle saw in %s that %s", v.Subject, v.Text))
	}
	return errors.Join(append(errs, s.Lab.Down())...)
}
