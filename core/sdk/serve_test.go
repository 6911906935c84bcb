package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// moody does in Probe what its configuration says.
type moody struct {
	probe func(context.Context) (Result, error)
}

func (m moody) Close() error                              { return nil }
func (m moody) Probe(ctx context.Context) (Result, error) { return m.probe(ctx) }

func moodyService(t *testing.T, probe func(context.Context) (Result, error)) (*service, uint64) {
	t.Helper()
	p := Plugin{
		Name: "moody", Version: "1", Summary: "x", DefaultConfig: func() any { return &struct{}{} },
		New: func(context.Context, Env, any) (Instance, error) { return moody{probe}, nil },
	}
	log := logrus.New()
	log.SetOutput(&bytes.Buffer{})
	s := NewServer(p, log).service
	reply, err := s.Open(t.Context(), &sdkpb.OpenRequest{Instance: "one"})
	if err != nil || reply.GetHandle() == 0 {
		t.Fatal(reply, err)
	}
	return s, reply.GetHandle()
}

func TestProbeThatIgnoresItsContextIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan none)
		s, handle := moodyService(t, func(context.Context) (Result, error) {
			<-release
			return Result{Status: OK}, nil
		})
		began := time.Now()
		reply := s.probe(t.Context(), &sdkpb.ProbeRequest{Handle: handle, Call: 1, Timeout: int64(40 * time.Millisecond)})
		if reply.GetError() == "" || time.Since(began) != 40*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), reply)
		}
		for range callsPerInstance - 1 {
			s.probe(t.Context(), &sdkpb.ProbeRequest{Handle: handle, Timeout: int64(time.Millisecond)})
		}
		reply = s.probe(t.Context(), &sdkpb.ProbeRequest{Handle: handle, Timeout: int64(time.Millisecond)})
		if !strings.Contains(reply.GetError(), "have not returned") {
			t.Errorf("calls pile up for ever: %v", reply)
		}
		closed, err := s.Close(t.Context(), &sdkpb.CloseRequest{Handle: handle})
		if err != nil || !strings.Contains(closed.GetError(), "a call has not returned") {
			t.Errorf("close: %v, %v", closed, err)
		}
		close(release)
		synctest.Wait()
	})
}

func TestPanicIsAnErrorOfOneInstance(t *testing.T) {
	s, handle := moodyService(t, func(context.Context) (Result, error) { panic("no reason") })
	reply := s.probe(t.Context(), &sdkpb.ProbeRequest{Handle: handle, Timeout: int64(time.Second)})
	if !strings.Contains(reply.GetError(), "panicked: no reason") {
		t.Errorf("got %v", reply)
	}
}

func TestCloseEndsRunningCalls(t *testing.T) {
	entered := make(chan none)
	s, handle := moodyService(t, func(ctx context.Context) (Result, error) {
		close(entered)
		<-ctx.Done()
		return Result{}, ctx.Err()
	})
	answered := make(chan *sdkpb.ProbeReply, 1)
	go func() {
		answered <- s.probe(context.Background(), &sdkpb.ProbeRequest{Handle: handle, Timeout: int64(time.Hour)})
	}()
	<-entered
	for range 2 {
		if reply, err := s.Close(t.Context(), &sdkpb.CloseRequest{Handle: handle}); err != nil || reply.GetError() != "" {
			t.Errorf("close: %v, %v", reply, err)
		}
	}
	if reply := <-answered; reply.GetError() == "" {
		t.Errorf("got %v", reply)
	}
}

func TestAnswersThatCannotTravelAreErrors(t *testing.T) {
	for name, result := range map[string]Result{
		"status": {Status: 17},
		"text":   {Status: OK, Message: "\xff"},
	} {
		reply := probeOut(1, result, nil)
		if name == "status" && reply.GetError() == "" {
			t.Errorf("%s: %v", name, reply)
		}
		if strings.Contains(reply.GetMessage(), "\xff") {
			t.Errorf("%s: %v", name, reply)
		}
	}
	if reply := readingOut(Reading{Power: 9}, nil); reply.GetError() == "" || reply.GetPower() != sdkpb.Power_POWER_UNKNOWN {
		t.Errorf("got %v", reply)
	}
	if reply := readingOut(Reading{Power: PowerOn}, errors.New("not confirmed")); reply.GetPower() != sdkpb.Power_POWER_ON || reply.GetError() != "not confirmed" {
		t.Errorf("what was read beside an error is lost: %v", reply)
	}
}

func TestLogFormatKeepsLevelsAndFields(t *testing.T) {
	var out bytes.Buffer
	t.Setenv(EnvLogLevel, "debug")
	log := newLog(&out)
	log.WithFields(logrus.Fields{"error": errors.New("why"), "took": 40 * time.Millisecond, "pid": 7, "odd": func() {}}).Warn("odd but handled")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["@level"] != "warn" || line["@message"] != "odd but handled" || line["error"] != "why" || line["took"] != "40ms" || line["pid"] != 7.0 {
		t.Errorf("got %v", line)
	}
}

func TestChoose(t *testing.T) {
	two := []Plugin{{Name: "a"}, {Name: "b"}}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"/usr/libexec/storeward-plugins", "b"}, "b"},
		{[]string{"/usr/libexec/a"}, "a"},
		{[]string{"storeward-plugins"}, ""},
		{[]string{"storeward-plugins", "c"}, ""},
	} {
		got, err := choose(two, c.args)
		if got.Name != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %q, %v", c.args, got.Name, err)
		}
	}
	if got, err := choose(two[:1], []string{"whatever"}); err != nil || got.Name != "a" {
		t.Errorf("the only one: %v, %v", got, err)
	}
}

const timelyChild = "SDK_TIMELY_CHILD"

// TestTimely raises a process of its own: the test's threads stay as they are.
func TestTimely(t *testing.T) {
	if os.Getenv(timelyChild) != "" {
		timelyInChild(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTimely$", "-test.v")
	cmd.Env = append(os.Environ(), timelyChild+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "SKIP") {
		t.Skip("real-time scheduling is not allowed here")
	}
}

func timelyInChild(t *testing.T) {
	stop, err := Timely(5)
	defer stop()
	if err != nil && strings.Contains(err.Error(), "SCHED_RR") {
		t.Skip(err)
	}
	out, err := exec.Command("/bin/sh", "-c", "cat /proc/self/stat; cat /proc/$PPID/stat").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if policy(lines[0]) != "0" || policy(lines[1]) != "2" {
		t.Errorf("child %s, process %s: want SCHED_OTHER 0 and SCHED_RR 2", policy(lines[0]), policy(lines[1]))
	}
	laterThreads(t)
}

// laterThreads makes threads after the first look, which has to find them.
func laterThreads(t *testing.T) {
	hold := make(chan none)
	defer close(hold)
	threads := make(chan int)
	for range 2 * spareThreads {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
			threads <- unix.Gettid()
			<-hold
		}()
	}
	for range 2 * spareThreads {
		stat := fmt.Sprintf("/proc/self/task/%d/stat", <-threads)
		look := time.NewTicker(threadScan / 10)
		for began := time.Now(); ; <-look.C {
			text, err := os.ReadFile(stat)
			if err != nil {
				t.Fatal(err)
			}
			if policy(string(text)) == "2" {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatalf("a later thread is not raised: %s", text)
			}
		}
		look.Stop()
	}
}

// policy reads the scheduling policy, field 41 of proc(5) stat.
func policy(stat string) string {
	_, rest, _ := strings.Cut(stat, ") ")
	return strings.Fields(rest)[41-3]
}
