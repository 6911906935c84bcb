package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// ringBound is how many decision inputs may wait for a slow disk.
const ringBound = 8192

var errSaverBusy = errors.New("the disk has not finished earlier states")

// ringLine is one line of the ring of decision inputs: an event, or a header's text.
type ringLine struct {
	at    time.Duration
	event failover.Event
	text  string
}

func (e *Engine) record(l ringLine) { e.ring.put(l) }

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
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.ring.wake:
		}
		for _, l := range e.ring.takeAll() {
			err := e.Journal.Input(l.String())
			if err != nil && !failing {
				e.Log.WithError(err).Warn("decision inputs not kept")
			}
			failing = err != nil
		}
	}
}

// String is the line of a scenario file.
func (l ringLine) String() string {
	if l.event == nil {
		return l.text
	}
	return fmt.Sprintf("%v %s", l.at, l.event)
}

// scenario is the ring since the daemon's start as a scenario file. A ring that
// has turned over lost its beginning: the policy, state and boot that hold now
// stand in for it, which replays all but the oldest moments.
func (e *Engine) scenario() string {
	lines, err := e.Journal.Inputs()
	if err != nil {
		e.Log.WithError(err).Warn("decision inputs not read")
	}
	for at := len(lines) - 1; at >= 0; at-- {
		if strings.HasPrefix(lines[at], "policy ") {
			return strings.Join(lines[at:], "\n") + "\n"
		}
	}
	head := []string{e.policyText(), e.Saved.String(), e.Boot.String()}
	return strings.Join(append(head, lines...), "\n") + "\n"
}

func (e *Engine) policyText() string {
	return policyOf(e.cfg.Load(), e.Node, e.lives).String()
}
