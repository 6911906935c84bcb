// Package demo shows the product to a newcomer: a console, a store of two
// servers, a till that keeps buying, the customer's existing NMS and time series
// database, all in the lab, until somebody has seen enough. It leaves no trace.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// labName is fixed, so that demo-kill finds the demo and two demos cannot run at once.
const labName = "demo"

// Where the demo is reached on the machine's loopback.
const (
	consoleAddress  = "127.0.0.1:8443"
	victoriaAddress = "127.0.0.1:8428"
)

// Options says how the demo runs.
type Options struct {
	Programs string        // folder with the built programs
	Root     string        // the source tree
	For      time.Duration // from the opening of the store; 0: until ctx ends
	Out      io.Writer
	// Till is the command line that runs this program as a till.
	Till []string
}

// Run shows the demo until ctx ends. What it returns is nil only when every
// sale was recorded exactly once and the oracle never saw two active nodes.
func Run(ctx context.Context, o Options) error {
	if err := preflight(ctx); err != nil {
		return err
	}
	d := &demo{Options: o, out: newPrinter(o.Out)}
	defer d.out.close()
	err := d.run(ctx)
	if err == nil {
		d.out.line("", "everything is taken down; nothing is left behind")
	}
	return err
}

// preflight refuses with one sentence what cannot work.
func preflight(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("the demo makes network namespaces: run it as root, e.g. sudo make demo")
	}
	if _, err := lab.Connect(labName); err == nil {
		return errors.New("a demo is already running: end it with Ctrl-C in its terminal first")
	}
	for program, source := range map[string]string{
		"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "/usr/sbin/nginx": "nginx", "/usr/sbin/snmptrapd": "snmptrapd",
		"/usr/bin/victoria-metrics": "victoria-metrics", "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("the Debian package %s is missing: run tests/lab/install.sh lab", source)
		}
	}
	for _, address := range []string{consoleAddress, victoriaAddress} {
		probe, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", address)
		if err != nil {
			return fmt.Errorf("%s is taken by %s: end that first; the demo has no other port for it", address, holder(ctx, address))
		}
		probe.Close()
	}
	return nil
}

// listener is what ss tells of a listening program, as users:(("nginx",pid=812,fd=6)).
var listener = regexp.MustCompile(`\("([^"]+)",pid=(\d+)`)

// holder names the program that listens at this address's port, as far as it can be told.
func holder(ctx context.Context, address string) string {
	_, port, _ := net.SplitHostPort(address)
	out, _ := exec.CommandContext(ctx, "ss", "-Hltnp", "sport = :"+port).Output()
	if found := listener.FindSubmatch(out); found != nil {
		return fmt.Sprintf("%s (process %s)", found[1], found[2])
	}
	return "a program that cannot be told" // of another container, for instance
}

type demo struct {
	Options
	out  *printer
	site *harness.Site
}

func (d *demo) run(ctx context.Context) (err error) {
	started := time.Now()
	log := logrus.New()
	log.SetOutput(io.Discard)
	d.site, err = harness.Start(ctx, harness.Options{
		Lab:      lab.Options{Name: labName, Log: log, Told: d.happened},
		Programs: d.Programs, Root: d.Root, Timing: harness.Fast, Services: harness.Shop,
		PointsEvery: time.Second, Console: true, NMS: true,
		Say: func(format string, arguments ...any) { d.out.line("setup", format, arguments...) },
	})
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() {
		d.out.line("", "taking everything down")
		err = errors.Join(err, d.site.Down())
	}()
	if err := d.open(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	till, err := d.startTill()
	if err != nil {
		return err
	}
	d.greet(time.Since(started))
	if d.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.For)
		defer cancel()
	}
	stop := d.follow(ctx)
	select {
	case <-ctx.Done():
	case <-d.site.Lab.DownAsked():
	}
	stop()
	d.out.line("till", "the till is closed and audits its sales")
	till.Stop()
	if err := till.Err(); err != nil {
		return fmt.Errorf("the till's audit failed: %w, see above", err)
	}
	return nil
}

// unlessEnded drops an error that comes of Ctrl-C during the setup: whoever pressed it knows.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// open makes the console reachable and waits for the store.
func (d *demo) open(ctx context.Context) error {
	if _, err := d.site.Lab.Relay(ctx, consoleAddress, d.site.Lab.HQ, "127.0.0.1:8443"); err != nil {
		return err
	}
	if _, err := d.site.Lab.Relay(ctx, victoriaAddress, d.site.Lab.HQ, lab.HQAddress+":8428"); err != nil {
		return err
	}
	d.out.line("setup", "waiting until both servers have found each other and the store is open")
	waiting, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	_, err := d.site.Whole(waiting)
	return err
}

func (d *demo) startTill() (*lab.Service, error) {
	return d.site.Lab.Serve(d.site.Store.Till, lab.ServiceSpec{
		Name: "till", Arguments: append(d.Till, d.site.TillArguments()...), Output: &reports{out: d.out},
	})
}

func (d *demo) greet(took time.Duration) {
	t := d.site.Timing
	active := "nobody"
	if n := d.site.Active(); n != nil {
		active = n.Name
	}
	d.out.text(fmt.Sprintf(`
The store is open (%.0f s). Fast timings: a beat every %v, a server counts as dead after %v.

  console           http://%s   user %s   password %s
  active server     %s; the other one stands by
  SNMP traps        tail -f %s
  time series       curl 'http://%s/api/v1/query?query=node_active'   (VictoriaMetrics, the customer's own)
  kill the server   make demo-kill   in another terminal
  end               Ctrl-C

`, took.Seconds(), t.Interval, t.Deadtime, consoleAddress, harness.ConsoleUser, d.site.HQ.Password,
		active, d.site.Lab.LogOf("snmptrapd"), victoriaAddress))
}

// happened prints what the lab itself does: power, cables, the oracle.
func (d *demo) happened(h lab.Happening) {
	d.out.line(h.Kind, "%s", strings.TrimSpace(h.Subject+" "+h.Text))
}
