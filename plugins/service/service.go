// Package service starts, stops and monitors a service: a systemd unit, or a
// command that it runs as a daemon of its own. What it starts outlives the
// plugin and the core; it never runs two of one service and never takes a
// process that merely has the same number for its own.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/daemon"
)

// evidenceLines bounds how much of an output goes into a snapshot.
const evidenceLines = 50

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "service",
		Version:       "0.1.0",
		Summary:       "Starts, stops and monitors a systemd unit or a command that it keeps as a daemon.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

// runner has the hands for one kind of service.
type runner interface {
	// start returns once the service was started; fresh tells that it was not running already.
	start(ctx context.Context) (fresh bool, err error)
	stop(ctx context.Context) error
	// find returns what runs now.
	find(ctx context.Context) (found, error)
	// lastLines returns the end of the service's output.
	lastLines(ctx context.Context, n int) string
	close()
}

// found is what a runner sees.
type found struct {
	running bool
	// starting: it runs and is not ready by its own account.
	starting bool
	// headless: its main process is gone and others of it still run.
	headless bool
	pid      int
	message  string
}

type instance struct {
	cfg  *Config
	name string
	run  runner
	log  logrus.FieldLogger
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open service %s: configuration is a %T", env.Instance, config)
	}
	s := &instance{cfg: cfg, name: env.Instance, log: env.Log}
	if s.run = s.runner(env); cfg.Promotable() {
		return &promotable{s}, nil
	}
	return s, nil
}

func (s *instance) runner(env sdk.Env) runner {
	cfg := s.cfg
	if cfg.Unit != "" {
		return &unit{name: cfg.Unit, connect: systemd}
	}
	return &command{cfg: cfg, daemon: daemon.New(daemon.Spec{
		Instance: "service/" + env.Node + "/" + env.Instance,
		Command:  cfg.Command, Directory: cfg.Directory, User: cfg.User, Environment: cfg.environment(),
		StateDir: env.StateDir, OutputLimit: cfg.OutputLimit,
	}, env.Log)}
}

// Close lets the service run.
func (s *instance) Close() error {
	s.run.close()
	return nil
}

// Start returns once the service answers where it is configured to. A process
// that was found running and dies meanwhile is started anew, once.
func (s *instance) Start(ctx context.Context) error {
	fresh, err := s.startOnce(ctx)
	if err != nil && !fresh && errors.Is(err, errEnded) {
		_, err = s.startOnce(ctx)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

func (s *instance) startOnce(ctx context.Context) (fresh bool, err error) {
	if fresh, err = s.run.start(ctx); err != nil {
		return fresh, err
	}
	return fresh, s.awaitReady(ctx)
}

// The pauses between two questions to a service that is starting.
const (
	firstWait = 2 * time.Millisecond
	mostWait  = 50 * time.Millisecond
)

// awaitReady asks until the service answers, ends, or ctx does. What its children
// answer after its end does not count.
func (s *instance) awaitReady(ctx context.Context) error {
	wait := firstWait
	for {
		notReady := s.ready(ctx)
		now, err := s.run.find(ctx)
		switch {
		case err == nil && now.headless, err == nil && !now.running && notReady != nil:
			return endedError(now.headless, s.run.lastLines(ctx, 5))
		case notReady == nil:
			return nil
		}
		if !sdk.Pause(ctx, wait) {
			return fmt.Errorf("it does not answer: %w", notReady)
		}
		wait = min(2*wait, mostWait)
	}
}

var errEnded = errors.New("the process ended")

// endedError says how a start ended; left that the process left others behind.
func endedError(left bool, output string) error {
	err := errEnded
	if left {
		err = fmt.Errorf("%w and left others behind: a command must stay in the foreground", errEnded)
	}
	if output == "" {
		return fmt.Errorf("%w: it wrote nothing", err)
	}
	return fmt.Errorf("%w: its last output was: %s", err, output)
}

// ready connects once; nil also where nothing is to be asked.
func (s *instance) ready(ctx context.Context) error {
	network, address := s.cfg.Ready.address()
	if network == "" {
		return nil
	}
	dialer := net.Dialer{Timeout: s.cfg.Ready.Timeout.Std()}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	_ = conn.Close()
	return nil
}

// Stop returns once nothing of the service is left.
func (s *instance) Stop(ctx context.Context) error {
	if err := s.run.stop(ctx); err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	return nil
}

// Monitor looks at the process and, where configured, asks the service. While
// anything of the service is left, it runs.
func (s *instance) Monitor(ctx context.Context) (sdk.State, error) {
	now, err := s.run.find(ctx)
	if err != nil {
		return sdk.State{}, fmt.Errorf("look for %s: %w", s.name, err)
	}
	return s.judge(ctx, now), nil
}

// judge says how it is, and asks the service where that is configured.
func (s *instance) judge(ctx context.Context, now found) sdk.State {
	state := sdk.State{Running: now.running, PID: now.pid, Status: sdk.OK, Message: now.message}
	switch {
	case !now.running, now.headless: // whatever still answers
		state.Status = sdk.Down
		return state
	case now.starting:
		state.Status = sdk.Degraded
	}
	begin := sdk.Monotonic()
	if err := s.ready(ctx); err != nil {
		state.Status = sdk.Down
		state.Message = fmt.Sprintf("%s, and does not answer: %v", now.message, err)
		return state
	}
	if network, _ := s.cfg.Ready.address(); network != "" {
		state.Values = map[string]float64{"connect_seconds": (sdk.Monotonic() - begin).Seconds()}
	}
	return state
}

// Evidence contributes the end of the service's output.
func (s *instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	now, err := s.run.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", s.name, err)
	}
	return []sdk.Item{
		{Name: "service/state", Text: now.message, Values: map[string]float64{"pid": float64(now.pid)}},
		{Name: "service/output", Text: s.run.lastLines(ctx, evidenceLines)},
	}, nil
}
