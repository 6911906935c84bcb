package host

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// tries waits until the plugin could not be started n times more.
func (r *rig) tries(plugin string, n int) {
	r.t.Helper()
	s := r.host.plugins[plugin]
	failures := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.failures
	}
	began := failures()
	r.until("it is tried again and again", func() bool { return failures() >= began+n })
}

// quiet closes the host, which has told everything by then, and wants nothing more told.
func (r *rig) quiet() {
	r.t.Helper()
	if err := r.host.Close(); err != nil {
		r.t.Error(err)
	}
	select {
	case e := <-r.events:
		r.t.Errorf("told as well: %s: %v", e.Kind, e.Err)
	default:
	}
}

// TestRefusalIsToldOnce, however often the executable is looked at, and again in other words.
func TestRefusalIsToldOnce(t *testing.T) {
	path := foreign(t)
	a := allowed(t, path)
	put := func(text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o755), os.Rename(path+".new", path)); err != nil { //nolint:gosec // an executable
			t.Fatal(err)
		}
	}
	put("one")
	r := newRig(t, func(o *Options) { o.Allowed, o.MaxBackoff = []Allowed{a}, 10*time.Millisecond })
	if in, err := r.host.Open(r.context(), "toy", "one", nil, Env{}); in == nil || !errors.Is(err, ErrRefused) {
		t.Fatalf("open: %v, %v", in, err)
	}
	r.tries("toy", 10)
	first := r.wait(Refused)
	put("two")
	r.tries("toy", 10)
	if second := r.wait(Refused); second.Err.Error() == first.Err.Error() {
		t.Errorf("told again: %v", second.Err)
	}
	r.quiet()
}

// TestAlternatingTroublesAreToldOnce each, until it is told to run; a refusal in each of its words.
func TestAlternatingTroublesAreToldOnce(t *testing.T) {
	r := newRig(t, nil)
	s := newSupervisor(r.host, "toy", program{})
	words := []error{errors.New("one"), errors.New("two")}
	for round := range 2 {
		for i := range 20 {
			for _, kind := range []Kind{Died, Failed, Refused} {
				s.fail(kind, i, words[i%2], newOutput(r.host.options.Log, "toy"))
			}
		}
		for _, want := range []struct {
			kind Kind
			err  error
		}{{Died, words[0]}, {Failed, words[0]}, {Refused, words[0]}, {Refused, words[1]}} {
			if e := r.next(); e.Kind != want.kind || !errors.Is(e.Err, want.err) {
				t.Fatalf("round %d: told %s: %v, want %s: %v", round, e.Kind, e.Err, want.kind, want.err)
			}
		}
		s.runs(PluginEvent{Kind: Restarted})
		if e := r.next(); e.Kind != Restarted {
			t.Fatalf("round %d: told %s: %v", round, e.Kind, e.Err)
		}
	}
	r.quiet()
}

// TestFailedStartIsToldOnce, however often it is tried again.
func TestFailedStartIsToldOnce(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBackoff = 10 * time.Millisecond })
	in, err := r.host.Open(r.context(), "dies", "one", nil, Env{})
	if in == nil || err == nil {
		t.Fatalf("open: %v, %v", in, err)
	}
	r.wait(Failed)
	r.tries("dies", 5)
	r.quiet()
}

// TestCrashLoopIsNotToldForEver: after some deaths the plugin stays down for the world until
// a process lasts; then that it runs is told, and a death again.
func TestCrashLoopIsNotToldForEver(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBackoff, o.LongLife = 10*time.Millisecond, 5*time.Second })
	in := r.open("toy", "one")
	r.wait(Started)
	s := r.host.plugins["toy"]
	kill := func() {
		t.Helper()
		r.until("it was told to run, or is in a crash loop", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.telling.told) == 0 || s.telling.short >= crashLoop
		})
		pid := r.pid(in)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.until("it runs again", func() bool {
			s := r.host.Plugins()[0]
			_, err := in.Probe(r.context())
			return s.PID != 0 && s.PID != pid && err == nil
		})
	}
	for range 2 * crashLoop {
		kill()
	}
	told := map[Kind]int{}
	for {
		e := r.next()
		told[e.Kind]++
		if told[Restarted] == crashLoop { // the last one: it lasted
			break
		}
	}
	if len(told) != 2 || told[Died] != crashLoop {
		t.Errorf("told %v", told)
	}
	kill()
	r.wait(Died)
	r.wait(Restarted)
	r.quiet()
}
