package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Processes|sandbox.Network) }

const programs = "/usr/lib/postgresql/15/bin"

// work is where data directories lie: memory that only this sandbox sees.
const work = "/mnt"

// template is one empty database for all tests.
var template = sync.OnceValues(func() (string, error) {
	if err := unix.Mount("tmpfs", work, "tmpfs", 0, "mode=0777"); err != nil {
		return "", err
	}
	data := filepath.Join(work, "template")
	return data, asPostgres(programs+"/initdb", "-D", data, "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C")
})

func asPostgres(command ...string) error {
	cmd := exec.Command("/usr/bin/setpriv", append([]string{"--reuid=postgres", "--regid=postgres", "--clear-groups"}, command...)...)
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command[0], err, out)
	}
	return nil
}

// newData makes a data directory of its own for a test.
func newData(t *testing.T) string {
	t.Helper()
	sandbox.Need(t)
	if _, err := os.Stat(programs); err != nil {
		t.Skip("needs PostgreSQL 15: ", err)
	}
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(work, t.Name())
	if out, err := exec.Command("cp", "-a", from, data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return data
}

func section(data string) string {
	return fmt.Sprintf(`data: %s
bin: %s
port: 5499
options: {fsync: "off", shared_buffers: "8MB", unix_socket_directories: "", listen_addresses: "127.0.0.1"}
`, data, programs)
}

func openTest(t *testing.T, yaml string) sdk.Instance {
	t.Helper()
	config, err := New().Configure([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	got, err := open(t.Context(), sdk.Env{Instance: t.Name(), Node: "alpha", StateDir: t.TempDir(), Log: log}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s, ok := got.(*server); ok {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		}
		_ = got.Close()
	})
	return got
}

func start(t *testing.T, s *server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

func monitor(t *testing.T, s *server) sdk.State {
	t.Helper()
	state, err := s.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestServer(t *testing.T) {
	s := openTest(t, section(newData(t))).(*server)
	if state := monitor(t, s); state.Running || state.Status != sdk.Down {
		t.Errorf("before the start: %+v", state)
	}
	start(t, s)
	first := monitor(t, s)
	start(t, s)
	if state := monitor(t, s); !state.Running || state.Status != sdk.OK || state.PID != first.PID {
		t.Errorf("state %+v, first process %d", state, first.PID)
	}
	result, err := s.Probe(t.Context())
	if err != nil || result.Status != sdk.OK || result.Values["connections_ratio"] <= 0 || result.Values["query_seconds"] <= 0 {
		t.Errorf("probe %+v, error %v", result, err)
	}
	items, err := s.Evidence(t.Context())
	if err != nil || len(items) != 4 || !strings.Contains(items[1].Text, "checkpointer") || !strings.Contains(items[3].Text, "postgres") {
		t.Errorf("evidence %+v, error %v", items, err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, s); state.Running {
		t.Errorf("state %+v", state)
	}
	if !strings.Contains(s.daemon.LastLines(5), "database system is shut down") {
		t.Errorf("not shut down in order: %s", s.daemon.LastLines(5))
	}
	if result, err := s.Probe(t.Context()); err != nil || result.Status != sdk.Down || !strings.Contains(result.Message, "refuses connections") {
		t.Errorf("probe of a stopped server: %+v, error %v", result, err)
	}
}

func TestServerAfterACrash(t *testing.T) {
	s := openTest(t, section(newData(t))).(*server)
	start(t, s)
	old := monitor(t, s).PID
	if err := unix.Kill(old, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	start(t, s) // whatever the dead server left behind
	if state := monitor(t, s); !state.Running || state.Status != sdk.OK || state.PID == old {
		t.Errorf("state %+v, the old process was %d", state, old)
	}
}

// TestBackendsOfADeadServer hold the data as it did: until they are gone it runs.
func TestBackendsOfADeadServer(t *testing.T) {
	s := openTest(t, section(newData(t))).(*server)
	start(t, s)
	old := monitor(t, s).PID
	serving, _, err := serverProcesses(s.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	held := serving[slices.IndexFunc(serving, func(pid int) bool { return pid != old })]
	for _, one := range []struct {
		pid    int
		signal unix.Signal
	}{{held, unix.SIGSTOP}, {old, unix.SIGKILL}} { // one that cannot notice the server's death
		if err := unix.Kill(one.pid, one.signal); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("main process %d is gone, 1 processes still work in %s", old, s.cfg.Data)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for state := monitor(t, s); state.Message != want; state = monitor(t, s) {
		if !state.Running || !sdk.Pause(ctx, time.Millisecond) {
			t.Fatalf("state %+v", state)
		}
	}
	if state := monitor(t, s); !state.Running || state.Status != sdk.Down || state.PID != 0 {
		t.Errorf("state %+v", state)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, s); state.Running {
		t.Errorf("after a stop: %+v", state)
	}
}

func TestStalePIDFileOfAnotherProcess(t *testing.T) {
	data := newData(t)
	other := exec.Command("sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: owner(t, data)} // one that the server would respect
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	content := strconv.Itoa(other.Process.Pid) + "\n" + data + "\n1\n5499\n\n127.0.0.1\n"
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, section(data)).(*server)
	start(t, s)
}

func owner(t *testing.T, path string) *syscall.Credential {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

func TestNeverTwoServersOnOneDirectory(t *testing.T) {
	data := newData(t)
	s := openTest(t, section(data)).(*server)
	start(t, s)
	another := openTest(t, section(data)).(*server)
	another.daemon.Close()
	config := *s.cfg
	config.Port = 5500
	log, _ := test.NewNullLogger()
	opened, err := open(t.Context(), sdk.Env{Instance: "another", Node: "alpha", StateDir: t.TempDir(), Log: log}, &config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	pid := strconv.Itoa(monitor(t, s).PID)
	if err := opened.(*server).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "process "+pid+" serves it") {
		t.Errorf("error %v", err)
	}
	if state := monitor(t, s); state.Status != sdk.OK {
		t.Errorf("the first server suffered: %+v", state)
	}
}

func TestStartWithoutData(t *testing.T) {
	sandbox.Need(t)
	s := openTest(t, section(t.TempDir())).(*server)
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "is it mounted?") {
		t.Errorf("error %v", err)
	}
}

func TestStartThatFailsShowsWhy(t *testing.T) {
	s := openTest(t, strings.Replace(section(newData(t)), "8MB", "never", 1)).(*server)
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `"shared_buffers"`) {
		t.Errorf("error %v", err)
	}
}

func TestPIDFileEndpoint(t *testing.T) {
	for want, file := range map[string]pidFile{
		"/run/postgresql": {socketDir: "/run/postgresql", listen: "*"},
		"127.0.0.1":       {listen: "*"},
		"192.0.2.7":       {listen: "192.0.2.7"},
	} {
		if at := file.endpoint(5432); at.host != want || at.port != 5432 {
			t.Errorf("%+v: %+v", file, at)
		}
	}
}

func TestValidate(t *testing.T) {
	for fault, cfg := range map[string]Config{
		"data: is missing":   {},
		"data: \"x\"":        {Data: "x"},
		"bin: ":              {Data: "/x"},
		"user: ":             {User: "root"},
		"port: ":             {},
		"stop_grace: ":       {},
		"output_limit: ":     {},
		"is no setting":      {Options: map[string]string{"-c": ""}},
		"options: port":      {Options: map[string]string{"port": "1"}},
		"probe.address: ":    {Probe: Probe{Address: "a b"}},
		"probe.user: ":       {},
		"probe.tls: ":        {},
		"probe.query: ":      {},
		"probe.timeout: ":    {},
		"probe.slow: ":       {Probe: Probe{Slow: 1}},
		"connections_warn: ": {Probe: Probe{ConnectionsWarn: 2}},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("no %q in %v", fault, err)
		}
	}
}

func TestConformance(t *testing.T) {
	data := newData(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog and stays silent
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	base := openTest(t, section(data)).(*server)
	start(t, base)
	sdktest.Run(t, sdktest.Case{
		Plugin:    New(),
		Config:    "probe: {address: \"127.0.0.1:5499\", password: topsecret}\n",
		BlackHole: "probe: {address: \"" + silent.Addr().String() + "\"}\n",
	})
}

func TestConformanceOfTheServer(t *testing.T) {
	sdktest.Run(t, sdktest.Case{Plugin: New(), Config: section(newData(t)), Resource: true})
}
