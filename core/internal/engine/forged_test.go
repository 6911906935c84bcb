package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/api"
)

// TestForgedPackets: however many come, and however the peer comes and goes beside them,
// little is told; a few that a disturbance brought are nothing.
func TestForgedPackets(t *testing.T) {
	for name, c := range map[string]struct {
		forged func(second int) uint64 // in that second
		heard  func(second int) bool
		want   []string
	}{
		"one every minute":         {func(s int) uint64 { return map[bool]uint64{true: 1}[s%60 == 0] }, func(int) bool { return false }, nil},
		"a wrong key":              {func(int) uint64 { return 20 }, func(int) bool { return false }, []string{"0 MAJOR"}},
		"a key that was mended":    {func(s int) uint64 { return map[bool]uint64{true: 2}[s < 100] }, func(s int) bool { return s >= 100 }, []string{"2 MAJOR", "129 CLEARED"}},
		"a stranger":               {func(int) uint64 { return 1000 }, func(int) bool { return true }, []string{"0 WARNING"}},
		"a stranger now and again": {func(s int) uint64 { return map[bool]uint64{true: 10}[s%20 == 0] }, func(int) bool { return true }, []string{"0 WARNING"}},
		"a stranger, and the peer comes and goes": {
			func(int) uint64 { return 10 }, func(s int) bool { return s < 50 || s >= 60 && s%7 != 0 && s < 200 || s > 220 },
			[]string{"0 WARNING", "50 MAJOR", "250 WARNING"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, count, got := forgery{}, uint64(0), []string(nil)
			for second := range 400 {
				count += c.forged(second)
				if f.look(time.Hour+time.Duration(second)*time.Second, forgedCalm, count, c.heard(second)) {
					got = append(got, fmt.Sprint(second, " ", strings.TrimPrefix(f.told.String(), "SEVERITY_")))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestWrongKeyIsNamed by both nodes, once, and ends with the right one.
func TestWrongKeyIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.stayOff()
		alpha := w.boot("alpha")
		w.keys["beta"] = strings.Repeat("another", 5)
		beta := w.boot("beta")
		named := func(d *fakeDaemon) (told []string) {
			d.sink.mu.Lock()
			defer d.sink.mu.Unlock()
			for _, e := range d.sink.events {
				if e.GetKind() == api.KindLinkForged {
					told = append(told, e.GetObject()+" "+e.GetSeverity().String()+" "+e.GetMessage())
				}
			}
			return told
		}
		w.until("both name it", 3*time.Second, func() bool { return len(named(alpha)) > 0 && len(named(beta)) > 0 })
		want := "link/cable SEVERITY_MAJOR What comes from beta's address on link cable is signed with another key than this node's, " +
			"and beta is not heard: compare the configurations' key on both nodes."
		if got := named(alpha)[0]; got != want {
			t.Errorf("alpha says %s", got)
		}
		w.cut("beta")
		<-beta.done
		<-time.After(2 * forgedCalm)
		if told := named(alpha); len(told) != 4 || !strings.HasPrefix(told[2], "link/cable SEVERITY_CLEARED No longer") {
			t.Errorf("alpha says\n%s", strings.Join(told, "\n"))
		}
	})
}
