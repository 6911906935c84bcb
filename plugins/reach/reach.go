// Package reach asks whether somebody answers: ICMP echo, ARP, Neighbor Discovery, TCP. It serves the
// ping group and the look for signs of life before a node is declared dead, so it
// tells three things apart: somebody answered; every question went out and nobody
// answered in time; and the questions could not even be asked, which says nothing
// about the others.
package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name: "reach", Version: "1.0.0", Summary: "Asks by ICMP, ARP, NDP or TCP whether somebody answers.",
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(_ context.Context, _ sdk.Env, config any) (sdk.Instance, error) {
			return &prober{config: config.(*Config)}, nil
		},
	}
}

// prober holds no socket between probes: an interface that comes back is simply used.
type prober struct{ config *Config }

// Close has nothing to end.
func (p *prober) Close() error { return nil }

// reply is what became of the question to one target.
type reply struct {
	target  string
	rtt     time.Duration
	how     string // "answered" or "refused the connection"
	err     error  // not nil: the question could not be asked, or nobody answered
	unasked bool   // the question could not be asked
}

// asker asks one target and returns when ctx ends at the latest.
type asker func(ctx context.Context, target string) reply

// errSilence is the reply of a target that was asked and did not answer.
var errSilence = errors.New("no answer")

// Probe asks every target at once. The first answer decides.
func (p *prober) Probe(ctx context.Context) (sdk.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout.Std())
	defer cancel()
	ask, release, err := p.asker(ctx)
	if err != nil {
		return sdk.Result{}, err
	}
	defer release()
	replies := make(chan reply, len(p.config.Targets))
	for _, target := range p.config.Targets {
		go func() { replies <- ask(ctx, target) }()
	}
	var unasked []error
	for range p.config.Targets {
		r := <-replies
		switch {
		case r.err == nil:
			return answered(r), nil
		case r.unasked:
			unasked = append(unasked, fmt.Errorf("ask %s: %w", r.target, r.err))
		}
	}
	if len(unasked) > 0 {
		return sdk.Result{}, errors.Join(unasked...)
	}
	return sdk.Result{Status: sdk.Down, Message: fmt.Sprintf(
		"no answer by %s from %s within %s", p.config.Method, strings.Join(p.config.Targets, ", "), spoken.Duration(p.config.Timeout.Std()),
	)}, nil
}

func answered(r reply) sdk.Result {
	return sdk.Result{
		Status:  sdk.OK,
		Message: fmt.Sprintf("%s %s after %s", r.target, r.how, spoken.Duration(r.rtt)),
		Values:  map[string]float64{"rtt_seconds": r.rtt.Seconds()},
	}
}

func (p *prober) asker(ctx context.Context) (ask asker, release func(), err error) {
	switch p.config.Method {
	case methodICMP:
		return echoAsker(p.config.Interface), func() {}, nil
	case methodARP:
		return arpAsker(ctx, p.config.Interface)
	case methodNDP:
		return ndpAsker(ctx, p.config.Interface)
	default:
		return tcpAsker(p.config.Interface), func() {}, nil
	}
}

// repeat calls f at once and then every third of what is left until ctx ends: one
// lost packet must not look like a dead node. It returns the first error.
func repeat(ctx context.Context, f func() error) error {
	if err := f(); err != nil {
		return err
	}
	pause := 100 * time.Millisecond
	if deadline, ok := ctx.Deadline(); ok {
		pause = max(time.Until(deadline)/3, 5*time.Millisecond)
	}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			_ = f() // the first one went out
		}
	}
}
