package peers

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/tests/fakes/upssim"
	"github.com/storeward/storeward/tests/lab"
)

func TestMain(m *testing.M) {
	if code, ok := lab.RunHelper(); ok {
		os.Exit(code)
	}
	m.Run()
}

// TestPairs: each product comes up in the lab, and the other node takes over when
// the active one's power is cut. Without this a benchmark measures nothing.
func TestPairs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the lab needs root")
	}
	stacks := []Stack{
		Keepalived("keepalived", 3, "0.1", "vrrp_rt_priority 20"),
		Heartbeat("heartbeat", HeartbeatTimes{Keepalive: "100ms", Warntime: "2", Deadtime: "4", Initdead: "8"}, false),
		Heartbeat("heartbeat-stub", HeartbeatTimes{Keepalive: "100ms", Warntime: "2", Deadtime: "4", Initdead: "8"}, true),
		Pacemaker("pacemaker", "token: 2000", "consensus: 2400"),
	}
	l, err := lab.Up(t.Context(), lab.Options{Name: "benchpeers", Stores: len(stacks)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	}()
	t.Run("all", func(t *testing.T) { // ends when all have
		for i, s := range stacks {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				takesOver(t, l.Store(i+1), s)
			})
		}
	})
}

func takesOver(t *testing.T, store *lab.Store, s Stack) {
	if debian := s.Missing(); debian != "" {
		t.Skipf("the Debian package %s is not installed (make packages-bench installs it)", debian)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	pair, err := Start(store, s)
	if err != nil {
		t.Fatal(err)
	}
	active, err := pair.Restore(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := active.Kill(); err != nil {
		t.Fatal(err)
	}
	survivor := store.Peer(active)
	for answer := ""; answer != survivor.Name; {
		answer = ask(ctx, store)
		if ctx.Err() != nil {
			t.Fatalf("%s does not answer behind the virtual IP, %q does", survivor.Name, answer)
		}
	}
	if s.Fencing == upsFencing && store.Node(active.Name).UPS().On() {
		t.Error("the survivor serves and the UPS of the other node is on")
	}
	if again, err := pair.Restore(ctx); err != nil || again != survivor {
		t.Errorf("with both nodes up again %v serves: %v", again, err)
	}
}

// ask is one question of a client at the till.
func ask(ctx context.Context, store *lab.Store) string {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	connection, err := store.Till.Dial(ctx, "tcp4", net.JoinHostPort(store.VIP(1), lab.EchoPort))
	if err != nil {
		<-ctx.Done()
		return ""
	}
	defer connection.Close()
	text, _ := io.ReadAll(connection)
	return strings.TrimSpace(string(text))
}

// TestCut: the peers' fence script confirms what it read, and nothing else.
func TestCut(t *testing.T) {
	if _, err := exec.LookPath("snmpset"); err != nil {
		t.Skip("the Debian package snmp is not installed")
	}
	for name, c := range map[string]struct {
		is  upssim.Behaviour
		cut bool
	}{
		"well":    {upssim.Behaviour{}, true},
		"refuses": {upssim.Behaviour{Refuse: "noAccess"}, false},
		"lies":    {upssim.Behaviour{LieOn: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			device, err := upssim.Listen(t.Context(), upssim.Options{Name: "ups", Log: logrus.New()}, upssim.Access{Write: lab.WriteCommunity})
			if err != nil {
				t.Fatal(err)
			}
			defer device.Close()
			device.SetBehaviour(c.is)
			out, err := exec.CommandContext(t.Context(), "/bin/sh", "files/cut.sh", device.Address).CombinedOutput()
			if done := err == nil; done != c.cut || device.On() == c.cut {
				t.Errorf("the script said %v, %s; the output is on: %v", err, out, device.On())
			}
		})
	}
}

func TestAllStarted(t *testing.T) {
	for name, want := range map[string]bool{"whole.xml": true, "unclean.xml": false, "starting.xml": false, "alone.xml": false} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if seen, ok := allStarted(text); ok != want {
			t.Errorf("%s: %v, %s", name, ok, seen)
		}
	}
	if _, ok := allStarted([]byte("crm_mon: could not connect")); ok {
		t.Error("no XML is no whole pair")
	}
}
