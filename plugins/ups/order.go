package ups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gosnmp/gosnmp"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

const (
	// answerMargin is kept free at an order's end for the answer to the core.
	answerMargin = 10 * time.Millisecond
	// denialPause spares a device that denies.
	denialPause = 100 * time.Millisecond
)

// errInsecure refuses orders that anybody could send.
var errInsecure = errors.New("orders with noAuthNoPriv are refused, because anybody on the network could send them: use authPriv, or allow them with insecure_orders")

// conduct obeys one order and says so.
func (u *instance) conduct(ctx context.Context, order sdk.Order, action string, talk func(context.Context, *client) (sdk.Reading, error)) (sdk.Reading, error) {
	begin := sdk.Monotonic()
	reading, err := u.obey(ctx, order, talk)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("%s %s: %w", action, u.cfg.Address, err)
	}
	u.log.WithFields(logrus.Fields{"action": action, "order": order.ID, "took": (sdk.Monotonic() - begin).String()}).Info("order confirmed")
	return reading, nil
}

// obey runs an order in turn, in a conversation that ends with the order's life.
func (u *instance) obey(ctx context.Context, order sdk.Order, talk func(context.Context, *client) (sdk.Reading, error)) (sdk.Reading, error) {
	if err := u.mayOrder(); err != nil {
		return sdk.Reading{}, err
	}
	ctx, cancel, err := order.Within(ctx, answerMargin)
	if err != nil {
		return sdk.Reading{}, err
	}
	defer cancel()
	if err := u.acquire(ctx); err != nil {
		return sdk.Reading{}, err
	}
	defer u.release()
	c, err := u.dial(ctx, func() bool { return ctx.Err() != nil || order.Expired() })
	if err != nil {
		return sdk.Reading{}, err
	}
	defer c.close()
	c.order = true
	return talk(ctx, c)
}

func (u *instance) mayOrder() error {
	if u.user != nil && u.user.level == gosnmp.NoAuthNoPriv && !u.cfg.InsecureOrders {
		return errInsecure
	}
	return nil
}

// Off switches the outputs off and returns once all were read off. An order that
// was not confirmed is an error, whatever the device acknowledged.
func (u *instance) Off(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, order, "switch off", func(ctx context.Context, c *client) (sdk.Reading, error) {
		return u.cut(ctx, c, order)
	})
}

func (u *instance) cut(ctx context.Context, c *client, order sdk.Order) (sdk.Reading, error) {
	d, before, now, err := u.begin(ctx, c)
	if err != nil {
		return sdk.Reading{}, err
	}
	if now.power() == sdk.PowerOff {
		return u.alreadyOff(ctx, c, order, before, now), nil
	}
	begin := sdk.Monotonic()
	after, notes, err := u.switchOff(ctx, c, order, before, now)
	if err != nil {
		return sdk.Reading{}, err
	}
	reading := sdk.Reading{
		Power: sdk.PowerOff, Taken: after.taken, Message: after.String() + notes,
		Values: map[string]float64{"power_on": 0, "cut_seconds": (after.taken - begin).Seconds()},
	}
	u.restoreAfterCut(ctx, c, d, &reading)
	return reading, nil
}

// begin reads what an order must know: the outputs, and what the order will
// write. What cannot be read cannot be confirmed, and is not ordered.
func (u *instance) begin(ctx context.Context, c *client) (*device, values, outputs, error) {
	return u.gather(ctx, c, u.touched)
}

// touched are the objects beside the outputs that an order reads or writes.
func (u *instance) touched(d *device) []string {
	list := slices.Concat(d.objects(d.mark.oid, d.outlets), d.objects(d.due.oid, d.outlets))
	if d.restart != nil {
		list = append(list, d.restart.oid)
	}
	if d.timed != nil && u.cfg.TimedOff > 0 {
		list = append(list, d.objects(d.timed.length, d.outlets)...)
	}
	if d.sleep != nil {
		list = append(list, d.sleep.on, d.sleep.off)
	}
	for _, s := range slices.Concat(d.off, d.on) {
		if s.side {
			list = append(list, d.objects(s.oid, d.outlets)...)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// present drops what the order is good without and the device does not have.
func present(writes []write, before values) []write {
	return slices.DeleteFunc(writes, func(w write) bool {
		_, held := before[w.pdu.Name]
		return w.side && !held
	})
}

// switchOff carries out an off: with an end where that is wanted and the device takes
// it, else without.
func (u *instance) switchOff(ctx context.Context, c *client, order sdk.Order, before values, now outputs) (after outputs, notes string, err error) {
	var said string
	d := now.d
	notes = c.abort(now)
	if d.timed != nil && u.cfg.TimedOff > 0 {
		after, said, err = u.timedOff(ctx, c, order, before, now)
		if !errors.Is(err, errRefused) {
			return after, notes + said, err
		}
		notes += "; the device refused an off with an end: this one has none"
		if now, err := c.outputs(d, false); err == nil { // it may have taken a part, which must not end either
			notes += c.abort(now)
		}
	}
	after, said, err = u.carryOut(ctx, c, now, u.plainOff(d, order, before), sdk.PowerOff, false)
	return after, notes + said, err
}

// timedOff sets how long the off lasts, where it is not set yet, and orders it.
func (u *instance) timedOff(ctx context.Context, c *client, order sdk.Order, before values, now outputs) (outputs, string, error) {
	d := now.d
	length := setting{oid: d.timed.length, value: d.timed.seconds(time.Duration(u.cfg.TimedOff))}
	start := length // where writing the length starts it
	if d.timed.order != nil {
		start = *d.timed.order
	}
	var unset []gosnmp.SnmpPDU
	for _, w := range d.writes([]setting{length}, d.outlets) {
		was, held := before.integer(w.pdu.Name)
		switch {
		case !held:
			return outputs{}, "", fmt.Errorf("%w: the device has no %s", errRefused, w.pdu.Name)
		case was != length.value && start != length:
			unset = append(unset, w.pdu)
		}
	}
	if len(unset) > 0 {
		err := u.retry(ctx, c, func() error {
			_, err := c.set(unset...)
			return err
		})
		if err != nil {
			return outputs{}, "", err
		}
	}
	writes := append(d.marking(order, before), present(d.writes(d.sides(), d.outlets), before)...)
	return u.carryOut(ctx, c, now, append(writes, d.writes([]setting{start}, d.outlets)...), sdk.PowerOff, true)
}

// sides are what an off sets beside its order: an off with an end needs them too, or
// the device may go off together with its card, and nobody reads that it did.
func (k *kind) sides() []setting {
	return slices.DeleteFunc(slices.Clone(k.off), func(s setting) bool { return !s.side })
}

// plainOff makes the packet of an off without an end: no auto-restart meanwhile.
func (u *instance) plainOff(d *device, order sdk.Order, before values) []write {
	writes := d.marking(order, before)
	if was, has := d.restartIn(before); has {
		if err := u.restart.remember(was, d.restart); err != nil {
			u.log.WithError(err).Warn("auto-restart kept in memory only")
		}
		writes = append(writes, write{number(d.restart.oid, d.restart.off), true})
	}
	return present(append(writes, d.writes(d.off, d.outlets)...), before)
}

// marking writes the order's mark where the device holds a text.
func (d *device) marking(order sdk.Order, before values) []write {
	if _, held := before[d.mark.oid]; !held || order.Mark == "" {
		return nil
	}
	return []write{{text(d.mark.oid, order.Mark[:min(len(order.Mark), d.mark.size)]), true}}
}

// abort ends a command that waits: it must not undo the order.
func (c *client) abort(now outputs) (notes string) {
	writes := now.d.writes(now.d.abort, now.d.outlets)
	if !now.pending() || len(writes) == 0 {
		return ""
	}
	for i := range writes {
		writes[i].side = true
	}
	notes, err := c.command(now.d, writes)
	if err != nil {
		notes += "; a pending command could not be aborted"
	}
	return notes
}

// alreadyOff confirms outputs that were off before the order. The mark is
// written all the same: the node must learn that its peer went on alone.
func (u *instance) alreadyOff(ctx context.Context, c *client, order sdk.Order, before values, now outputs) sdk.Reading {
	reading := sdk.Reading{
		Power: sdk.PowerOff, Taken: now.taken, Message: now.String() + ", before the order",
		Values: map[string]float64{"power_on": 0},
	}
	for _, w := range now.d.marking(order, before) {
		if _, err := c.set(w.pdu); err != nil {
			reading.Message += "; the device holds no mark"
		}
	}
	u.restoreAfterCut(ctx, c, now.d, &reading)
	return reading
}

// restoreAfterCut never turns a confirmed cut into an error.
func (u *instance) restoreAfterCut(ctx context.Context, c *client, d *device, reading *sdk.Reading) {
	if err := u.restoreRestart(ctx, c, d); err != nil {
		u.log.WithError(err).Warn("auto-restart not restored")
		reading.Message += "; auto-restart is not restored yet: " + err.Error()
	}
}

// On switches the outputs on, cancels what would switch them off and sets
// auto-restart, and returns once all were read on and none is about to go off. Outputs that are on get the order
// all the same: a device that does not take it could not be ordered off either.
func (u *instance) On(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, order, "switch on", func(ctx context.Context, c *client) (sdk.Reading, error) {
		d, before, now, err := u.begin(ctx, c)
		if err != nil {
			return sdk.Reading{}, err
		}
		notes := c.abort(now)
		after, said, err := u.carryOut(ctx, c, now, d.switchingOn(before), sdk.PowerOn, false)
		if err == nil && d.isDue(before) {
			err = u.staysOn(ctx, c, d, before)
		}
		if err != nil {
			return sdk.Reading{}, err
		}
		reading := sdk.Reading{
			Power: sdk.PowerOn, Taken: after.taken, Message: after.String() + notes + said,
			Values: map[string]float64{"power_on": 1},
		}
		if _, has := d.restartIn(before); has {
			_ = u.restart.remember(d.restart.on, d.restart) // from here on it is to be on, whatever it was
		}
		u.restoreAfterCut(ctx, c, d, &reading)
		return reading, nil
	})
}

// staysOn waits until the device does not count down to an off any more: an order to
// end that may be refused.
func (u *instance) staysOn(ctx context.Context, c *client, d *device, before values) error {
	begin := sdk.Monotonic()
	counts := slices.DeleteFunc(d.objects(d.due.oid, d.outlets), func(oid string) bool { _, held := before[oid]; return !held })
	var seen error
	for {
		v, err := u.read(ctx, c, counts...)
		switch {
		case err != nil && seen != nil:
			return seen
		case err != nil:
			return fmt.Errorf("unconfirmed: whether the device is still about to switch off could not be read: %w", err)
		case !d.isDue(v):
			return nil
		}
		seen = errors.New("unconfirmed: the output is on and the device is still about to switch off")
		if !sdk.Pause(ctx, u.pollEvery(sdk.Monotonic()-begin)) {
			return seen
		}
	}
}

func (d *device) switchingOn(before values) []write {
	writes := d.writes(d.on, d.outlets)
	if _, has := d.restartIn(before); has {
		writes = append(writes, write{number(d.restart.oid, d.restart.on), true})
	}
	return present(writes, before)
}

// restartIn reads auto-restart, where the device has it.
func (d *device) restartIn(v values) (int, bool) {
	if d.restart == nil {
		return 0, false
	}
	return v.integer(d.restart.oid)
}

// isDue tells whether the device is about to switch off.
func (d *device) isDue(v values) bool {
	return slices.ContainsFunc(d.objects(d.due.oid, d.outlets), func(oid string) bool {
		n, ok := v.integer(oid)
		return ok && d.due.waits(n)
	})
}

// carryOut sends an order and reads the outputs until they are as wanted. An
// order without an answer may have arrived: the outputs are read before it is
// repeated. Where they were as wanted before, only an answer proves that the device
// takes orders: many drop without a word what a community has no right to.
func (u *instance) carryOut(ctx context.Context, c *client, before outputs, writes []write, want sdk.Power, ends bool) (now outputs, notes string, err error) {
	d, begin, acknowledged := before.d, sdk.Monotonic(), false
	var sent, asked error
	seen := ""
	for {
		if !acknowledged {
			if notes, sent = c.command(d, writes); errors.Is(sent, errRefused) || errors.Is(sent, sdk.ErrExpired) {
				return outputs{}, "", sent
			}
			acknowledged = sent == nil
		}
		if now, asked = c.outputs(d, ends); asked == nil {
			if now.are(want) && (acknowledged || !before.are(want)) {
				return now, notes, nil
			}
			seen = now.String()
		}
		every := u.pollEvery(sdk.Monotonic() - begin)
		if errors.Is(sent, errDenied) || errors.Is(asked, errDenied) {
			every = max(every, denialPause)
		}
		if !sdk.Pause(ctx, every) {
			return outputs{}, "", unconfirmed(acknowledged, seen, sent, asked)
		}
	}
}

// pollEvery asks quickly at first and spares a slow agent later.
func (u *instance) pollEvery(since time.Duration) time.Duration {
	if since > time.Second {
		return 5 * time.Duration(u.cfg.Poll)
	}
	return time.Duration(u.cfg.Poll)
}

// unconfirmed says what is known of an order that ran out of time.
func unconfirmed(acknowledged bool, seen string, sent, asked error) error {
	switch {
	case acknowledged && seen != "":
		return fmt.Errorf("unconfirmed: the device acknowledged the order and still %s", seen)
	case acknowledged:
		return fmt.Errorf("unconfirmed: the device acknowledged the order and its output could not be read: %w", asked)
	case seen != "":
		return fmt.Errorf("unconfirmed: the order had no answer and %s: %w", seen, sent)
	}
	return fmt.Errorf("unconfirmed: %w", sent)
}

// command sends everything in one packet. A device that refuses the packet gets
// one packet each; what the order is good without is noted.
func (c *client) command(d *device, writes []write) (notes string, err error) {
	pdus := make([]gosnmp.SnmpPDU, len(writes))
	for i, w := range writes {
		pdus[i] = w.pdu
	}
	if _, err = c.set(pdus...); !errors.Is(err, errRefused) {
		return "", err
	}
	for _, w := range writes {
		switch _, err = c.set(w.pdu); {
		case err == nil:
		case w.side && errors.Is(err, errRefused):
			notes += "; the device refused " + d.call(w.pdu.Name)
		default:
			return "", err
		}
	}
	return notes, nil
}

// call is what people call an object.
func (d *device) call(oid string) string {
	switch {
	case oid == d.mark.oid:
		return "the mark"
	case d.restart != nil && oid == d.restart.oid:
		return "auto-restart"
	}
	return oid
}
