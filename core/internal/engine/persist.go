package engine

import (
	"context"
	"errors"

	"github.com/storeward/storeward/core/internal/failover"
)

var errSaverBusy = errors.New("the disk has not finished earlier states")

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
	held := false
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-e.saves:
			err := e.Journal.SaveState([]byte(s.action.State.String()))
			if err != nil {
				e.Log.WithError(err).WithField("action", s.action.ID).Error("state not saved")
			}
			e.ring.put(ringLine{text: "# " + s.action.State.String()})
			e.post(ctx, failover.Persisted{ID: s.action.ID, Err: errText(err)})
			if err == nil && !held {
				held = e.keepHeld()
			}
		}
	}
}
