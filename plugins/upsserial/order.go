package upsserial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// answerMargin is kept free at an order's end for the answer to the core.
const answerMargin = 10 * time.Millisecond

// Off switches the output off and returns once it was read off. An order that was not
// confirmed is an error, whatever the device answered.
func (u *instance) Off(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, o, "switch off", func(ctx context.Context, l *line) (sdk.Reading, error) {
		begin := sdk.Monotonic()
		now, err := l.output(ctx) // what cannot be read cannot be confirmed, and is not ordered
		if err != nil {
			return sdk.Reading{}, err
		}
		if now.power(false) == sdk.PowerOff { // a countdown may be another's by now, and is ordered over
			again, err := l.sure(ctx, false)
			switch {
			case err == nil && again.power(false) == sdk.PowerOff:
				return again.told(false, ", before the order"), nil
			case err == nil:
				now = again
			default: // once read off is not read off: it is ordered
				if err := l.greet(ctx); err != nil {
					return sdk.Reading{}, err
				}
			}
		}
		// A countdown that ran before the order is no sign of it: the order may be lost, and
		// what goes off comes back.
		ours := u.ours || !now.waits()
		now, err = u.carryOut(ctx, l, order(u.d.switchOff, time.Duration(u.cfg.OffDelay)), sdk.PowerOff, ours)
		if err != nil {
			return sdk.Reading{}, err
		}
		u.ours = true
		told := now.told(ours, "")
		told.Values["cut_seconds"] = (now.taken - begin).Seconds()
		return told, nil
	})
}

// On switches the output on and returns once it was read on. An output that is on gets
// the order all the same: a device that does not take it could not be ordered off either.
func (u *instance) On(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, o, "switch on", func(ctx context.Context, l *line) (sdk.Reading, error) {
		if _, err := l.output(ctx); err != nil { // what cannot be read cannot be confirmed, and is not ordered
			return sdk.Reading{}, err
		}
		u.ours = false // from the first byte on, whatever comes of it
		now, err := u.carryOut(ctx, l, u.d.switchOn, sdk.PowerOn, false)
		if err != nil {
			return sdk.Reading{}, err
		}
		return now.told(false, ""), nil
	})
}

// conduct obeys one order and says so.
func (u *instance) conduct(ctx context.Context, o sdk.Order, action string, talk func(context.Context, *line) (sdk.Reading, error)) (sdk.Reading, error) {
	begin := sdk.Monotonic()
	told, err := u.obey(ctx, o, talk)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("%s by %s: %w", action, u.cfg.Device, err)
	}
	u.log.WithFields(logrus.Fields{"action": action, "order": o.ID, "took": (sdk.Monotonic() - begin).String()}).Info("order confirmed")
	return told, nil
}

// obey runs an order in turn, in a conversation that ends with the order's life.
func (u *instance) obey(ctx context.Context, o sdk.Order, talk func(context.Context, *line) (sdk.Reading, error)) (told sdk.Reading, err error) {
	ctx, cancel, err := o.Within(ctx, answerMargin)
	if err != nil {
		return sdk.Reading{}, err
	}
	defer cancel()
	done, err := u.turns.Order(ctx)
	if err != nil {
		return sdk.Reading{}, err
	}
	defer done()
	expired := func() bool { return ctx.Err() != nil || o.Expired() }
	err = u.converse(ctx, expired, func(ctx context.Context, l *line) (err error) {
		told, err = talk(ctx, l)
		return err
	})
	return told, err
}

// carryOut sends an order and reads the output until it is as wanted. An order
// without an effect is repeated while there is time for it. ours says that a countdown
// beside an off can only be the order's.
func (u *instance) carryOut(ctx context.Context, l *line, steps []step, want sdk.Power, ours bool) (reading, error) {
	needs := u.needs(steps)
	for {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < needs {
			return reading{}, fmt.Errorf("%w: it takes %v and there is less left: lengthen order_life", sdk.ErrExpired, needs)
		}
		if err := l.order(ctx, steps); err != nil {
			return reading{}, err
		}
		now, err := u.await(ctx, l, want, ours)
		switch {
		case err == nil:
			return now, nil
		case ctx.Err() != nil || errors.Is(err, errPort):
			return reading{}, err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < needs { // no time for another one: it may still follow
			if now, err := u.await(ctx, l, want, ours); err == nil {
				return now, nil
			}
			return reading{}, err
		}
	}
}

// needs is how long an order takes from its first byte to its effect, without the
// reading of it.
func (u *instance) needs(steps []step) time.Duration {
	total := time.Duration(0)
	for _, s := range steps {
		total += s.after
	}
	if u.d.delays && steps[0].text != u.d.switchOn[0].text {
		total += time.Duration(u.cfg.OffDelay)
	}
	return total + refusal
}

// await reads the output until it is as wanted, or should have been for a while.
func (u *instance) await(ctx context.Context, l *line, want sdk.Power, ours bool) (reading, error) {
	by := sdk.Monotonic() + u.d.effect
	if want == sdk.PowerOff {
		by += time.Duration(u.cfg.OffDelay)
	}
	unconfirmed := errors.New("unconfirmed: the output was not read")
	for {
		now, err := l.output(ctx)
		if err == nil && now.power(ours) == want {
			now, err = l.sure(ctx, ours)
		}
		switch {
		case err == nil && now.power(ours) == want:
			return now, nil
		case err == nil:
			unconfirmed = fmt.Errorf("unconfirmed: the order was sent and %s", now)
		case ctx.Err() == nil:
			unconfirmed = fmt.Errorf("unconfirmed: the order was sent and the output could not be read: %w", err)
		}
		if errors.Is(err, errPort) || sdk.Monotonic() >= by || !sdk.Pause(ctx, time.Duration(u.cfg.Poll)) {
			return reading{}, unconfirmed
		}
		if err != nil {
			_ = l.greet(ctx) // else the next question fails
		}
	}
}
