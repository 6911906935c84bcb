package watchdog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"
)

// bomb is a device that tells when it would have reset the machine.
type bomb struct {
	timeout time.Duration

	mu       sync.Mutex
	due      time.Time
	disarmed bool
	fed      int
	stuck    chan struct{} // while not nil: feeding waits
}

func (b *bomb) Feed() error {
	b.mu.Lock()
	stuck := b.stuck
	b.mu.Unlock()
	if stuck != nil {
		<-stuck
		return errors.New("the device hangs")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = time.Now().Add(b.timeout)
	b.fed++
	return nil
}

func (b *bomb) Hasten() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = time.Now().Add(time.Second)
	return nil
}

func (b *bomb) Close(disarm bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.disarmed = disarm
	return nil
}

// resets tells whether the machine was reset by now.
func (b *bomb) resets() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.disarmed && !time.Now().Before(b.due)
}

const (
	timeout  = 10 * time.Second
	grace    = time.Second
	interval = 200 * time.Millisecond
)

// arena runs a test with a watchdog over a loop whose rounds the test makes.
func arena(t *testing.T, f func(t *testing.T, w *Watchdog, b *bomb, loop func(span, late time.Duration))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, _ := test.NewNullLogger()
		b := &bomb{timeout: timeout}
		w := New(b, timeout, grace, log)
		began := time.Now()
		synctest.Wait()
		f(t, w, b, func(span, late time.Duration) {
			for end := time.Now().Add(span); time.Now().Before(end); <-time.After(interval) {
				w.Alive(time.Hour+time.Since(began), late)
			}
		})
	})
}

func TestPunctualLoopIsNeverReset(t *testing.T) {
	arena(t, func(t *testing.T, w *Watchdog, b *bomb, loop func(span, late time.Duration)) {
		loop(time.Hour, 0)
		if b.resets() {
			t.Error("a loop that was on time was reset")
		}
		if most := int(time.Hour/timeout)*shares + 1; b.fed > most {
			t.Errorf("fed %d times in an hour, want at most %d", b.fed, most)
		}
		if err := w.Close(); err != nil || !b.disarmed {
			t.Errorf("closed in order: disarmed %v, %v", b.disarmed, err)
		}
	})
}

func TestHungLoopIsReset(t *testing.T) {
	arena(t, func(t *testing.T, w *Watchdog, b *bomb, loop func(span, late time.Duration)) {
		loop(time.Minute, 0)
		<-time.After(timeout - timeout/shares - interval)
		if b.resets() {
			t.Error("it was reset before its time")
		}
		<-time.After(timeout/shares + interval)
		if !b.resets() {
			t.Error("a loop that hangs was not reset")
		}
		_ = w.Close()
	})
}

func TestLoopThatIsAlwaysLateIsReset(t *testing.T) {
	arena(t, func(t *testing.T, w *Watchdog, b *bomb, loop func(span, late time.Duration)) {
		loop(time.Minute, grace-1)
		if b.resets() {
			t.Error("a loop that was late a little was reset")
		}
		loop(timeout, grace)
		if !b.resets() {
			t.Error("a loop that was never on time was not reset")
		}
		_ = w.Close()
	})
}

func TestResetWanted(t *testing.T) {
	arena(t, func(t *testing.T, w *Watchdog, b *bomb, loop func(span, late time.Duration)) {
		loop(time.Minute, 0)
		w.Reset()
		w.Reset()
		loop(2*time.Second, 0)
		if !b.resets() {
			t.Error("the machine goes on")
		}
		if err := w.Close(); err != nil || b.disarmed {
			t.Errorf("closed: disarmed %v, %v", b.disarmed, err)
		}
	})
}

// TestDeviceThatHangsStopsNobody: the loop goes on, and the machine is reset.
func TestDeviceThatHangsStopsNobody(t *testing.T) {
	arena(t, func(t *testing.T, w *Watchdog, b *bomb, loop func(span, late time.Duration)) {
		stuck := make(chan struct{})
		b.mu.Lock()
		b.stuck = stuck
		b.mu.Unlock()
		loop(timeout+interval, 0)
		if !b.resets() {
			t.Error("fed by a device that hangs")
		}
		close(stuck)
		_ = w.Close()
	})
}

func TestNoWatchdogIsRefused(t *testing.T) {
	log, _ := test.NewNullLogger()
	dir := t.TempDir()
	plain, pipe := filepath.Join(dir, "plain"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(plain, nil, 0o600), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "no such file or directory: load the driver",
		plain:                        "is none: name the kernel's",
		pipe:                         "nothing is behind it",
		os.DevNull:                   "it does not answer as a watchdog",
	} {
		if _, err := Open(path, timeout, log); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", path, err, want)
		}
	}
}

// TestPipe: what a program that stands in for a watchdog reads.
func TestPipe(t *testing.T) {
	for name, c := range map[string]struct {
		reset bool
		want  string
	}{"in order": {false, food + magic}, "reset wanted": {true, food}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "watchdog")
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			read := make(chan string, 1)
			reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			log, _ := test.NewNullLogger()
			d, err := Open(path, timeout, log)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				text, _ := io.ReadAll(reader)
				read <- string(text)
			}()
			if err := errors.Join(d.Feed(), d.Close(!c.reset)); err != nil {
				t.Fatal(err)
			}
			if got := <-read; got != c.want {
				t.Errorf("read %q, want %q", got, c.want)
			}
		})
	}
}

// TestKernel arms this machine's own watchdog for a moment, where there is one.
func TestKernel(t *testing.T) {
	const path = "/dev/watchdog"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("this machine has no watchdog: %v", err)
	}
	if os.Getenv("STOREWARD_TEST_WATCHDOG") == "" {
		t.Skip("it would reset this machine if this test broke: set STOREWARD_TEST_WATCHDOG to allow that")
	}
	log, _ := test.NewNullLogger()
	d, err := Open(path, time.Minute, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Feed(), d.Close(true)); err != nil {
		t.Error(err)
	}
}
