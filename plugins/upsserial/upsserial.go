// Package upsserial fences a node through its UPS over a serial line: APC's UPS-Link
// and Megatec's protocol. What there is to know of a protocol is data in one table
// (table.go). The output counts as off only when it was read off twice after the
// order; the package never infers a state from silence, from an order's answer or
// from an error, never waits for a line that takes nothing, and never sends a byte
// of an order that has expired.
package upsserial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/tty"
	"github.com/storeward/storeward/plugins/internal/turns"
)

// answerBound ends a conversation whose caller set no deadline.
const answerBound = 3 * time.Second

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "upsserial",
		Version:       "0.1.0",
		Summary:       "Switches a node's power through its UPS over a serial line and watches the device.",
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
			return newInstance(env.Log.WithField("device", env.Instance), config.(*Config)), nil
		},
	}
}

type instance struct {
	cfg  *Config
	d    *dialect
	baud int
	log  logrus.FieldLogger

	turns *turns.Turns // the line carries one conversation at a time

	// The rest belongs to whoever has the turn.
	line *line  // nil while the port is not open
	ours bool   // the output is off by this plugin's own order
	last looked // the newest reading, for those that waited meanwhile
}

func newInstance(log logrus.FieldLogger, c *Config) *instance {
	u := &instance{cfg: c, d: dialectNamed(c.Protocol), baud: c.Baud, log: log, turns: turns.New()}
	if u.baud == 0 {
		u.baud = u.d.baud
	}
	return u
}

// Close gives the port back.
func (u *instance) Close() error {
	done, err := u.turns.Order(context.Background())
	if err != nil {
		return err
	}
	defer done()
	return u.hangUp()
}

func (u *instance) hangUp() error {
	if u.line == nil {
		return nil
	}
	port := u.line.port
	u.line = nil
	return port.Close()
}

// pickUp opens the port where it is not open.
func (u *instance) pickUp() (*line, error) {
	if u.cfg.Device == noDevice {
		return nil, errNoLine
	}
	if u.line != nil {
		return u.line, nil
	}
	port, err := tty.Open(u.cfg.Device, u.baud)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPort, err)
	}
	u.line = &line{port: port, d: u.d, baud: u.baud, timeout: time.Duration(u.cfg.Timeout), lacks: map[string]bool{}}
	return u.line, nil
}

// converse greets the device and talks to it, again and again until it works, ctx
// ends or there is nothing to hope for. The caller has the turn.
func (u *instance) converse(ctx context.Context, expired func() bool, talk func(context.Context, *line) error) error {
	var told error // what went wrong says more than that time ran out afterwards
	for {
		err := u.tryOnce(ctx, expired, talk)
		timeUp := ctx.Err() != nil || errors.Is(err, sdk.ErrExpired)
		if told == nil || !timeUp {
			told = err
		}
		switch {
		case err == nil:
			return nil
		case timeUp, errors.Is(err, errRefused), errors.Is(err, errNoLine), !sdk.Pause(ctx, time.Duration(u.cfg.Poll)):
			return told
		}
	}
}

func (u *instance) tryOnce(ctx context.Context, expired func() bool, talk func(context.Context, *line) error) error {
	l, err := u.pickUp()
	if err != nil {
		return err
	}
	l.expired = expired
	stop := context.AfterFunc(ctx, l.interrupt)
	defer stop()
	if err = l.greet(ctx); err == nil {
		err = talk(ctx, l)
	}
	if errors.Is(err, errPort) {
		_ = u.hangUp() // it has just failed
	}
	return err
}

// read runs a conversation without an order behind it. shared, if set, is asked once
// the turn has come whether somebody else's reading is as good.
func (u *instance) read(ctx context.Context, shared func() bool, talk func(context.Context, *line) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	ctx, done, err := u.turns.Read(ctx)
	if err != nil {
		return err
	}
	defer done()
	if shared != nil && shared() {
		return nil
	}
	err = u.converse(ctx, func() bool { return ctx.Err() != nil }, talk)
	if err != nil && errors.Is(context.Cause(ctx), turns.ErrPreempted) {
		return turns.ErrPreempted
	}
	return err
}

// bound gives ctx a deadline where it has none.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, answerBound)
}

// Describe tells what answers on the line. A device whose output cannot be read is an
// error: nothing that it is ordered could be confirmed.
func (u *instance) Describe(ctx context.Context) (sdk.Device, error) {
	described := sdk.Device{OrderLife: u.d.life + 2*time.Duration(u.cfg.OffDelay)}
	err := u.read(ctx, nil, func(ctx context.Context, l *line) error {
		if _, err := l.output(ctx); err != nil {
			return err
		}
		said, err := l.ask(ctx, &u.d.model, values{}, true)
		if err != nil {
			return err
		}
		described.Kind = u.describe(said)
		return nil
	})
	if err != nil {
		return sdk.Device{}, fmt.Errorf("describe %s: %w", u.cfg.Device, err)
	}
	return described, nil
}
