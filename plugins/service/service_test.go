package service

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Processes) }

// server is a program that listens where ready looks, made of this test binary.
const server = "SOCKET_OF_TEST_SERVER"

func init() {
	address := os.Getenv(server)
	if address == "" {
		return
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			os.Exit(1)
		}
		_ = conn.Close()
	}
}

func openTest(t *testing.T, dir string, change func(*Config)) *instance {
	t.Helper()
	sandbox.Need(t)
	cfg := DefaultConfig().(*Config)
	change(cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	got, err := open(t.Context(), sdk.Env{Instance: t.Name(), Node: "alpha", StateDir: dir, Log: log}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, plain := got.(*instance)
	if !plain {
		s = got.(*promotable).instance
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		_ = got.Close()
	})
	return s
}

func monitor(t *testing.T, s *instance) sdk.State {
	t.Helper()
	state, err := s.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func listening(t *testing.T) func(*Config) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	return func(c *Config) {
		c.Command, c.Environment, c.Ready.Unix = []string{self}, map[string]string{server: socket}, socket
	}
}

func TestCommandIsStartedOnceAndAnswers(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, listening(t))
	if state := monitor(t, s); state.Running || state.Status != sdk.Down {
		t.Errorf("before its start: %+v", state)
	}
	for range 2 {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	state := monitor(t, s)
	if !state.Running || state.Status != sdk.OK || state.PID == 0 {
		t.Errorf("state %+v", state)
	}
	after, err := open(t.Context(), sdk.Env{Instance: s.name, Node: "alpha", StateDir: dir, Log: s.log}, s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = after.Close() }()
	if again := monitor(t, after.(*instance)); again.PID != state.PID {
		t.Errorf("after the plugin's restart process %d, before %d", again.PID, state.PID)
	}
}

func TestStoppedProcessIsDown(t *testing.T) {
	s := openTest(t, t.TempDir(), listening(t))
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.cfg.Ready.Unix); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, s); !state.Running || state.Status != sdk.Down || !strings.Contains(state.Message, "does not answer") {
		t.Errorf("a service that does not answer: %+v", state)
	}
	if err := unix.Kill(monitor(t, s).PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !monitor(t, s).Running })
}

// TestChildrenOfADeadMainProcess: the service may hold its data as long as any of it
// runs, so that nobody may say that it does not.
func TestChildrenOfADeadMainProcess(t *testing.T) {
	s := openTest(t, t.TempDir(), func(c *Config) { c.Command = []string{"/bin/sh", "-c", "sleep 1001 & echo ready; exec sleep 1000"} })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return s.run.lastLines(t.Context(), 1) == "ready" })
	old := monitor(t, s).PID
	if err := unix.Kill(old, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return monitor(t, s).PID == 0 })
	want := fmt.Sprintf("main process %d is gone, 1 of its processes still run", old)
	if state := monitor(t, s); !state.Running || state.Status != sdk.Down || state.Message != want {
		t.Errorf("state %+v", state)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, s); state.Status != sdk.OK || state.PID == old {
		t.Errorf("after a start: %+v", state)
	}
	if err := unix.Kill(monitor(t, s).PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, s); state.Running {
		t.Errorf("after a stop: %+v", state)
	}
}

// TestCommandThatMakesItselfADaemon is no service that could be kept, even where what
// it left behind answers.
func TestCommandThatMakesItselfADaemon(t *testing.T) {
	for name, ready := range map[string]bool{"with a ready check": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			listens := listening(t)
			s := openTest(t, t.TempDir(), func(c *Config) {
				listens(c)
				c.Command = []string{"/bin/sh", "-c", "setsid " + c.Command[0] + " & exit 0"}
				c.Settle = sdk.Duration(5 * time.Second)
				if !ready {
					c.Ready.Unix = ""
				}
			})
			if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "stay in the foreground") {
				t.Errorf("error %v", err)
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
		})
	}
}

func TestStartWhileTheProcessDies(t *testing.T) {
	s := openTest(t, t.TempDir(), listening(t))
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		old := monitor(t, s).PID
		_ = os.Remove(s.cfg.Ready.Unix)
		if err := unix.Kill(old, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if state := monitor(t, s); state.PID == old || state.Status != sdk.OK {
			t.Errorf("state %+v, the old process was %d", state, old)
		}
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !holds() {
		if !sdk.Pause(ctx, time.Millisecond) {
			t.Fatal("never")
		}
	}
}

func TestCommandThatEndsAtOnce(t *testing.T) {
	for name, ready := range map[string]string{"with a ready check": "/run/no-such-socket", "without": ""} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir(), func(c *Config) {
				c.Command = []string{"/bin/sh", "-c", "echo port taken; exit 3"}
				c.Settle = sdk.Duration(5 * time.Second)
				c.Ready.Unix = ready
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- s.Start(ctx) }()
			if err := <-done; err == nil || !strings.Contains(err.Error(), "port taken") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestStartWithoutAnswerEndsInTime(t *testing.T) {
	s := openTest(t, t.TempDir(), func(c *Config) {
		c.Command, c.Ready.TCP = []string{"/bin/sleep", "1000"}, "127.0.0.1:1"
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Start(ctx); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error %v", err)
	}
	if !monitor(t, s).Running {
		t.Error("the process is gone: whether to stop it is not the start's decision")
	}
}

func TestStopKillsWhatDoesNotObey(t *testing.T) {
	s := openTest(t, t.TempDir(), func(c *Config) {
		c.Command = []string{"/bin/sh", "-c", "trap '' TERM; sleep 1000; sleep 1000"}
		c.StopGrace = sdk.Duration(30 * time.Millisecond)
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if state := monitor(t, s); state.Running {
		t.Errorf("state %+v", state)
	}
}

func TestEvidenceShowsTheOutput(t *testing.T) {
	s := openTest(t, t.TempDir(), func(c *Config) { c.Command = []string{"/bin/sh", "-c", "echo hello; exec sleep 1000"} })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		items, err := s.Evidence(t.Context())
		return err == nil && len(items) == 2 && items[1].Text == "hello"
	})
}

func TestValidate(t *testing.T) {
	for fault, cfg := range map[string]Config{
		"unit: is missing":  {},
		"command: is given": {Unit: "a.service", Command: []string{"/bin/true"}},
		"unit: \"nginx\"":   {Unit: "nginx"},
		"command[0]: ":      {Command: []string{"nginx"}},
		"directory: ":       {Directory: "srv"},
		"environment: ":     {Environment: map[string]string{"STOREWARD_X": ""}},
		"output_limit: ":    {},
		"settle: ":          {Settle: sdk.Duration(time.Hour)},
		"demote: is missing: promote, demote and role go together": {Promote: []string{"/bin/true"}, Role: []string{"/bin/true"}},
		"role[0]: ":       {Role: []string{"true"}},
		"stop_signal: ":   {StopSignal: "NOW"},
		"stop_grace: ":    {},
		"ready.unix: ":    {Ready: Ready{Unix: "x", TCP: "y"}},
		"ready.tcp: ":     {Ready: Ready{TCP: "y"}},
		"ready.timeout: ": {},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("no %q in %v", fault, err)
		}
	}
}

func TestConformance(t *testing.T) {
	sandbox.Need(t)
	sdktest.Run(t, sdktest.Case{Plugin: New(), Config: "command: [/bin/sleep, \"1000\"]\n", Resource: true})
}
