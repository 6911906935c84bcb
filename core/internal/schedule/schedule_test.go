package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) // a Monday

func at(mono time.Duration) Moment { return Moment{Mono: mono, Wall: epoch.Add(mono)} }

func mustSet(t testing.TB, s *Schedule, now Moment, entries ...Entry) {
	t.Helper()
	if err := s.Set(now, entries); err != nil {
		t.Fatal(err)
	}
}

func next(t testing.TB, s *Schedule) time.Duration {
	t.Helper()
	n, ok := s.Next()
	if !ok {
		t.Fatal("nothing is due, ever")
	}
	return n
}

func TestEveryKeepsItsPlace(t *testing.T) {
	s := New("s1", "alpha")
	mustSet(t, s, at(0), Entry{Name: "web", Every: 10 * time.Second})
	first := next(t, s)
	if first >= 10*time.Second {
		t.Fatalf("first run at %v", first)
	}
	for i := range 5 {
		due := first + time.Duration(i)*10*time.Second
		if got := s.Due(at(due - 1)); got != nil {
			t.Fatalf("early: %v", got)
		}
		if got := s.Due(at(due + 3*time.Millisecond)); !slices.Equal(got, []string{"web"}) {
			t.Fatalf("run %d: %v", i, got)
		}
		s.Done("web")
	}
	again := New("s1", "alpha")
	mustSet(t, again, at(time.Hour), Entry{Name: "web", Every: 10 * time.Second})
	if n := next(t, again); (n-first)%(10*time.Second) != 0 || n <= time.Hour || n > time.Hour+10*time.Second {
		t.Errorf("after a start at 1h due at %v, first was %v", n, first)
	}
}

func TestStoresSpread(t *testing.T) {
	const stores, period = 10000, 10 * time.Second
	var perSecond [10]int
	for i := range stores {
		s := New(fmt.Sprintf("s%04d", i), "alpha")
		mustSet(t, s, at(0), Entry{Name: "web", Every: period})
		perSecond[next(t, s)%period/time.Second]++
	}
	for second, n := range perSecond {
		if n < 850 || n > 1150 {
			t.Errorf("second %d has %d of %d", second, n, stores)
		}
	}
}

func TestNeverTwiceAtOnce(t *testing.T) {
	s := New("s1", "alpha")
	mustSet(t, s, at(0), Entry{Name: "slow", Every: time.Second})
	first := next(t, s)
	s.Due(at(first))
	for i := 1; i <= 3; i++ {
		if got := s.Due(at(first + time.Duration(i)*time.Second)); got != nil {
			t.Fatalf("started a second time: %v", got)
		}
	}
	s.Done("slow")
	if got := s.Due(at(first + 4*time.Second)); len(got) != 1 {
		t.Fatalf("after Done: %v", got)
	}
	if info, _ := s.Entry("slow"); info.Runs != 2 || info.Skipped != 3 {
		t.Errorf("%+v", info)
	}
}

func TestLateRunIsSkipped(t *testing.T) {
	s := New("s1", "alpha")
	mustSet(t, s, at(0), Entry{Name: "web", Every: 10 * time.Second})
	first := next(t, s)
	if got := s.Due(at(first + 36*time.Second)); got != nil {
		t.Fatalf("6 s late of 10: %v", got)
	}
	if info, _ := s.Entry("web"); info.Skipped != 4 || info.Runs != 0 || info.Next != first+40*time.Second {
		t.Errorf("%+v", info)
	}
}

func TestCron(t *testing.T) {
	s := New("s1", "alpha")
	mustSet(t, s, at(0), Entry{Name: "shop", Cron: "*/5 8-20 * * 1-6"})
	if n := next(t, s); n != 5*time.Minute {
		t.Fatalf("due at %v", n)
	}
	if got := s.Due(at(5 * time.Minute)); len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	s.Done("shop")
	if n := next(t, s); n != 10*time.Minute {
		t.Fatalf("then at %v", n)
	}
	// The wall clock is set two hours forward: 10:05 is the next mark, 5 minutes away.
	if got := s.Due(Moment{Mono: 6 * time.Minute, Wall: epoch.Add(2*time.Hour + time.Minute)}); got != nil {
		t.Fatalf("got %v", got)
	}
	if n := next(t, s); n != 10*time.Minute {
		t.Fatalf("after the clock was set at %v", n)
	}
}

// A run that summer time skips does not happen twice or drift.
func TestCronAcrossSummerTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	c, err := ParseCron("30 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	got := c.Next(time.Date(2026, 3, 28, 12, 0, 0, 0, zone))
	if want := time.Date(2026, 3, 30, 2, 30, 0, 0, zone); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSet(t *testing.T) {
	s := New("s1", "alpha")
	mustSet(t, s, at(0), Entry{Name: "a", Every: time.Second}, Entry{Name: "b", Every: time.Minute})
	first := next(t, s)
	s.Due(at(first))
	mustSet(t, s, at(first), Entry{Name: "a", Every: time.Second}, Entry{Name: "c", Cron: "0 3 * * *"})
	if info, _ := s.Entry("a"); !info.Running || info.Runs != 1 || info.Next != first+time.Second {
		t.Errorf("an unchanged entry: %+v", info)
	}
	if _, ok := s.Entry("b"); ok {
		t.Error("b is still there")
	}
	for _, bad := range [][]Entry{
		{{Name: "x"}},
		{{Name: "x", Every: 1, Cron: "* * * * *"}},
		{{Name: "x", Cron: "@daily"}},
		{{Name: "x", Every: 1}, {Name: "x", Every: 1}},
	} {
		if err := s.Set(at(first), bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if _, ok := s.Entry("c"); !ok {
		t.Error("a refused list changed something")
	}
}

// Whatever happens, a run is never begun twice at once, never early, and every period is run or counted.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New("s", "n")
		every := map[string]time.Duration{}
		var entries []Entry
		for i := range rapid.IntRange(1, 5).Draw(t, "probes") {
			e := Entry{Name: fmt.Sprint(i), Every: time.Duration(rapid.IntRange(1, 5000).Draw(t, "every")) * time.Millisecond}
			entries, every[e.Name] = append(entries, e), e.Every
		}
		if err := s.Set(at(0), entries); err != nil {
			t.Fatal(err)
		}
		now, running := time.Duration(0), map[string]bool{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 3000).Draw(t, "step")) * time.Millisecond
			for _, name := range s.Due(at(now)) {
				if running[name] {
					t.Fatalf("%s began twice at once", name)
				}
				running[name] = true
			}
			if n, ok := s.Next(); !ok || n <= now {
				t.Fatalf("next %v at %v", n, now)
			}
			for _, e := range entries {
				if running[e.Name] && rapid.Bool().Draw(t, "done") {
					s.Done(e.Name)
					delete(running, e.Name)
				}
			}
		}
		for name, period := range every {
			info, _ := s.Entry(name)
			if total := info.Runs + info.Skipped; total < uint64(now/period) || total > uint64(now/period)+1 {
				t.Fatalf("%s: %+v in %v of %v", name, info, now, period)
			}
		}
	})
}

func TestProbesBeginTogether(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 7 * time.Second, 10 * time.Second, time.Hour} {
		s := New("s0001", "alpha")
		var entries []Entry
		for i := range 200 {
			entries = append(entries, Entry{Name: fmt.Sprint(i), Every: every})
		}
		if err := s.Set(Moment{}, entries); err != nil {
			t.Fatal(err)
		}
		moments := map[time.Duration]int{}
		for _, e := range entries {
			info, _ := s.Entry(e.Name)
			if info.Next%slot(every) != 0 {
				t.Fatalf("every %v: begins at %v", every, info.Next)
			}
			moments[info.Next]++
		}
		for at, n := range moments {
			if len(moments) < places*9/10 || n > 30 {
				t.Errorf("every %v: %d moments, %d probes at %v", every, len(moments), n, at)
			}
		}
	}
}
