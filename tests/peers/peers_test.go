// Package peers lets programs of others judge the simulators that the product is
// tested with, so that a mistake is not made twice in the same way: NUT's drivers
// and the fence agents of ClusterLabs, from Debian's packages. They run as children
// of the test, on loopback and in folders of the test's own.
package peers

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/tests/fakes/upssim"
	"github.com/storeward/storeward/tests/harness"
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
	if err := harness.UntilEvery(ctx, 50*time.Millisecond, what, condition); err != nil {
		t.Fatal(err)
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

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// user is who may order by SNMPv3.
var user = upssim.User{
	Name: "storeward", Auth: "sha", AuthPassword: "authentic1", Privacy: "aes", PrivacyPassword: "private-1", Write: true,
}

// card is a simulated power supply on a loopback port.
type card struct{ *upssim.Listener }

func newCard(t *testing.T, kind string, feeds ...int) card {
	t.Helper()
	l, err := upssim.Listen(t.Context(), upssim.Options{Name: "judged", Kind: kind, Feeds: feeds, Log: quiet()}, upssim.Access{Write: "private", Users: []upssim.User{user}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return card{l}
}
