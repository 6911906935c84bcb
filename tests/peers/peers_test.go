// Package peers lets programs of others judge the simulators that the product is
// tested with, so that a mistake is not made twice in the same way: NUT's drivers
// and the fence agents of ClusterLabs, from Debian's packages. They run as children
// of the test, on loopback and in folders of the test's own.
package peers

import (
	"context"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/tests/fakes/upssim"
)

// need skips where a package of Debian is missing; make test installs it.
func need(t *testing.T, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not there: Debian's package %s is not installed (make packages-judges installs it)", program, debianPackage)
	}
}

// until waits for a condition, with a bound.
func until(t *testing.T, bound time.Duration, what string, condition func() (seen string, ok bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		seen, ok := condition()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s; last seen: %s", what, seen)
		case <-tick.C:
		}
	}
}

// output runs a program and returns what it printed.
func output(t *testing.T, environment []string, input, program string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env, command.Stdin = append(command.Environ(), environment...), strings.NewReader(input)
	out, err := command.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// load counts what happened to a supply.
type load struct{ offs, ons atomic.Int32 }

func (l *load) Off() error { l.offs.Add(1); return nil }
func (l *load) On() error  { l.ons.Add(1); return nil }

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// card is a simulated power supply on a loopback port.
type card struct {
	*upssim.Device
	host, port string
}

// user is who may order by SNMPv3.
var user = upssim.User{
	Name: "storeward", Auth: "sha", AuthPassword: "authentic1", Privacy: "aes", PrivacyPassword: "private-1", Write: true,
}

func newCard(t *testing.T, kind string, feeds ...int) *card {
	t.Helper()
	device, err := upssim.NewDevice(upssim.Options{Name: "judged", Kind: kind, Feeds: feeds, Supply: &load{}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	agent := upssim.NewAgent(device, upssim.Access{Write: "private", Users: []upssim.User{user}})
	go func() { served <- agent.Serve(conn) }()
	t.Cleanup(func() {
		conn.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		device.Close()
	})
	host, port, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return &card{device, host, port}
}
