package ups

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// sleepLeast is how long the output is off at least: mains that come back while it
// is about to go off must not leave it off, and a machine must notice.
const sleepLeast = 30 * time.Second

// Sleep has the output go off later and come back with mains: auto-restart brings it
// where mains come back after the off (RFC 1628, upsAutoRestart), the delayed start
// where they came back before it. Where they are still away when that delay ends, a
// UPS waits for them, or starts on its battery and is put to sleep again.
func (u *instance) Sleep(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	return u.conduct(ctx, order, "put to sleep", func(ctx context.Context, c *client) (sdk.Reading, error) {
		d, before, now, err := u.begin(ctx, c)
		if err != nil {
			return sdk.Reading{}, err
		}
		_, restarts := d.restartIn(before)
		switch {
		case d.sleep == nil || !restarts:
			return sdk.Reading{}, fmt.Errorf("kind %s cannot switch off later and on again with mains", d.word)
		case !now.are(sdk.PowerOn):
			return sdk.Reading{}, errors.New(now.String())
		}
		seconds := int((order.After + time.Second - 1) / time.Second)
		writes := present(d.sleeping(seconds), before)
		notes := ""
		err = u.retry(ctx, c, func() (err error) {
			notes, err = c.command(d, writes)
			return err
		})
		if err != nil {
			return sdk.Reading{}, err
		}
		return u.readSleep(ctx, c, seconds, notes)
	})
}

// sleeping makes the packet of a sleep in so many seconds. Auto-restart is no side
// matter here: without it the output could stay off.
func (d *device) sleeping(seconds int) []write {
	return d.writes(append(d.sleep.with[:len(d.sleep.with):len(d.sleep.with)],
		setting{oid: d.restart.oid, value: d.restart.on},
		setting{oid: d.sleep.on, value: seconds + int(sleepLeast/time.Second), side: true},
		setting{oid: d.sleep.off, value: seconds},
	), d.outlets)
}

// readSleep reads that the output is about to go off in the time that was ordered, and
// to come back. A countdown of 0 is what many a card reads while nothing is pending.
func (u *instance) readSleep(ctx context.Context, c *client, seconds int, notes string) (sdk.Reading, error) {
	d, after, now, err := u.begin(ctx, c)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("unconfirmed: %w", err)
	}
	restart, _ := d.restartIn(after)
	count, counts := after.integer(d.sleep.off)
	switch {
	case !counts || count < 1:
		return sdk.Reading{}, fmt.Errorf("unconfirmed: the device acknowledged the order and is not about to switch off: %s", now)
	case count > seconds:
		return sdk.Reading{}, fmt.Errorf("unconfirmed: the device was ordered to switch off in %d s and counts down from %d s", seconds, count)
	case restart != d.restart.on:
		return sdk.Reading{}, fmt.Errorf("unconfirmed: auto-restart reads %d after it was set to %d", restart, d.restart.on)
	}
	u.restart.forget() // it is what an earlier cut was to restore
	return sdk.Reading{Power: now.power(), Taken: now.taken, Message: now.String() + ", about to switch off until mains are back" + notes}, nil
}
