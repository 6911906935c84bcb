package lbwatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

// What a test starts ends with its namespaces.
func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Network|sandbox.Processes) }

// patience bounds every wait for something that is expected to happen.
const patience = 20 * time.Second

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// street is this namespace with near0 and another with far0, joined by a cable; a
// keepalived may run at each end.
type street struct {
	t     *testing.T
	spots [2]netns.NsHandle
}

var devices = [2]string{"near0", "far0"}

func newStreet(t *testing.T) *street {
	t.Helper()
	sandbox.Need(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	check(t, err)
	other, err := netns.New()
	check(t, err)
	check(t, netns.Set(home))
	s := &street{t, [2]netns.NsHandle{home, other}}
	t.Cleanup(func() { _, _ = home.Close(), other.Close() })
	pair := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: devices[1], PeerNamespace: netlink.NsFd(int(other))}
	pair.Name = devices[0]
	check(t, netlink.LinkAdd(pair))
	t.Cleanup(func() { _ = netlink.LinkDel(pair) })
	for i, device := range devices {
		s.at(i, func() {
			link, err := netlink.LinkByName(device)
			check(t, err)
			for _, text := range []string{fmt.Sprintf("198.51.100.%d/24", i+1), fmt.Sprintf("fe80::%d/64", i+1)} {
				address, err := netlink.ParseAddr(text)
				check(t, err)
				if address.IP.To4() == nil {
					address.Flags = unix.IFA_F_NODAD
				}
				check(t, netlink.AddrAdd(link, address))
			}
			// The kernel's own link-local address would be the one that keepalived uses, while it is still checked.
			check(t, os.WriteFile("/proc/sys/net/ipv6/conf/"+device+"/addr_gen_mode", []byte("1"), 0o600))
			check(t, netlink.LinkSetUp(link))
		})
	}
	return s
}

// at runs something short at an end of the street.
func (s *street) at(i int, do func()) {
	s.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	check(s.t, netns.Set(s.spots[i]))
	defer func() { check(s.t, netns.Set(s.spots[0])) }()
	do()
}

// keepalived starts Debian's keepalived at an end and returns how to end it.
func (s *street) keepalived(i, priority int, settings string) (end func(syscall.Signal)) {
	s.t.Helper()
	program, err := exec.LookPath("keepalived")
	if err != nil {
		s.t.Fatal("keepalived is missing: make packages-judges installs it")
	}
	dir := s.t.TempDir()
	file := filepath.Join(dir, "keepalived.conf")
	check(s.t, os.WriteFile(file, []byte(fmt.Sprintf(`global_defs {
	router_id %s
}
vrrp_instance shop {
	state BACKUP
	interface %s
	virtual_router_id 51
	priority %d
	%s
}
`, devices[i], devices[i], priority, settings)), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	check(s.t, err)
	defer log.Close()
	command := exec.CommandContext(context.Background(), program, "--dont-fork", "--log-console", "--no-syslog", "--vrrp",
		"--use-file", file, "--pid", filepath.Join(dir, "pid"), "--vrrp_pid", filepath.Join(dir, "vrrp_pid"))
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.at(i, func() { check(s.t, command.Start()) })
	ended := false
	end = func(signal syscall.Signal) {
		if ended {
			return
		}
		ended = true
		to := command.Process.Pid
		if signal == syscall.SIGKILL {
			to = -to // it and its children at once, as a power cut does
		}
		_ = syscall.Kill(to, signal)
		_ = command.Wait()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("keepalived at %s:\n%s", devices[i], text)
		}
	}
	s.t.Cleanup(func() { end(syscall.SIGTERM) })
	return end
}

const (
	version3 = "version 3\n\tadvert_int 0.2\n\tvirtual_ipaddress { 198.51.100.101/24 }"
	version2 = "version 2\n\tadvert_int 1\n\tvirtual_ipaddress { 198.51.100.101/24 }"
	inet6    = "version 3\n\tadvert_int 0.2\n\tvirtual_ipaddress { fe80::101/64 }"
)

func openVRRP(t *testing.T, family string, interval time.Duration) *instance {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	c := DefaultConfig()
	c.VRRP = VRRP{Interface: devices[0], ID: 51, Family: family, Interval: sdk.Duration(interval)}
	check(t, c.Validate())
	i := opened(t, sdk.Env{StateDir: t.TempDir(), Log: log}, c)
	t.Cleanup(func() { check(t, i.Close()) })
	return i
}

// until probes until the answer fits.
func until(t *testing.T, i *instance, status sdk.Status, words string) sdk.Result {
	t.Helper()
	limit, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		result, err := i.Probe(t.Context())
		if err == nil && result.Status == status && strings.Contains(result.Message, words) {
			return result
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never %v %q; last: %v %q %v", status, words, result.Status, result.Message, err)
		}
	}
}

// Two keepalived, and what is seen of them: who is the master, the change after one
// gives up or dies, nobody left.
func TestKeepalived(t *testing.T) {
	for name, c := range map[string]struct {
		settings, family string
		interval         time.Duration
		first, second    string
	}{
		"version 3": {version3, "ipv4", 200 * ms, "198.51.100.1", "198.51.100.2"},
		"version 2": {version2, "ipv4", time.Second, "198.51.100.1", "198.51.100.2"},
		"IPv6":      {inet6, "ipv6", 200 * ms, "fe80::1", "fe80::2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStreet(t)
			i := openVRRP(t, c.family, c.interval)
			ctx, cancel := context.WithTimeout(t.Context(), 20*ms)
			defer cancel()
			if result, err := i.Probe(ctx); err == nil {
				t.Errorf("nothing was heard, and it says %v %q", result.Status, result.Message)
			}
			endFirst := s.keepalived(0, 150, c.settings)
			endSecond := s.keepalived(1, 100, c.settings)
			result := until(t, i, sdk.OK, c.first+" (priority 150, this node) is the master of virtual router 51")
			if result.Values["master_here"] != 1 || result.Values["masters"] != 1 || result.Values["advertisement_seconds"] != c.interval.Seconds() {
				t.Errorf("values %v", result.Values)
			}
			endFirst(syscall.SIGTERM)
			until(t, i, sdk.OK, c.second+" (priority 100) is the master")
			endSecond(syscall.SIGKILL)
			until(t, i, sdk.Down, "nobody is the master")
			s.keepalived(1, 100, c.settings)
			until(t, i, sdk.OK, c.second+" (priority 100) is the master")
		})
	}
}

// Neither keepalived hears the other: both are masters, and both are named.
func TestKeepalivedTwice(t *testing.T) {
	s := newStreet(t)
	i := openVRRP(t, "ipv4", 200*ms)
	s.keepalived(0, 150, version3)
	s.keepalived(1, 100, version3)
	until(t, i, sdk.OK, "198.51.100.1 (priority 150, this node) is the master")
	for spot := range devices {
		s.at(spot, func() {
			command := exec.CommandContext(t.Context(), "nft", "-f", "-")
			command.Stdin = strings.NewReader("table ip deaf { chain in { type filter hook input priority 0; ip protocol 112 drop; }; }")
			out, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		})
	}
	result := until(t, i, sdk.Down, "has 2 masters at once: ")
	if !strings.Contains(result.Message, "198.51.100.1 (priority 150, this node)") || !strings.Contains(result.Message, "198.51.100.2 (priority 100)") {
		t.Errorf("says %q", result.Message)
	}
	for spot := range devices {
		s.at(spot, func() { check(t, exec.CommandContext(t.Context(), "nft", "delete", "table", "ip", "deaf").Run()) })
	}
	until(t, i, sdk.OK, "198.51.100.1 (priority 150, this node) is the master")
}

// The interface that goes says nothing about the balancer.
func TestInterfaceThatGoes(t *testing.T) {
	s := newStreet(t)
	i := openVRRP(t, "ipv4", 200*ms)
	s.keepalived(1, 100, version3)
	until(t, i, sdk.OK, "198.51.100.2 (priority 100) is the master")
	link, err := netlink.LinkByName(devices[0])
	check(t, err)
	check(t, netlink.LinkSetDown(link))
	if result, err := i.Probe(t.Context()); err == nil {
		t.Errorf("switched off, and it says %v %q", result.Status, result.Message)
	}
	check(t, netlink.LinkSetUp(link))
	until(t, i, sdk.OK, "198.51.100.2 (priority 100) is the master")
	check(t, netlink.LinkDel(link))
	if result, err := i.Probe(t.Context()); err == nil {
		t.Errorf("gone, and it says %v %q", result.Status, result.Message)
	}
}

// The watch as a resource: it starts once there is a master, and its state follows.
func TestResource(t *testing.T) {
	s := newStreet(t)
	i := openVRRP(t, "ipv4", 200*ms)
	ctx, cancel := context.WithTimeout(t.Context(), 300*ms)
	defer cancel()
	if err := i.Start(ctx); !strings.Contains(fmt.Sprint(err), "wait for the balancer") {
		t.Errorf("started without one: %v", err)
	}
	end := s.keepalived(0, 100, version3)
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	check(t, i.Start(ctx))
	state, err := i.Monitor(t.Context())
	if err != nil || !state.Running || !state.Promoted || state.Status != sdk.OK {
		t.Errorf("%+v %v", state, err)
	}
	end(syscall.SIGKILL)
	until(t, i, sdk.Down, "nobody is the master")
	if state, err = i.Monitor(t.Context()); err != nil || !state.Running || state.Promoted || state.Status != sdk.Down {
		t.Errorf("a balancer that is gone: %+v %v", state, err)
	}
	check(t, i.Stop(t.Context()))
	if state, err = i.Monitor(t.Context()); err != nil || state.Running {
		t.Errorf("after the stop: %+v %v", state, err)
	}
	if _, err := os.Stat(i.mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark stays: %v", err)
	}
}

func TestConformance(t *testing.T) {
	s := newStreet(t)
	s.keepalived(0, 100, version3)
	sdktest.Run(t, sdktest.Case{
		Plugin:   New(),
		Config:   "vrrp: {interface: near0, id: 51, interval: 5s}",
		Resource: true,
		Check: func(t *testing.T, i *sdktest.Instance) {
			if i.Roles().String() != "prober, resource, evidence" {
				t.Errorf("roles: %s", i.Roles())
			}
		},
	})
}
