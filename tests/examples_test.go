package tests

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// examples is where they lie.
const examples = "../contrib/examples/"

// TestLayersPassTheCheck: every layer of the stack is good together with those below it,
// in the judgement of the real tool and the real plugins.
func TestLayersPassTheCheck(t *testing.T) {
	programs := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", programs, "../core/cmd/storewardctl", "../plugins/cmd/storeward-plugins")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	store := read(t, "storeward.yaml")
	head, rest, _ := strings.Cut(store, "\nresources:\n")
	_, tail, _ := strings.Cut(rest, "\npeer:\n")
	var resources, probes string
	layers := []string{"database", "queue", "cache", "application", "http", "loadbalancer"}
	if found, _ := filepath.Glob(examples + "layers/*.yaml"); len(found) != len(layers) {
		t.Errorf("layers has %d files, %d are tested", len(found), len(layers))
	}
	for _, layer := range layers {
		_, text, _ := strings.Cut(read(t, "layers/"+layer+".yaml"), "\nresources:\n")
		ours, looks, _ := strings.Cut(text, "\nprobes:\n")
		resources, probes = resources+ours+"\n", probes+looks
		file := filepath.Join(t.TempDir(), layer+".yaml")
		text = head + "\nresources:\n" + resources + "\nprobes:\n" + probes + "\npeer:\n" + tail
		if probes == "" {
			text = head + "\nresources:\n" + resources + "\npeer:\n" + tail
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.CommandContext(t.Context(), programs+"/storewardctl", "config", "check", "--plugins", programs+"/storeward-plugins", file)
		out, err := check.CombinedOutput()
		if err != nil || strings.Contains(string(out), "not checked") {
			t.Errorf("%s, with what is below it: %v\n%s", layer, err, out)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(examples + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRedisRole: the warm cache's script with two real servers. What the active one keeps
// is at the other when the roles change.
func TestRedisRole(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: make packages-judges installs it")
	}
	// A node's Redis is asked by loopback, a peer by its address and the same port: here
	// both have loopback addresses.
	port := freePort(t)
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		serve(t, address, port)
	}
	role := func(want int, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), examples+"redis-role", args...)
		cmd.Env = append(os.Environ(), "PORT="+port)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if code := cmd.ProcessState.ExitCode(); code != want || err != nil && !errors.As(err, &exit) {
			t.Fatalf("redis-role %v: exit code %d, want %d: %v %s", args, code, want, err, out)
		}
	}
	role(8, "role") // a server alone keeps its data
	role(0, "demote", "127.0.0.2")
	role(0, "role")
	ask(t, "127.0.0.2", port, "SET cart 3-apples")
	until(t, "the replica has what was written", func() bool { return ask(t, "127.0.0.1", port, "GET cart") == "3-apples" })
	role(0, "promote")
	role(8, "role")
	if got := ask(t, "127.0.0.1", port, "GET cart"); got != "3-apples" {
		t.Errorf("after the promotion the cart holds %q", got)
	}
	role(2)
	role(2, "demote")
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0") //nolint:noctx // ends at once
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func serve(t *testing.T, address, port string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "redis-server", "--bind", address, "--port", port, "--save", "", "--dir", t.TempDir(), "--protected-mode", "no")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // its end was the context's
	until(t, "redis-server answers at "+address, func() bool { return ask(t, address, port, "PING") == "PONG" })
}

func ask(t *testing.T, address, port, command string) string {
	t.Helper()
	args := append([]string{"-h", address, "-p", port}, strings.Fields(command)...)
	out, _ := exec.CommandContext(t.Context(), "redis-cli", args...).CombinedOutput() // an error is an answer too
	return strings.TrimSpace(string(out))
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := harness.UntilEvery(ctx, 20*time.Millisecond, what, func() (string, bool) { return "", holds() }); err != nil {
		t.Fatal(err)
	}
}
