package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/contrib/retail"
	"github.com/storeward/storeward/tests/lab"
)

func TestMain(m *testing.M) {
	if code, ok := lab.RunHelper(); ok {
		os.Exit(code)
	}
	if len(os.Args) > 1 && os.Args[1] == "till" {
		if err := retail.Run(os.Args[2:], os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// output collects what a program prints, for a reader beside it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) reports(t *testing.T) []retail.Report {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var reports []retail.Report
	for line := range strings.Lines(o.text.String()) {
		var r retail.Report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		reports = append(reports, r)
	}
	return reports
}

// TestTillSellsThroughAPowerCut moves the shop by hand: the lab's own parts and
// the till must be right before they judge a product.
func TestTillSellsThroughAPowerCut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the lab needs root")
	}
	if _, err := os.Stat(postgresBin); err != nil {
		t.Skip("Debian's postgresql-15 is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	l, err := lab.Up(ctx, lab.Options{Name: "shop", Stores: 1, Audited: lab.Audited{Mounts: []string{mounted}, Programs: []string{"postgres"}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Options: Options{Services: Shop}, Lab: l, Store: l.Store(1)}
	defer func() {
		if err := s.Down(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.makeShop(ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Store.Nodes {
		n.Commands = []lab.Command{{Name: "nginx", Arguments: []string{"/usr/sbin/nginx", "-c", "/etc/storeward/nginx.conf"}}}
		if err := n.PowerOn(); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(n *lab.Node) {
		t.Helper()
		if _, err := n.Exec(ctx, "sh", "-ec", "mkdir -p "+mounted+"; mount --bind "+sharedDisk+" "+mounted+`
setsid setpriv --reuid postgres --regid postgres --clear-groups `+postgresBin+`/postgres -D `+mounted+`/pg >/dev/null 2>&1 &
ip address add `+s.Store.VIP(1)+`/24 dev eth0; ip address add `+s.Store.VIP(2)+`/24 dev eth0`); err != nil {
			t.Fatal(err)
		}
		// Instead of gratuitous ARP, which is the product's job.
		if _, err := s.Store.Till.Run(ctx, "ip", "neigh", "flush", "all"); err != nil {
			t.Fatal(err)
		}
	}
	alpha, beta := s.Store.Node("alpha"), s.Store.Node("beta")
	serve(alpha)
	var out output
	till, err := l.Serve(s.Store.Till, lab.ServiceSpec{Name: "till", Arguments: append([]string{"/proc/self/exe", "till"}, append(s.TillArguments(), "-stall", "10ms")...), Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	sales := func() int {
		text, err := s.Active().Exec(ctx, "psql", "-h", s.Store.VIP(2), "-U", "till", "store", "-Atc", "select count(*) from sale")
		if err != nil {
			return 0
		}
		return len(strings.TrimSpace(text))
	}
	if err := Until(ctx, "the till has sold", func() (string, bool) { return "", sales() >= 2 }); err != nil {
		t.Fatal(err)
	}
	if err := alpha.Kill(); err != nil {
		t.Fatal(err)
	}
	serve(beta)
	resumed := func() (string, bool) {
		reports := out.reports(t)
		return "", len(reports) > 0 && reports[len(reports)-1].Kind == "resume"
	}
	if err := Until(ctx, "the till buys again", resumed); err != nil {
		t.Fatal(err)
	}
	till.Stop()
	reports := out.reports(t)
	if last := reports[len(reports)-1]; till.Err() != nil || last.Kind != "audit" || last.Sales < 10 {
		t.Fatalf("till ended with %v, last report %+v", till.Err(), last)
	}
}
