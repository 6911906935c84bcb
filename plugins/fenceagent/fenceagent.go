// Package fenceagent fences a node through any fence agent of ClusterLabs (Fence
// Agent API): a program that reads key=value on its standard input and speaks with
// one kind of device. What an agent says of an order is never a reading: an output
// is off only when the action status read it off after the order. No agent is
// started once an order has expired, and one that runs then is killed with all that
// it started.
package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/turns"
)

const (
	// answerMargin is kept free at an order's end for killing the agent and for the
	// answer to the core.
	answerMargin = 50 * time.Millisecond
	// again is the pause before an agent is called once more.
	again = 100 * time.Millisecond
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "fenceagent",
		Version:       "0.1.0",
		Summary:       "Switches a node's power through a fence agent of ClusterLabs.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg   *Config
	agent *agent
	kind  string
	log   logrus.FieldLogger
	turns *turns.Turns
}

func open(ctx context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open fenceagent %s: configuration is a %T", env.Instance, config)
	}
	a, err := newAgent(cfg)
	if err != nil {
		return nil, err
	}
	m := cfg.judged
	if m == nil {
		if m, err = a.metadata(ctx); err == nil {
			err = m.judge(cfg)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := a.load(cfg); err != nil {
		return nil, err
	}
	return &instance{
		cfg: cfg, agent: a, kind: a.name + ": " + m.Summary,
		log: env.Log.WithField("device", env.Instance), turns: turns.New(),
	}, nil
}

// Close has nothing to release: no agent outlives its call.
func (f *instance) Close() error { return nil }

// Describe tells what the agent is for. The life allows an order one call of the
// agent; the core adds two readings, and sends nothing after half of the sum.
func (f *instance) Describe(context.Context) (sdk.Device, error) {
	return sdk.Device{Kind: f.kind, OrderLife: 2 * f.cfg.Timeout.Std()}, nil
}

// Status reads the output.
func (f *instance) Status(ctx context.Context) (sdk.Reading, error) {
	ctx, done, err := f.turns.Read(ctx)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("read the output: %w", err)
	}
	defer done()
	return f.read(ctx)
}

// read asks the agent once. The reading is as old as the beginning of the call: when
// in it the device was asked is not known.
func (f *instance) read(ctx context.Context) (sdk.Reading, error) {
	taken := sdk.Monotonic()
	said, err := f.call(ctx, "status")
	if err != nil {
		return sdk.Reading{}, err
	}
	power, err := said.power()
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("read the output by %s: %w", f.agent.name, err)
	}
	values := map[string]float64{"power_on": 0, "agent_seconds": (sdk.Monotonic() - taken).Seconds()}
	if power == sdk.PowerOn {
		values["power_on"] = 1
	}
	return sdk.Reading{Power: power, Taken: taken, Message: f.agent.name + " reads " + power.String() + ": " + said.shown, Values: values}, nil
}

// call runs the agent within the configured time.
func (f *instance) call(ctx context.Context, action string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout.Std())
	defer cancel()
	return f.agent.do(ctx, action)
}

// Off switches the output off and returns once it was read off.
func (f *instance) Off(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	begin := sdk.Monotonic()
	reading, err := f.conduct(ctx, order, "off", sdk.PowerOff)
	if err == nil {
		reading.Values["cut_seconds"] = (sdk.Monotonic() - begin).Seconds()
	}
	return reading, err
}

// On switches the output on and returns once it was read on.
func (f *instance) On(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	return f.conduct(ctx, order, "on", sdk.PowerOn)
}

// conduct carries out one order within its life.
func (f *instance) conduct(ctx context.Context, order sdk.Order, action string, want sdk.Power) (sdk.Reading, error) {
	begin := sdk.Monotonic()
	ctx, cancel, err := order.Within(ctx, answerMargin)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("switch %s: %w", action, err)
	}
	defer cancel()
	done, err := f.turns.Order(ctx)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("switch %s: %w", action, err)
	}
	defer done()
	reading, err := f.carryOut(ctx, action, want)
	if err != nil {
		return sdk.Reading{}, fmt.Errorf("switch %s: unconfirmed: %w", action, err)
	}
	f.log.WithFields(logrus.Fields{"action": action, "order": order.ID, "took": (sdk.Monotonic() - begin).String()}).Info("order confirmed")
	return reading, nil
}

// carryOut orders and reads until the output is as wanted. Whatever the agent says of
// the order, the output is read; one that was acknowledged is not repeated, because a
// device that takes its time might begin anew.
func (f *instance) carryOut(ctx context.Context, action string, want sdk.Power) (sdk.Reading, error) {
	acknowledged := false
	var sent, seen error
	for {
		if !acknowledged {
			said, err := f.call(ctx, action)
			if err == nil && said.code != 0 {
				err = fmt.Errorf("%s could not switch %s: %s", f.agent.name, action, said)
			}
			acknowledged, sent = err == nil, err
		}
		reading, err := f.read(ctx)
		if err == nil && reading.Power == want {
			return reading, nil
		}
		if err == nil {
			err = errors.New(reading.Message)
		}
		if ctx.Err() == nil || seen == nil { // what was killed at the end explains less
			seen = err
		}
		if !sdk.Pause(ctx, again) {
			return sdk.Reading{}, errors.Join(sent, seen)
		}
	}
}
