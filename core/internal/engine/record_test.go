package engine

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
)

// told matches the orders that a replay always shows: the others repeat themselves.
var told = regexp.MustCompile(`^(start|stop|restart|promote|demote|fence-(off|on|test))-`)

// ordered are the orders that a daemon really began.
func (d *fakeDaemon) ordered() (out []string) {
	for _, entry := range d.said.AllEntries() {
		if action, _ := entry.Data["action"].(string); entry.Message == "action begins" && told.MatchString(action) {
			out = append(out, strings.TrimSpace(action))
		}
	}
	return out
}

// replayed are the orders of a replay, which must be what the node did.
func replayed(t *testing.T, what, text string) (out []string) {
	t.Helper()
	got, err := failover.RunScenario(strings.NewReader(text))
	if err != nil {
		t.Errorf("replay of %s: %v", what, err)
	}
	for line := range strings.Lines(got) {
		mark, action, _ := strings.Cut(line, " do ")
		if strings.HasPrefix(mark, "  | ") && told.MatchString(action) {
			out = append(out, strings.TrimSpace(action))
		}
	}
	return out
}

// lived is a pair that went through a switchover, a drill, a new policy, a late
// decision on each node and a fenced failover.
func lived(t *testing.T) (*world, []*fakeDaemon) {
	w := newWorld(t)
	all := []*fakeDaemon{w.boot("alpha"), w.boot("beta")}
	w.whole("alpha")
	command := func(node, name string) {
		t.Helper()
		if _, err := w.at(node).engine.Command(context.Background(), control.Command{Name: name, Operator: "kim"}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	command("alpha", "switchover")
	w.whole("beta")
	<-time.After(7 * time.Second)
	all[0].dog.nap.Store(int64(120 * time.Millisecond))
	<-time.After(7 * time.Second)
	command("beta", "drill")
	w.whole("alpha")
	<-time.After(7 * time.Second)
	e := all[1].engine
	e.reviewing.Lock()
	e.changePolicy(context.Background(), e.cfg.Load())
	e.reviewing.Unlock()
	all[1].dog.nap.Store(int64(130 * time.Millisecond))
	<-time.After(7 * time.Second)
	w.cut("alpha")
	w.until("beta serves", 5*time.Second, func() bool { return w.at("beta").engine.viewOf().Role == beat.Active && w.runs("beta", "db") })
	w.whole("beta")
	<-time.After(7 * time.Second)
	return w, append(all, w.at("alpha"))
}

// TestRecordIsReplayedExactly: whatever happened, the replay of a node's record gives
// the node's own orders, and comes by its own machine each few seconds.
func TestRecordIsReplayedExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := lived(t)
		w.close()
		for i, d := range all {
			<-d.done
			want := d.ordered()
			if len(want) == 0 {
				t.Errorf("daemon %d ordered nothing", i)
			}
			if diff := cmp.Diff(want, replayed(t, d.engine.Node, d.engine.scenario())); diff != "" {
				t.Errorf("daemon %d, of %s: %s", i, d.engine.Node, diff)
			}
		}
		if record := all[0].engine.scenario(); strings.Count(record, " machine {") < 5 || !strings.Contains(record, "\n+ ") || !strings.Contains(record, " tick\n") {
			t.Errorf("%d images, %d further facts, %d wakes", strings.Count(record, " machine {"), strings.Count(record, "\n+ "), strings.Count(record, " tick\n"))
		}
	})
}

// TestAnyPartOfTheRecordIsReplayedExactly: a record that begins with an image goes on as the node did.
func TestAnyPartOfTheRecordIsReplayedExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := lived(t)
		w.close()
		incidents := 0
		for _, d := range all {
			<-d.done
			want, lines := d.ordered(), d.engine.inputs()
			for i, line := range lines {
				if !isImage(line) {
					continue
				}
				got := replayed(t, "a part", text(lines[i:], 0))
				if diff := cmp.Diff(strings.Join(want[max(0, len(want)-len(got)):], "\n"), strings.Join(got, "\n")); diff != "" {
					t.Errorf("%s from %.20s: %s", d.engine.Node, line, diff)
				}
			}
			for _, incident := range d.sink.all() {
				incidents++
				if n := len(incident.GetScenario()); n > scenarioBound {
					t.Errorf("%q: %d bytes", incident.GetTitle(), n)
				}
				if got := replayed(t, incident.GetTitle(), incident.GetScenario()); len(got) == 0 {
					t.Errorf("the replay of %q orders nothing", incident.GetTitle())
				} else if !strings.Contains(strings.Join(want, "\n"), strings.Join(got, "\n")) {
					t.Errorf("%q: the replay orders\n%s\nthe node ordered\n%s", incident.GetTitle(), strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
		if incidents < 3 {
			t.Errorf("%d incidents", incidents)
		}
	})
}

// TestADamagedRecordIsNotBelieved: without one of its lines a record is another story;
// the replay says where, shows nothing of it, and finds back to the node's.
func TestADamagedRecordIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := lived(t)
		w.close()
		<-all[1].done
		lines := all[1].engine.inputs()
		whole, err := failover.RunScenario(strings.NewReader(text(lines, 0)))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, " done id=start-") })
		got, err := failover.RunScenario(strings.NewReader(text(slices.Delete(lines, i, i+1), 0)))
		if !errors.Is(err, failover.ErrDiverged) || !strings.Contains(err.Error(), "line ") {
			t.Fatalf("error %v", err)
		}
		shown := map[string]bool{}
		for line := range strings.Lines(whole) {
			shown[line] = true
		}
		said := 0
		_, after, _ := strings.Cut(got, "not shown\n")
		for line := range strings.Lines(after) {
			switch {
			case strings.Contains(line, "goes on with the node's own machine"):
				said++
			case !shown[line] && !strings.Contains(line, " why: "): // the first reasons after an image are news to it
				t.Errorf("the node did not say %q", line)
			}
		}
		if said != 1 {
			t.Errorf("it found back %d times", said)
		}
	})
}

// tapOf is an engine that only keeps a record.
func tapOf(j Journal) *Engine {
	return &Engine{Options: Options{Journal: j}, ring: newQueue[ringLine](ringBound), paper: newQueue[func()](paperBound)}
}

func TestScenarioIsCutAroundTheMoment(t *testing.T) {
	j := &fakeJournal{lines: []string{"policy cluster=s0001", "state gen=1", "boot inc=1", "0s started"}}
	for i := range 20000 {
		at := (time.Duration(i) * 100 * time.Millisecond).String()
		j.lines = append(j.lines, at+" tick                  ", "+ tick")
		if i%50 == 0 {
			j.lines = append(j.lines, at+" machine {}")
		}
	}
	got := tapOf(j).scenarioAround(1000*time.Second, 1000*time.Second)
	if len(got) > scenarioBound {
		t.Errorf("%d bytes", len(got))
	}
	if !strings.HasPrefix(got, fromImage+"\n16m35s machine {}\n16m35.1s tick") {
		t.Errorf("begins %.150q", got)
	}
	if !strings.Contains(got, "\n16m40s tick") {
		t.Error("the moment itself is missing")
	}
	if !strings.HasSuffix(got, "\n+ tick\n"+goesOn+"\n") {
		t.Errorf("ends %q", got[len(got)-80:])
	}
}

// TestScenarioOfWhatBeganLongAgo: what ended an outage is what a reader wants.
func TestScenarioOfWhatBeganLongAgo(t *testing.T) {
	j := &fakeJournal{lines: []string{"policy cluster=s0001", "state gen=1", "boot inc=1", "0s started"}}
	for i := range 20000 {
		at := (time.Duration(i) * 100 * time.Millisecond).String()
		if i%50 == 0 {
			j.lines = append(j.lines, at+" machine {}")
		}
		j.lines = append(j.lines, at+" tick                  ", "+ tick")
	}
	for began, from := range map[time.Duration]string{1000*time.Second - time.Hour: "11m5s", 300 * time.Second: "11m5s", 900 * time.Second: "14m55s"} {
		got := tapOf(j).scenarioAround(began, 1000*time.Second)
		if !strings.HasPrefix(got, fromImage+"\n"+from+" machine {}\n") || !strings.Contains(got, "\n16m40s tick") || !strings.Contains(got, "\n18m20s tick") {
			t.Errorf("of what began at %v: begins %.150q, ends %q", began, got, got[len(got)-90:])
		}
	}
}

func TestABusyRecordBeginsLater(t *testing.T) {
	j := &fakeJournal{lines: []string{"policy cluster=s0001", "state gen=1", "boot inc=1", "0s started"}}
	for i := range 20 {
		at := (time.Duration(i) * time.Second).String()
		j.lines = append(j.lines, at+" machine {}", at+" tick"+strings.Repeat(" ", scenarioBound/7))
	}
	if got := tapOf(j).scenarioAround(10*time.Second, 10*time.Second); !strings.HasPrefix(got, fromImage+"\n8s machine {}\n") || !strings.Contains(got, "\n10s tick") {
		t.Errorf("begins %.150q", got)
	}
}

// fullJournal takes nothing while it is full.
type fullJournal struct {
	fakeJournal
	full bool
}

func (j *fullJournal) Input(line string) error {
	if j.full {
		return errors.New("disk full")
	}
	return j.fakeJournal.Input(line)
}

// TestWhatIsNotKeptIsTold: lines that the disk or the queue did not take are told in their place.
func TestWhatIsNotKeptIsTold(t *testing.T) {
	j := &fullJournal{}
	e := tapOf(j)
	tick := []fact{{event: failover.Tick{}}, {event: failover.Tick{}}}
	e.recordStep(1, tick)
	e.writeRing()
	j.full = true
	e.Log, _ = test.NewNullLogger()
	e.recordStep(2, tick)
	e.writeRing()
	j.full = false
	for range ringBound/2 + 1 {
		e.recordStep(3, tick)
	}
	e.writeRing()
	if got := strings.Join(j.lines[:4], "|"); got != "1ns tick|+ tick|lost 4|3ns tick" {
		t.Errorf("kept %s", got)
	}
	if text := e.scenario(); !strings.HasPrefix(text, fromWhere) {
		t.Errorf("says %.100q", text)
	}
}

func TestRoutineIsWrittenTogetherAndBeforeAnythingElse(t *testing.T) {
	j := &fakeJournal{lines: []string{"policy cluster=s0001", "state gen=1", "boot inc=1", "0s started"}}
	e := tapOf(j)
	woken := func() bool {
		select {
		case <-e.ring.wake:
			return true
		default:
			return false
		}
	}
	heard := func(link string) []fact { return []fact{{event: failover.BeatHeard{Link: link}}} }
	for i := range routineTogether {
		if woken() {
			t.Fatalf("the writer is woken for %d routine inputs", i)
		}
		e.recordStep(0, heard("lan"))
	}
	if !woken() {
		t.Fatalf("the writer sleeps on %d routine inputs", routineTogether)
	}
	e.writeRing()
	e.recordStep(0, append(heard("cable"), fact{event: failover.SignOfLife{Link: "lan"}}))
	if !woken() {
		t.Fatal("the writer sleeps on something that is no routine")
	}
	lines := strings.Split(strings.TrimSpace(e.scenario()), "\n")
	last := lines[max(0, len(lines)-2):]
	if len(lines) != 4+routineTogether+2 || !strings.Contains(last[0], "cable") || strings.Contains(last[1], "cable") {
		t.Errorf("%d lines, ending %q", len(lines), last)
	}
}
