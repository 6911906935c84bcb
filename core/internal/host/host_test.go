package host

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

func TestCallsThroughAProcess(t *testing.T) {
	r := newRig(t, nil)
	in := r.open("toy", "one")
	if e := r.wait(Started); e.PID != r.pid(in) || e.Plugin != "toy" || len(e.Instances) != 1 {
		t.Errorf("event %+v, process %d", e, r.pid(in))
	}
	if got := in.Roles().String(); got != "prober, fencer, link, evidence" {
		t.Errorf("roles %s", got)
	}
	if _, err := in.Monitor(r.context()); !errors.Is(err, remote.ErrRole) {
		t.Errorf("a role that is not offered: %v", err)
	}
	items, err := in.Evidence(r.context())
	if err != nil || items[0].Text != "sw-toy" {
		t.Errorf("evidence %v, %v", items, err)
	}
	if line := r.log.find("instance opened"); line == nil || line.Level != logrus.WarnLevel ||
		line.Data["resource"] != "r" || line.Data["instance"] != "one" || line.Data["plugin"] != "toy" {
		t.Errorf("level or fields lost on the way: %+v", line)
	}
	if s := r.host.Plugins(); len(s) != 1 || s[0].State != Running || s[0].Version != "1.2" || s[0].PID == 0 {
		t.Errorf("status %+v", s)
	}
}

func TestConfigurationFaultsKeepTheirPlace(t *testing.T) {
	r := newRig(t, nil)
	var fault *sdk.ConfigError
	if _, err := r.host.Check(r.context(), "toy", []byte("a: 1\n")); !errors.As(err, &fault) || fault.Line != 1 || fault.Path != "a" {
		t.Errorf("check: %v", err)
	}
	in, err := r.host.Open(r.context(), "toy", "one", []byte("fail: [1]\n"), Env{})
	if !errors.As(err, &fault) || in != nil {
		t.Errorf("open: %v, %v", in, err)
	}
	if _, err := r.host.Open(r.context(), "forbidden", "one", nil, Env{}); !errors.Is(err, ErrUnknownPlugin) {
		t.Errorf("forbidden: %v", err)
	}
	if d, err := r.host.Describe(r.context(), "toy"); err != nil || d.Version != "1.2" {
		t.Errorf("describe: %+v, %v", d, err)
	}
}

func TestInstanceThatCannotOpenIsTriedAgain(t *testing.T) {
	r := newRig(t, nil)
	obstacle := filepath.Join(t.TempDir(), "obstacle")
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := r.host.Open(r.context(), "toy", "one", []byte("fail: "+obstacle), Env{})
	if in == nil || err == nil || !strings.Contains(err.Error(), "the device is not there") {
		t.Fatalf("open: %v, %v", in, err)
	}
	if _, err := in.Probe(r.context()); !errors.Is(err, ErrRestarting) {
		t.Errorf("probe: %v", err)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	r.until("probe works", func() bool { _, err := in.Probe(r.context()); return err == nil })
}

// until checks a condition with a bound; probing an instance is its own pause.
func (r *rig) until(what string, condition func() bool) {
	r.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(15 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-limit:
			r.t.Fatalf("never: %s", what)
		}
	}
}

func TestKilledPluginIsSeenAtOnceAndRestarted(t *testing.T) {
	r := newRig(t, nil)
	one, two := r.open("toy", "one"), r.open("toy", "two")
	r.wait(Started)
	pid := r.pid(one)
	killed := sdk.Monotonic()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	died := r.wait(Died)
	if died.PID != pid || !strings.Contains(died.Err.Error(), "killed") {
		t.Errorf("event %+v", died)
	}
	t.Logf("seen after %v", died.Taken-killed)
	restarted := r.wait(Restarted)
	if restarted.OldPID != pid || restarted.PID == pid || len(restarted.Instances) != 2 {
		t.Errorf("event %+v", restarted)
	}
	if r.pid(one) != restarted.PID || r.pid(two) != restarted.PID {
		t.Error("an instance was not opened again")
	}
}

func TestCallsDuringARestartSayUnknown(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Backoff = time.Second })
	in := r.open("toy", "one")
	r.wait(Started)
	if err := syscall.Kill(r.pid(in), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.wait(Died)
	if result, err := in.Probe(r.context()); !errors.Is(err, ErrRestarting) || result.Status != sdk.Unknown {
		t.Errorf("probe: %+v, %v", result, err)
	}
	if err := in.Send(nil); !errors.Is(err, ErrRestarting) {
		t.Errorf("send: %v", err)
	}
	if _, err := in.Off(r.context(), sdk.Order{Expiry: sdk.Monotonic() + time.Minute}); !errors.Is(err, ErrRestarting) {
		t.Errorf("off: %v", err)
	}
}

// TestBackoffHasABound of its own for plugins that nobody can do without for long.
func TestBackoffHasABound(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBackoffs = map[string]time.Duration{"toy": 40 * time.Millisecond} })
	in := r.open("toy", "one")
	r.wait(Started)
	for range 12 { // without a bound the last pause would be 20 s
		pid := r.pid(in)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.until("it runs again", func() bool { _, err := in.Probe(r.context()); return err == nil && r.host.Plugins()[0].PID != pid })
	}
}

func TestStoppedPluginIsNoticedWithinSilence(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Silence = 400 * time.Millisecond })
	in := r.open("toy", "one")
	r.wait(Started)
	pid := r.pid(in)
	stopped := sdk.Monotonic()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.until("all threads are stopped", func() bool { return stoppedThreads(pid) })
	// A call returns at its own deadline, and so do sixteen at once.
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(r.context(), 40*time.Millisecond)
			defer cancel()
			began := time.Now()
			if _, err := in.Probe(ctx); err == nil {
				t.Error("a stopped plugin answered")
			}
			if took := time.Since(began); took > 300*time.Millisecond {
				t.Errorf("the call took %v", took)
			}
		})
	}
	all.Wait()
	silent := r.wait(Silent)
	if took := silent.Taken - stopped; took > 900*time.Millisecond {
		t.Errorf("noticed after %v, Silence is 400ms", took)
	}
	if e := r.wait(Restarted); e.OldPID != pid || e.PID == pid {
		t.Errorf("event %+v", e)
	}
}

// A plugin that has just talked is found all the same when it stops and nobody calls it.
func TestPluginThatTalkedIsNoticedWithinSilence(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Silence = 400 * time.Millisecond })
	in := r.open("toy", "one")
	r.wait(Started)
	for began := sdk.Monotonic(); sdk.Monotonic()-began < 500*time.Millisecond; {
		if _, err := in.Probe(r.context()); err != nil {
			t.Fatal(err)
		}
	}
	stopped := sdk.Monotonic()
	if err := syscall.Kill(r.pid(in), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if took := r.wait(Silent).Taken - stopped; took > 900*time.Millisecond {
		t.Errorf("noticed after %v, Silence is 400ms", took)
	}
}

func stoppedThreads(pid int) bool {
	stats, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/stat")
	if err != nil || len(stats) == 0 {
		return false
	}
	for _, path := range stats {
		if stat, err := os.ReadFile(path); err == nil && !strings.Contains(string(stat), ") T ") {
			return false
		}
	}
	return true
}

func TestPanicIsToldWithItsLastLines(t *testing.T) {
	r := newRig(t, nil)
	in := r.open("toy", "one")
	ctx, cancel := context.WithCancel(r.context())
	running := make(chan sdk.LinkState, 64)
	ended := make(chan error, 1)
	var packets sync.Map
	go func() {
		ended <- in.Run(ctx, func(p sdk.Packet) { packets.Store(string(p.Data), p.Taken) }, func(s sdk.LinkState) { running <- s })
	}()
	if s := <-running; s.Status != sdk.OK {
		t.Errorf("state %+v", s)
	}
	r.until("packets arrive", func() bool { _, ok := packets.Load("beat"); return ok })
	if err := in.Send([]byte("panic")); err != nil {
		t.Fatal(err)
	}
	died := r.wait(Died)
	if text := strings.Join(died.Log, "\n"); !strings.Contains(text, "a goroutine nobody watches") {
		t.Errorf("last lines %q", text)
	}
	if s := <-running; s.Status != sdk.Unknown || s.Message == "" {
		t.Errorf("state after the death %+v", s)
	}
	if s := <-running; s.Status != sdk.OK {
		t.Errorf("state after the restart %+v", s)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestGarbageIsSeen(t *testing.T) {
	for _, plugin := range []string{"mumbles", "speaks-http", "impostor"} {
		t.Run(plugin, func(t *testing.T) {
			r := newRig(t, nil)
			in, err := r.host.Open(r.context(), plugin, "one", nil, Env{})
			if err == nil || in == nil {
				t.Fatalf("open: %v, %v", in, err)
			}
			if e := r.wait(Garbage); e.Err == nil {
				t.Errorf("event %+v", e)
			}
			r.tries(plugin, 1)
			if _, err := in.Probe(r.context()); !errors.Is(err, ErrRestarting) {
				t.Errorf("probe: %v", err)
			}
		})
	}
	t.Run("lies", func(t *testing.T) {
		r := newRig(t, nil)
		in := r.open("lies", "one")
		reading, err := in.Status(r.context())
		if !errors.Is(err, remote.ErrGarbage) || reading.Power != sdk.PowerUnknown {
			t.Errorf("an off from the future: %+v, %v", reading, err)
		}
		r.wait(Garbage)
		r.wait(Restarted)
		if _, err := in.Probe(r.context()); err == nil {
			t.Error("an unimplemented stream answered")
		}
		r.wait(Garbage)
	})
}

// TestGarbageOnAnIdleConnection: no stream is open to notice that the connection
// breaks. The next call does, and the plugin is not called silent.
func TestGarbageOnAnIdleConnection(t *testing.T) {
	r := newRig(t, nil)
	in := r.open("raves", "one")
	pid := r.wait(Started).PID
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	r.until("a call finds the connection broken", func() bool {
		_, err := in.Describe(r.context())
		return errors.Is(err, ErrRestarting)
	})
	select {
	case e := <-r.events:
		if e.Kind != Garbage || e.PID != pid {
			t.Errorf("event %s: %v", e.Kind, e.Err)
		}
	case <-r.context().Done():
		t.Fatal("not noticed")
	}
	r.wait(Restarted)
}

func TestPluginThatCannotStart(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StartTimeout = 300 * time.Millisecond })
	for _, plugin := range []string{"dies", "mute"} {
		in, err := r.host.Open(r.context(), plugin, plugin, nil, Env{})
		if in == nil || err == nil {
			t.Fatalf("%s: %v, %v", plugin, in, err)
		}
		if e := r.wait(Failed); e.Err == nil || e.Plugin != plugin {
			t.Errorf("event %+v", e)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.host.Check(r.context(), "dies", nil); err == nil {
		t.Error("a plugin that cannot start checked a configuration")
	}
}

func TestStaleSocketsAreSweptAndTheDirectoryIsPrivate(t *testing.T) {
	var dir string
	r := newRig(t, func(o *Options) {
		dir = o.Dir
		stale := filepath.Join(dir, "plugin-dir123")
		if err := os.Mkdir(stale, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(stale, "plugin7"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, "plugin-dir123")); !os.IsNotExist(err) {
		t.Errorf("stale socket: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", info.Mode(), err)
	}
	if _, err := New(Options{Log: logrus.New(), Dir: dir, Command: testCommand}); err == nil {
		t.Error("two hosts share a directory")
	}
	r.open("toy", "one")
	if err := r.host.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "plugin-dir*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpgradeDoesNotBreakARestart(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.Link(own, path); err != nil {
		if out, err := exec.Command("cp", own, path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	r := newRig(t, func(o *Options) {
		o.Command = func(plugin string) (string, []string) { return path, []string{serveArgument, plugin} }
	})
	in := r.open("toy", "one")
	r.wait(Started)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(r.pid(in), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.wait(Restarted)
	r.pid(in)
}

func TestCloseEndsEverything(t *testing.T) {
	r := newRig(t, nil)
	in := r.open("toy", "one")
	pid := r.pid(in)
	ended := make(chan error, 1)
	go func() { ended <- in.Run(context.Background(), func(sdk.Packet) {}, func(sdk.LinkState) {}) }()
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("run of a closed link: %v", err)
	}
	if _, err := in.Probe(r.context()); !errors.Is(err, ErrClosed) {
		t.Errorf("probe of a closed instance: %v", err)
	}
	again := r.open("toy", "one") // the name is free again, the process still there
	if r.pid(again) != pid {
		t.Error("another process")
	}
	if err := r.host.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
	if _, err := r.host.Open(r.context(), "toy", "x", nil, Env{}); !errors.Is(err, ErrClosed) {
		t.Errorf("open on a closed host: %v", err)
	}
}

// hostUntilKilled is a host process for TestKilledHostLeavesNoChildren: it prints
// its plugin's process number and waits for its end.
func hostUntilKilled(dir string) {
	log := logrus.New()
	log.SetOutput(os.Stderr)
	h, err := New(Options{Log: log, Dir: dir, Command: testCommand})
	if err != nil {
		panic(err)
	}
	in, err := h.Open(context.Background(), "toy", "one", nil, Env{})
	if err != nil {
		panic(err)
	}
	result, err := in.Probe(context.Background())
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString(result.Message + "\n")
	select {}
}

func TestKilledHostLeavesNoChildren(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(own, "host", shortDir(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	r := &rig{t: t}
	r.until("the plugin ends with its host", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}
