package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

const (
	// ringBound is how many decision inputs may wait for a slow disk.
	ringBound = 8192
	// routineTogether is how many routine inputs are written at once: most change
	// nothing. Any other input is written with those before it at once.
	routineTogether = 16
)

var errSaverBusy = errors.New("the disk has not finished earlier states")

// ringLine is one line of the ring of decision inputs: an event, or a header's text.
type ringLine struct {
	at    time.Duration
	event failover.Event
	text  string
}

func (e *Engine) record(l ringLine) {
	if routine(l.event) {
		e.ring.lay(l, routineTogether)
		return
	}
	e.ring.put(l)
}

// routine inputs come again and again without anybody's asking.
func routine(event failover.Event) bool {
	switch event := event.(type) {
	case failover.BeatHeard, failover.PingGroup:
		return true
	case failover.ResourceState:
		return event.ID == ""
	case failover.ServiceProbe:
		return event.ID == ""
	case failover.FenceAnswer:
		return event.ID == ""
	default:
		return false
	}
}

// saveOrder is one state on its way to the disk.
type saveOrder struct{ action failover.Action }

// save hands a state to the saver, which keeps their order.
func (e *Engine) save(_ context.Context, a failover.Action) {
	select {
	case e.saves <- saveOrder{a}:
	default:
		e.deliver(failover.Persisted{ID: a.ID, Err: errSaverBusy.Error()})
	}
}

// saver writes states one after the other; each answers once it is on the disk.
func (e *Engine) saver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-e.saves:
			err := e.Journal.SaveState([]byte(s.action.State.String()))
			if err != nil {
				e.Log.WithError(err).WithField("action", s.action.ID).Error("state not saved")
			}
			e.record(ringLine{at: e.Clock.Now(), text: "# " + s.action.State.String()})
			e.post(ctx, failover.Persisted{ID: s.action.ID, Err: errText(err)})
		}
	}
}

// ringWriter keeps the decision inputs, in their order, away from the loop.
func (e *Engine) ringWriter(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			e.writeRing()
			return
		case <-e.ring.wake:
			e.writeRing()
		}
	}
}

// writeRing writes what waits; whoever reads the ring calls it first.
func (e *Engine) writeRing() {
	e.writing.Lock()
	defer e.writing.Unlock()
	for _, l := range e.ring.takeAll() {
		err := e.Journal.Input(l.String())
		if err != nil && !e.ringFails {
			e.Log.WithError(err).Warn("decision inputs not kept")
		}
		e.ringFails = err != nil
	}
}

// String is the line of a scenario file.
func (l ringLine) String() string {
	if l.event == nil {
		return l.text
	}
	return fmt.Sprintf("%v %s", l.at, l.event)
}

const (
	// scenarioBound keeps an incident small enough for any broker.
	scenarioBound = 256 << 10
	// scenarioBefore is how much of the time before a moment explains it.
	scenarioBefore = 5 * time.Second
)

// scenario is the ring since the daemon's start as a scenario file.
func (e *Engine) scenario() string {
	head, lines := e.inputs()
	return strings.Join(append(head, lines...), "\n") + "\n"
}

// scenarioAround is the part of it around a moment: all of it where that is
// small, else what came shortly before and after. The state that held then
// takes the place of the one at the daemon's start.
func (e *Engine) scenarioAround(moment time.Duration) string {
	head, lines := e.inputs()
	from, size := len(lines), 0
	for from > 0 && size < scenarioBound {
		from--
		size += len(lines[from]) + 1
	}
	if from > 0 {
		from = 0
		for i, line := range lines {
			if state, ok := strings.CutPrefix(line, "# state "); ok {
				head[1] = "state " + state
			}
			if at, ok := momentOf(line); ok && at >= moment-scenarioBefore {
				from = i
				break
			}
		}
	}
	head = append(head, standing(lines[:from])...)
	text := strings.Join(append(head, lines[from:]...), "\n") + "\n"
	if len(text) > scenarioBound {
		text = text[:strings.LastIndexByte(text[:scenarioBound], '\n')+1]
	}
	return text
}

// standing are those of the skipped lines that still tell how things are: the
// newest word of each link, resource and fence device, of the ping group and of
// the policy. Without them a replay would begin blind.
func standing(skipped []string) []string {
	newest := map[string]int{}
	for i, line := range skipped {
		word := strings.Fields(line)
		if len(word) < 3 {
			continue
		}
		switch word[1] {
		case "link", "resource", "fence":
			name := slices.IndexFunc(word, func(w string) bool {
				return strings.HasPrefix(w, "name=") || strings.HasPrefix(w, "device=")
			})
			if name > 0 {
				newest[word[1]+" "+word[name]] = i
			}
		case "ping", "policy":
			newest[word[1]] = i
		}
	}
	var out []string
	for _, i := range slices.Sorted(maps.Values(newest)) {
		out = append(out, skipped[i])
	}
	return out
}

func momentOf(line string) (time.Duration, bool) {
	word, _, _ := strings.Cut(line, " ")
	at, err := time.ParseDuration(word)
	return at, err == nil
}

// inputs are the ring's lines since the daemon's start, the three that begin a
// scenario apart. A ring that has turned over lost those: what holds now stands in
// for them, which replays all but the oldest moments.
func (e *Engine) inputs() (head, lines []string) {
	e.writeRing()
	lines, err := e.Journal.Inputs()
	if err != nil {
		e.Log.WithError(err).Warn("decision inputs not read")
	}
	for at := len(lines) - 3; at >= 0; at-- {
		if strings.HasPrefix(lines[at], "policy ") {
			return slices.Clone(lines[at : at+3]), lines[at+3:]
		}
	}
	return []string{policyOf(e.cfg.Load(), e.Node, e.lives).String(), e.Saved.String(), e.Boot.String()}, lines
}
