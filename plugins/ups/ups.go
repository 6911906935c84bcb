// Package ups fences a node through its power supply, over SNMP: a UPS, or the
// outlets of a power distribution unit. What there is to know of a make of device
// is data in one table (table.go). An output counts as off only when it was read
// off after the order; the package never infers a state from silence, from an
// acknowledgement or from an error, never guesses what a device is, and never
// sends a packet of an order that has expired.
package ups

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// answerBound ends a conversation whose caller set no deadline.
const answerBound = 2 * time.Second

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "ups",
		Version:       "0.1.0",
		Summary:       "Switches a node's power through its UPS or PDU over SNMP and watches the device.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg       *Config
	community string
	user      *user // nil before version 3
	outlets   []outlet
	log       logrus.FieldLogger
	restart   restart
	// ordering holds one token: orders and the repair of auto-restart take turns.
	ordering chan struct{}

	mu     sync.Mutex
	device *device // nil until it was identified
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open ups %s: configuration is a %T", env.Instance, config)
	}
	u := &instance{
		cfg:      cfg,
		log:      env.Log.WithField("device", env.Instance),
		restart:  restart{dir: env.StateDir},
		ordering: make(chan struct{}, 1),
	}
	for _, text := range cfg.Outlets {
		o, err := parseOutlet(text)
		if err != nil {
			return nil, fmt.Errorf("read outlets: %w", err)
		}
		u.outlets = append(u.outlets, o)
	}
	var err error
	if versions[cfg.Version] == gosnmp.Version3 {
		if u.user, err = newUser(cfg); err != nil {
			return nil, err
		}
		return u, nil
	}
	if u.community, err = cfg.Community.Reveal(); err != nil {
		return nil, fmt.Errorf("read community: %w", err)
	}
	return u, nil
}

var _ sdk.Sleeper = (*instance)(nil)

// Close has nothing to release: every conversation owns its socket.
func (u *instance) Close() error { return nil }

// bound gives ctx a deadline where it has none.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, answerBound)
}

// converse runs one conversation without an order behind it.
func (u *instance) converse(ctx context.Context, talk func(context.Context, *client) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	c, err := u.dial(ctx, func() bool { return ctx.Err() != nil })
	if err != nil {
		return err
	}
	defer c.close()
	return talk(ctx, c)
}

// retry repeats a question that found no answer until ctx ends. A refusal is an
// answer, and a denial is one too where no order depends on it.
func (u *instance) retry(ctx context.Context, c *client, once func() error) error {
	var told error // a denial explains more than the silence, or the end, after it
	for {
		err := once()
		every := time.Duration(u.cfg.Poll)
		switch {
		case errors.Is(err, sdk.ErrExpired) && told != nil:
			return fmt.Errorf("%w: %w", err, told)
		case err == nil, errors.Is(err, errRefused), errors.Is(err, sdk.ErrExpired), errors.Is(err, errDenied) && !c.order:
			return err
		case errors.Is(err, errDenied):
			every = max(every, denialPause)
		}
		if !errors.Is(told, errDenied) || errors.Is(err, errDenied) {
			told = err
		}
		if !sdk.Pause(ctx, every) {
			return told
		}
	}
}

// Describe tells what answers at the address.
func (u *instance) Describe(ctx context.Context) (sdk.Device, error) {
	if err := u.mayOrder(); err != nil {
		return sdk.Device{}, fmt.Errorf("describe %s: %w", u.cfg.Address, err)
	}
	described := sdk.Device{}
	err := u.converse(ctx, func(ctx context.Context, c *client) error {
		d, v, _, err := u.gather(ctx, c, func(d *device) []string { return d.objects(d.model, d.outlets) })
		if err != nil {
			return err
		}
		described = sdk.Device{
			Kind: d.describe(v), OrderLife: d.settle, TimedOff: d.timed != nil && u.cfg.TimedOff > 0,
		}
		return nil
	})
	return described, err
}
