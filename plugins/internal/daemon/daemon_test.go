package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/plugins/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Processes) }

func newTest(t *testing.T, command ...string) (*Daemon, *test.Hook) {
	t.Helper()
	sandbox.Need(t)
	log, hook := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	dir := t.TempDir()
	d := New(Spec{Instance: "test/alpha/" + t.Name(), Command: command, StateDir: dir, OutputLimit: 1000}, log)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
		d.Close()
	})
	return d, hook
}

func start(t *testing.T, d *Daemon) (Process, bool) {
	t.Helper()
	p, fresh, err := d.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p, fresh
}

func find(t *testing.T, d *Daemon) (Process, bool) {
	t.Helper()
	now := look(t, d)
	return now.Main, now.Running()
}

func look(t *testing.T, d *Daemon) Found {
	t.Helper()
	now, err := d.Find()
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !until(ctx, holds) {
		t.Fatal("never: " + what)
	}
}

func TestStartTwiceIsOneProcess(t *testing.T) {
	d, _ := newTest(t, "sleep", "1000")
	first, fresh := start(t, d)
	second, again := start(t, d)
	if first != second || !fresh || again {
		t.Errorf("processes %v and %v, fresh %v and %v", first, second, fresh, again)
	}
	if session, err := unix.Getsid(first.PID); err != nil || session != first.PID {
		t.Errorf("session %d of process %d, error %v", session, first.PID, err)
	}
}

func TestProcessIsFoundAgain(t *testing.T) {
	for name, lose := range map[string]func(*Daemon){
		"with its record":    func(*Daemon) {},
		"record lost":        func(d *Daemon) { _ = os.Remove(d.recordPath()) },
		"record unreadable":  func(d *Daemon) { _ = os.WriteFile(d.recordPath(), []byte("{"), 0o600) },
		"directory lost too": func(d *Daemon) { _ = os.RemoveAll(d.spec.StateDir) },
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newTest(t, "sh", "-c", "sleep 1000 & setsid sleep 1001 & wait")
			p, _ := start(t, d)
			eventually(t, "three processes", func() bool {
				all, err := family(variable+d.spec.Instance, Process{})
				return err == nil && len(all) == 3
			})
			lose(d)
			after := New(d.spec, d.log) // another process of the plugin
			defer after.Close()
			if again, fresh, err := after.Start(t.Context()); err != nil || fresh || again != p {
				t.Errorf("found %v, fresh %v, error %v, started %v", again, fresh, err, p)
			}
		})
	}
}

func TestDeadProcessIsReplaced(t *testing.T) {
	d, hook := newTest(t, "sh", "-c", "setsid sleep 1001 & exec sleep 1000")
	old, _ := start(t, d)
	if err := unix.Kill(old.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is gone", func() bool { return !look(t, d).Alive })
	eventually(t, "the process was reaped", func() bool { _, err := lookUp(old.PID); return err != nil })
	next, fresh := start(t, d)
	if !fresh || next.PID == old.PID {
		t.Errorf("process %v after %v, fresh %v", next, old, fresh)
	}
	entry := lastEntry(hook, "process started")
	if entry == nil || entry.Data["pid"] != next.PID || entry.Data["old_pid"] != old.PID {
		t.Errorf("log %v lacks the old and the new PID", entry)
	}
	eventually(t, "one family", func() bool {
		all, err := family(variable+d.spec.Instance, Process{})
		return err == nil && len(all) <= 2
	})
}

// TestChildrenOfADeadProcessRun: they may hold whatever it held.
func TestChildrenOfADeadProcessRun(t *testing.T) {
	for name, command := range map[string]string{
		"in its session":             "sleep 1001 & echo ready; exec sleep 1000",
		"in its session, mark wiped": "env -i sleep 1001 & echo ready; exec sleep 1000",
		"in a session of its own":    "setsid sleep 1001 & echo ready; exec sleep 1000",
		"it made itself a daemon":    "setsid sleep 1001 & echo ready; exit 0",
		"it ended by itself":         "sleep 1001 & echo ready; exit 0",
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newTest(t, "sh", "-c", command)
			p, _ := start(t, d)
			eventually(t, "ready", func() bool { return d.LastLines(1) == "ready" })
			if err := p.signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the main process is gone", func() bool { return !look(t, d).Alive })
			after := New(d.spec, d.log)
			defer after.Close()
			now := look(t, after)
			want := fmt.Sprintf("main process %d is gone, 1 of its processes still run", p.PID)
			if !now.Running() || now.Left != 1 || now.String() != want {
				t.Errorf("found %+v: %s", now, now)
			}
			if err := after.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if all, err := family(variable+d.spec.Instance, p); err != nil || len(all) > 0 || look(t, after).Running() {
				t.Errorf("%v are left, error %v", all, err)
			}
		})
	}
}

// TestRecordOfAnEarlierBoot: its number may be a stranger's session by now, which is
// neither found nor ended.
func TestRecordOfAnEarlierBoot(t *testing.T) {
	d, _ := newTest(t, "sleep", "1000")
	stranger, _ := newTest(t, "sh", "-c", "env -i sleep 1001 & echo ready; exit 0")
	stranger.spec.Instance += "/stranger"
	p, _ := start(t, stranger)
	eventually(t, "only its session is left", func() bool { return !look(t, stranger).Alive && look(t, stranger).Left == 1 })
	d.record(p)
	if now := look(t, d); now.Left != 1 {
		t.Fatalf("the record of this boot: %+v", now)
	}
	record := fmt.Sprintf(`{"pid": %d, "start": 17, "boot": "an earlier one"}`, p.PID)
	if err := os.WriteFile(d.recordPath(), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	if now := look(t, d); now.Running() {
		t.Errorf("found %+v", now)
	}
	if err := d.Stop(t.Context()); err != nil || look(t, stranger).Left != 1 {
		t.Errorf("a stranger was ended, error %v", err)
	}
}

func lastEntry(hook *test.Hook, message string) *logrus.Entry {
	all := hook.AllEntries()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Message == message {
			return all[i]
		}
	}
	return nil
}

func TestStopTakesTheStepsAndLeavesNothing(t *testing.T) {
	// The main process ignores TERM, one child leads a session of its own, another wiped its environment.
	d, _ := newTest(t, "sh", "-c", "trap '' TERM; setsid sleep 1001 & env -i sleep 1002 & sleep 1000; sleep 1003")
	p, _ := start(t, d)
	eventually(t, "the children", func() bool {
		all, err := family(variable+d.spec.Instance, p)
		return err == nil && len(all) == 4
	})
	if err := d.Stop(t.Context(), Step{Signal: unix.SIGTERM, Wait: 30 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if all, err := family(variable+d.spec.Instance, p); err != nil || len(all) > 0 {
		t.Errorf("%v are left, error %v", all, err)
	}
	if err := d.Stop(t.Context(), Step{Signal: unix.SIGTERM, Wait: time.Second}); err != nil {
		t.Errorf("stop of a stopped process: %v", err)
	}
}

func TestStopIsGentleFirst(t *testing.T) {
	d, _ := newTest(t, "sh", "-c", "trap 'echo bye; exit' INT; echo ready; while :; do sleep 0.01; done")
	start(t, d)
	eventually(t, "ready", func() bool { return d.LastLines(1) == "ready" })
	if err := d.Stop(t.Context(), Step{Signal: unix.SIGINT, Wait: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if got := d.LastLines(1); got != "bye" {
		t.Errorf("last line %q", got)
	}
}

// TestActionsThatNobodyWaitsFor neither start a process nor kill one.
func TestActionsThatNobodyWaitsFor(t *testing.T) {
	d, _ := newTest(t, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Start(gone); err == nil {
		t.Error("a process was started for nobody")
	}
	if _, running := find(t, d); running {
		t.Error("a process runs")
	}
	p, _ := start(t, d)
	eventually(t, "ready", func() bool { return d.LastLines(1) == "ready" })
	if err := d.Stop(gone, Step{Signal: unix.SIGTERM, Wait: time.Minute}); err == nil || !p.Alive() {
		t.Errorf("killed for nobody's sake, error %v", err)
	}
}

func TestWhatTheProcessInherits(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PLUGIN", "x")
	d, _ := newTest(t, "sh", "-c", "env; ls -l /proc/self/fd; id -un; echo end; exec sleep 1000")
	d.spec.User, d.spec.Directory, d.spec.Environment = "nobody", "/tmp", []string{"TILL=7"}
	start(t, d)
	eventually(t, "its output", func() bool { return d.LastLines(1) == "end" })
	out := d.LastLines(100)
	for _, want := range []string{"TILL=7", "PWD=/tmp", "USER=nobody", "\nnobody\n", variable} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "SECRET_OF_THE_PLUGIN") {
		t.Error("the plugin's environment was handed on")
	}
	if count := strings.Count(out, " -> "); count != 4 { // 0, 1, 2 and the folder that ls reads
		t.Errorf("%d open files:\n%s", count, out)
	}
}

func TestOutputIsBounded(t *testing.T) {
	d, _ := newTest(t, "sh", "-c", "seq 1 2000; exec sleep 1000")
	start(t, d)
	eventually(t, "its output", func() bool { return d.LastLines(1) == "2000" })
	find(t, d)
	for name, most := range map[string]int64{"output.log": 0, "output.log.1": 1000} {
		info, err := os.Stat(filepath.Join(d.spec.StateDir, name))
		if err != nil || info.Size() > most {
			t.Errorf("%s: %v, error %v", name, info, err)
		}
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	d, _ := newTest(t, "/nowhere/at/all")
	if _, _, err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("error %v", err)
	}
	d.spec.User = "no-such-user"
	if _, _, err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("error %v", err)
	}
}

func TestRecycledNumberIsNotTheProcess(t *testing.T) {
	d, _ := newTest(t, "sleep", "1000")
	self, err := lookUp(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	d.record(Process{PID: self.PID, Start: self.Start + 1})
	if p, running := find(t, d); running {
		t.Errorf("process %d was taken for %s's", p.PID, strconv.Quote(d.spec.Instance))
	}
}
