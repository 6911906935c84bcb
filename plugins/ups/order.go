package ups

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gosnmp/gosnmp"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// answerMargin is kept free at an order's end for the answer to the core, which
// kills a plugin that has not answered at expiry.
const answerMargin = 10 * time.Millisecond

// conduct runs one order in turn, in a conversation that ends with the order's life.
func (u *instance) conduct(ctx context.Context, order sdk.Order, action string, talk func(context.Context, *client) (sdk.Reading, error)) (sdk.Reading, error) {
	left := order.Expiry - sdk.Monotonic()
	if left <= answerMargin {
		return sdk.Reading{}, fmt.Errorf("%s %s: %w", action, u.cfg.Address, errExpired)
	}
	ctx, cancel := context.WithTimeout(ctx, left-answerMargin)
	defer cancel()
	if err := u.acquire(ctx); err != nil {
		return sdk.Reading{}, err
	}
	defer u.release()
	c, err := u.dial(ctx, func() bool { return ctx.Err() != nil || sdk.Monotonic() >= order.Expiry })
	if err != nil {
		return sdk.Reading{}, err
	}
	defer c.close()
	begin := sdk.Monotonic()
	reading, err := talk(ctx, c)
	log := u.log.WithFields(logrus.Fields{"action": action, "order": order.ID, "took": (sdk.Monotonic() - begin).String()})
	if err != nil {
		return reading, fmt.Errorf("%s %s: %w", action, u.cfg.Address, err)
	}
	log.Info("order confirmed")
	return reading, nil
}

// Off switches the output off and returns once it was read off. An order that
// was not confirmed is an error, whatever the device acknowledged.
func (u *instance) Off(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, order, "switch off", func(ctx context.Context, c *client) (sdk.Reading, error) {
		return u.cut(ctx, c, order)
	})
}

func (u *instance) cut(ctx context.Context, c *client, order sdk.Order) (sdk.Reading, error) {
	before, err := u.gather(ctx, c, oidAutoRestart)
	taken := sdk.Monotonic()
	if err != nil {
		return sdk.Reading{}, err
	}
	now, readable := before.integer(oidSource)
	if !readable { // what cannot be confirmed is not ordered
		return sdk.Reading{}, fmt.Errorf("read output source of %s: the device has no upsOutputSource", c.address)
	}
	if source(now) == sourceNone {
		return u.alreadyOff(ctx, c, order, taken), nil
	}
	restartBefore, hasRestart := before.integer(oidAutoRestart)
	if hasRestart {
		if err := u.restart.remember(restartBefore); err != nil {
			u.log.WithError(err).Warn("auto-restart kept in memory only")
		}
	}
	begin := sdk.Monotonic()
	taken, notes, err := u.carryOut(ctx, c, cutObjects(order.Mark, hasRestart), sdk.PowerOff)
	if err != nil {
		return sdk.Reading{}, err
	}
	reading := sdk.Reading{
		Power: sdk.PowerOff, Taken: taken, Message: "output source reads " + sourceNone.String() + notes,
		Values: map[string]float64{"power_on": 0, "cut_seconds": (taken - begin).Seconds()},
	}
	u.restoreAfterCut(ctx, c, &reading)
	return reading, nil
}

// alreadyOff confirms an output that was off before the order. The mark is
// written all the same: the node must learn that its peer went on alone.
func (u *instance) alreadyOff(ctx context.Context, c *client, order sdk.Order, taken time.Duration) sdk.Reading {
	reading := sdk.Reading{
		Power: sdk.PowerOff, Taken: taken, Message: "output source read " + sourceNone.String() + " before the order",
		Values: map[string]float64{"power_on": 0},
	}
	if order.Mark != "" {
		if _, err := c.set(text(oidAttached, fit(order.Mark))); err != nil {
			reading.Message += "; the device holds no mark"
		}
	}
	u.restoreAfterCut(ctx, c, &reading)
	return reading
}

// restoreAfterCut never turns a confirmed cut into an error.
func (u *instance) restoreAfterCut(ctx context.Context, c *client, reading *sdk.Reading) {
	if err := u.restoreRestart(ctx, c); err != nil {
		u.log.WithError(err).Warn("auto-restart not restored")
		reading.Message += "; auto-restart is not restored yet: " + err.Error()
	}
}

// cutObjects lists what a cut sets; the last one is the order itself.
func cutObjects(mark string, hasRestart bool) []gosnmp.SnmpPDU {
	var pdus []gosnmp.SnmpPDU
	if mark != "" {
		pdus = append(pdus, text(oidAttached, fit(mark)))
	}
	pdus = append(pdus, number(oidShutdownType, shutdownOutput))
	if hasRestart {
		pdus = append(pdus, number(oidAutoRestart, autoRestartOff))
	}
	return append(pdus, number(oidShutdownDelay, 0))
}

// fit shortens a mark to what the object holds.
func fit(mark string) string {
	if len(mark) > maxMark {
		return mark[:maxMark]
	}
	return mark
}

// On switches the output on, cancels a shutdown that is due and sets
// auto-restart, and returns once the output was read on.
func (u *instance) On(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, order, "switch on", func(ctx context.Context, c *client) (sdk.Reading, error) {
		before, err := u.gather(ctx, c, oidShutdownDelay, oidAutoRestart)
		taken := sdk.Monotonic()
		if err != nil {
			return sdk.Reading{}, err
		}
		_, hasRestart := before.integer(oidAutoRestart)
		due, hasDelay := before.integer(oidShutdownDelay)
		notes := ""
		if n, _ := before.integer(oidSource); source(n).power() != sdk.PowerOn || (hasDelay && due >= 0) {
			if taken, notes, err = u.carryOut(ctx, c, onObjects(hasDelay, hasRestart), sdk.PowerOn); err != nil {
				return sdk.Reading{}, err
			}
		}
		reading := sdk.Reading{
			Power: sdk.PowerOn, Taken: taken, Message: "the output was read on" + notes,
			Values: map[string]float64{"power_on": 1},
		}
		if hasRestart {
			_ = u.restart.remember(autoRestartOn) // from here on it is to be on, whatever it was
		}
		u.restoreAfterCut(ctx, c, &reading)
		return reading, nil
	})
}

func onObjects(hasDelay, hasRestart bool) []gosnmp.SnmpPDU {
	var pdus []gosnmp.SnmpPDU
	if hasDelay {
		pdus = append(pdus, number(oidShutdownDelay, -1))
	}
	if hasRestart {
		pdus = append(pdus, number(oidAutoRestart, autoRestartOn))
	}
	return append(pdus, number(oidStartupDelay, 0))
}

// carryOut sends an order and reads the output until it is as wanted. An order
// without an answer may have arrived: the output is read before it is repeated.
func (u *instance) carryOut(ctx context.Context, c *client, pdus []gosnmp.SnmpPDU, want sdk.Power) (taken time.Duration, notes string, err error) {
	begin, acknowledged := sdk.Monotonic(), false
	var sent, asked error
	seen := sourceUnread
	for {
		if !acknowledged {
			if notes, sent = command(c, pdus); errors.Is(sent, errRefused) || errors.Is(sent, errExpired) {
				return 0, "", sent
			}
			acknowledged = sent == nil
		}
		var now source
		now, taken, asked = c.source()
		if asked == nil {
			if now.power() == want {
				return taken, notes, nil
			}
			seen = now
		}
		if !pause(ctx, u.pollEvery(sdk.Monotonic()-begin)) {
			return 0, "", unconfirmed(acknowledged, seen, sent, asked)
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
func unconfirmed(acknowledged bool, seen source, sent, asked error) error {
	switch {
	case acknowledged && seen != sourceUnread:
		return fmt.Errorf("unconfirmed: the device acknowledged the order and its output still reads %v", seen)
	case acknowledged:
		return fmt.Errorf("unconfirmed: the device acknowledged the order and its output could not be read: %w", asked)
	case seen != sourceUnread:
		return fmt.Errorf("unconfirmed: the order had no answer and the output reads %v: %w", seen, sent)
	}
	return fmt.Errorf("unconfirmed: %w", sent)
}

// command sends everything in one packet. A device that refuses the packet
// gets one packet each: only the last object is the order, the others are noted.
func command(c *client, pdus []gosnmp.SnmpPDU) (notes string, err error) {
	_, err = c.set(pdus...)
	if !errors.Is(err, errRefused) {
		return "", err
	}
	last := len(pdus) - 1
	for _, pdu := range pdus[:last] {
		_, err := c.set(pdu)
		if err != nil && !errors.Is(err, errRefused) {
			return "", err
		}
		if err != nil {
			notes += "; the device refused " + objectName(pdu.Name)
		}
	}
	_, err = c.set(pdus[last])
	return notes, err
}

func objectName(oid string) string {
	switch oid {
	case oidAttached:
		return "the mark (upsIdentAttachedDevices)"
	case oidShutdownType:
		return "upsShutdownType"
	case oidAutoRestart:
		return "upsAutoRestart"
	case oidShutdownDelay:
		return "upsShutdownAfterDelay"
	}
	return oid
}
