package daemon

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"
)

// pluginDir makes this test binary a plugin that starts a daemon and waits to be killed.
const pluginDir = "STATE_DIR_OF_TEST_PLUGIN"

func outliveSpec(dir string) Spec {
	return Spec{Instance: "test/alpha/outlive", Command: []string{"sleep", "1000"}, StateDir: dir, OutputLimit: 1000}
}

func init() {
	dir := os.Getenv(pluginDir)
	if dir == "" {
		return
	}
	log, _ := test.NewNullLogger()
	p, _, err := New(outliveSpec(dir), log).Start(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID)
	select {}
}

func TestDaemonOutlivesAKilledPlugin(t *testing.T) {
	d, _ := newTest(t)
	d.spec = outliveSpec(d.spec.StateDir)
	plugin := exec.Command("/proc/self/exe")
	plugin.Env = append(os.Environ(), pluginDir+"="+d.spec.StateDir)
	plugin.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	output, err := plugin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(line)
	}
	if err := unix.Kill(-plugin.Process.Pid, unix.SIGKILL); err != nil { // its whole group
		t.Fatal(err)
	}
	_ = plugin.Wait()
	p, running := find(t, d)
	if !running || p.PID != pid {
		t.Fatalf("process %d, running %v; the plugin started %d", p.PID, running, pid)
	}
	now, err := lookUp(pid)
	if err != nil || now.parent != os.Getpid() { // pid 1 of the sandbox
		t.Errorf("its parent is %d, error %v", now.parent, err)
	}
	if again, fresh := start(t, d); fresh || again != p {
		t.Errorf("a second one was started: %v after %v", again, p)
	}
}
