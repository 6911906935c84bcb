package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if code, ok := RunHelper(); ok {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// newLab builds a lab of one store whose nodes run the echo service.
func newLab(t *testing.T, name string, set ...func(*Options)) (*Lab, *Node, *Node) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the lab needs root")
	}
	o := Options{Name: name, Stores: 1, Audited: Audited{Mounts: []string{"/srv/data"}, Programs: []string{"sleep"}}}
	for _, f := range set {
		f(&o)
	}
	l, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(namedSpaces, spacePrefix(name)+"*")); len(left) > 0 {
			t.Errorf("namespaces left: %v", left)
		}
		for _, folder := range []string{runDir(name), dataDir(name), sharedDir(name)} {
			if _, err := os.Stat(folder); err == nil {
				t.Errorf("folder left: %s", folder)
			}
		}
	})
	s := l.Store(1)
	for _, n := range s.Nodes {
		n.Commands = []Command{{Name: "echo", Arguments: EchoCommand()}}
		if err := n.PowerOn(); err != nil {
			t.Fatal(err)
		}
	}
	return l, s.Node("alpha"), s.Node("beta")
}

func run(t *testing.T, n *Node, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := n.Exec(ctx, words...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// eventually waits for a condition, at most ten seconds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); !condition(); <-tick {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func carrier(n *Node, name string) bool {
	link, err := n.Space.handle.LinkByName(name)
	return err == nil && link.Attrs().OperState.String() == "up"
}

func TestNodeIsAMachineOfItsOwn(t *testing.T) {
	_, alpha, beta := newLab(t, "own")
	const boot = "/proc/sys/kernel/random/boot_id"
	first := run(t, alpha, "cat", boot)
	if host, _ := os.ReadFile(boot); strings.TrimSpace(string(host)) == first || first == run(t, beta, "cat", boot) {
		t.Error("the boot id is not the node's own")
	}
	if name := run(t, alpha, "hostname"); name != "alpha" {
		t.Errorf("host name %q", name)
	}
	run(t, alpha, "sh", "-c", "touch /leak /etc/leak /run/leak /tmp/leak /dev/shm/leak /var/lib/storeward/kept")
	for _, path := range []string{"/leak", "/etc/leak", "/run/leak", "/tmp/leak", "/dev/shm/leak", "/var/lib/storeward/kept"} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s leaked to the machine", path)
		}
	}
	if err := alpha.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := alpha.PowerOn(); err != nil {
		t.Fatal(err)
	}
	if run(t, alpha, "cat", boot) == first {
		t.Error("the boot id outlived a power cut")
	}
	if left := run(t, alpha, "sh", "-c", "ls /leak /run/leak /dev/shm/leak /var/lib/storeward/kept 2>/dev/null || true"); left != "/var/lib/storeward/kept" {
		t.Errorf("after a power cut there is %q", left)
	}
}

func TestPowerCutTakesEverythingAndTheCarrier(t *testing.T) {
	_, alpha, beta := newLab(t, "cut")
	eventually(t, "carrier", func() bool { return carrier(beta, Cable) && carrier(alpha, LAN) })
	run(t, alpha, "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo")
	before, err := alpha.Processes()
	if err != nil || len(before) < 3 {
		t.Fatalf("%d processes: %v", len(before), err)
	}
	if err := alpha.UPS().Switch(false); err != nil {
		t.Fatal(err)
	}
	for _, p := range before {
		if now, ok := readProcess(p.PID); ok && now.Name == p.Name {
			t.Errorf("%v survived the power cut", p)
		}
	}
	if alpha.Alive() || carrier(beta, Cable) || carrier(alpha, LAN) {
		t.Error("a dark node still carries")
	}
	if !carrier(beta, LAN) {
		t.Error("the survivor lost its LAN")
	}
	if err := alpha.UPS().Switch(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "carrier again", func() bool { return alpha.Alive() && carrier(beta, Cable) })
}

func TestCutAndMend(t *testing.T) {
	l, alpha, beta := newLab(t, "mend")
	for link, watch := range map[string]func() bool{
		"cable":    func() bool { return carrier(alpha, Cable) && carrier(beta, Cable) },
		"lan-beta": func() bool { return carrier(beta, LAN) },
		"wan": func() bool {
			_, err := alpha.Exec(t.Context(), "ping", "-c1", "-W1", HQAddress)
			return err == nil
		},
	} {
		eventually(t, link+" is up", watch)
		if err := l.Cut("s1/" + link); err != nil {
			t.Fatal(err)
		}
		eventually(t, link+" is cut", func() bool { return !watch() })
		if err := l.Mend(link); err != nil {
			t.Fatal(err)
		}
		eventually(t, link+" is mended", watch)
	}
	if err := l.Cut("nonsense"); err == nil {
		t.Error("an unknown link was cut")
	}
}

func TestOneWayLoss(t *testing.T) {
	l, alpha, beta := newLab(t, "loss")
	if err := l.Do(t.Context(), "loss", "beta", "cable", "100"); err != nil {
		t.Fatal(err)
	}
	if _, err := alpha.Exec(t.Context(), "ping", "-c1", "-W1", beta.CableAddress()); err == nil {
		t.Error("a packet came through a total loss")
	}
	if err := l.Do(t.Context(), "loss", "beta", "cable", "0"); err != nil {
		t.Fatal(err)
	}
	run(t, alpha, "ping", "-c1", "-W5", beta.CableAddress())
}

func TestOracleSeesTwoOwners(t *testing.T) {
	l, alpha, beta := newLab(t, "oracle")
	for _, n := range []*Node{alpha, beta} {
		run(t, n, "ip", "address", "add", "10.77.1.101/24", "dev", LAN)
		run(t, n, "sh", "-c", "mkdir -p /srv/data && mount --bind /var/lib/storeward /srv/data && setsid sleep 1000 >/dev/null 2>&1 & echo")
	}
	eventually(t, "violations", func() bool { return len(l.Audit.Violations()) >= 3 })
	for _, n := range []*Node{alpha, beta} {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if v := l.Audit.Violations(); len(v) != 3 {
		t.Errorf("%d violations, want each once: %v", len(v), v)
	}
}

func TestProbeHearsTheNode(t *testing.T) {
	l, alpha, _ := newLab(t, "probe")
	p, err := l.Store(1).Till.StartProbe(alpha.Address()+":"+EchoPort, 5*time.Millisecond, filepath.Join(t.TempDir(), "probe"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "twenty answers", func() bool {
		samples, err := p.Samples()
		return err == nil && len(samples) >= 20 && samples[0].Node == "alpha" && samples[0].End > samples[0].Start
	})
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestSecondLabOfTheNameIsRefusedAndCrashIsCleaned(t *testing.T) {
	l, _, _ := newLab(t, "twice")
	if _, err := Up(t.Context(), Options{Name: "twice", Stores: 1}); err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("second lab: %v", err)
	}
	client, err := Connect("twice")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Do(t.Context(), "kill", "alpha"); err != nil || l.Store(1).Node("alpha").Alive() {
		t.Errorf("kill by the control socket: %v", err)
	}
	if err := client.Do(t.Context(), "dance"); err == nil {
		t.Error("nonsense was obeyed")
	}
	status, err := client.Status(t.Context())
	if err != nil || len(status.Stores) != 1 || status.Stores[0].Nodes[0].PID != 0 || status.Stores[0].Nodes[1].PID == 0 {
		t.Errorf("status %+v: %v", status, err)
	}
}

func TestBootForgetsVirtualAddresses(t *testing.T) {
	_, alpha, _ := newLab(t, "vips")
	run(t, alpha, "ip", "address", "add", "10.77.1.101/24", "dev", LAN)
	run(t, alpha, "ip", "address", "add", "10.77.1.102/24", "dev", LAN)
	if err := alpha.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := alpha.PowerOn(); err != nil {
		t.Fatal(err)
	}
	if alpha.Holds("10.77.1.101") || !alpha.Holds(alpha.Address()) {
		t.Errorf("addresses after a boot: %v", alpha.addresses())
	}
}
