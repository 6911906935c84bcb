package report

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/mibs"
)

// TestC2EveryKindHasANotification: a receiver with our MIB has a name for everything that can happen.
func TestC2EveryKindHasANotification(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/kinds.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Kind") || len(spec.Values) != 1 {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if !mibs.Known(kind) {
			t.Errorf("%s (%q) has no notification in STOREWARD-MIB", spec.Names[0].Name, kind)
		}
		return true
	})
	if found < 40 {
		t.Fatalf("only %d kinds found: the test looks at the wrong place", found)
	}
}

// TestC2SnmptrapdNamesOurTraps has Debian's snmptrapd receive and name a notification.
func TestC2SnmptrapdNamesOurTraps(t *testing.T) {
	trapd, err := exec.LookPath("snmptrapd")
	if err != nil {
		t.Skip("snmptrapd is not installed (Debian package snmptrapd)")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(root, "build/mibs/base")
	if out, err := exec.CommandContext(t.Context(), filepath.Join(root, "mibs/base.sh"), base).CombinedOutput(); err != nil {
		t.Fatalf("fetch the base MIBs: %v\n%s", err, out)
	}
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := socket.LocalAddr().String()
	socket.Close()
	conf := filepath.Join(t.TempDir(), "snmptrapd.conf")
	if err := os.WriteFile(conf, []byte("authCommunity log lab\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), trapd, "-f", "-Lo", "-C", "-c", conf, "-m", "STOREWARD-MIB",
		"-M", base+":/usr/share/snmp/mibs:"+filepath.Join(root, "mibs"), "udp:"+address)
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := make(chan string, 100)
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			lines <- sc.Text()
		}
		close(lines)
	}()
	r, err := New(Options{
		Store: "s0001", Node: "beta", Dir: t.TempDir(), Log: quiet(), Now: func() time.Time { return testTime },
		Report: config.Report{OutboxBytes: 1 << 20, Traps: []config.TrapReceiver{{Address: address, Community: sdk.NewSecret("lab")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	log := ""
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for n := 1; !strings.Contains(log, "storewardGeneration"); {
		select {
		case line := <-lines:
			log += line + "\n"
		case <-again.C: // the receiver may not listen yet
			r.Event(&api.Event{
				Kind: api.KindFailoverCompleted, Severity: api.Severity_SEVERITY_MAJOR, Object: "node/beta",
				Message: fmt.Sprint("beta serves, ", n), Incident: "s0001-7", Generation: 7,
			})
			n++
		case <-deadline.C:
			t.Fatalf("snmptrapd logged only:\n%s", log)
		}
	}
	for _, want := range []string{
		"STOREWARD-MIB::storewardFailoverCompleted",
		`STOREWARD-MIB::storewardStore.0 = STRING: s0001`,
		`STOREWARD-MIB::storewardSeverity.0 = INTEGER: major(5)`,
		`STOREWARD-MIB::storewardTime.0 = STRING: 2026-1-2,3:4:5.6,+0:0`,
		`STOREWARD-MIB::storewardKind.0 = STRING: failover.completed`,
		`STOREWARD-MIB::storewardGeneration.0 = Counter64: 7`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("snmptrapd's log lacks %q:\n%s", want, log)
		}
	}
}
