package service

import (
	"context"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/daemon"
)

// command runs a program as a daemon.
type command struct {
	cfg    *Config
	daemon *daemon.Daemon
}

func (c *command) start(ctx context.Context) (fresh bool, err error) {
	p, fresh, err := c.daemon.Start(ctx)
	if err != nil || !fresh {
		return fresh, err
	}
	if network, _ := c.cfg.Ready.address(); network == "" && !c.survives(ctx, p) {
		return true, endedError(c.leftBehind(ctx), c.daemon.LastLines(5))
	}
	return true, nil
}

// survives watches a fresh process for as long as it must live to count as started.
func (c *command) survives(ctx context.Context, p daemon.Process) bool {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Settle.Std())
	defer cancel()
	for sdk.Pause(ctx, 2*time.Millisecond) {
		if !p.Alive() {
			return false
		}
	}
	return p.Alive()
}

// leftBehind tells whether a process that ended left others.
func (c *command) leftBehind(ctx context.Context) bool {
	now, err := c.find(ctx)
	return err == nil && now.headless
}

func (c *command) stop(ctx context.Context) error {
	return c.daemon.Stop(ctx, daemon.Step{Signal: c.cfg.signal(), Group: true, Wait: c.grace(ctx)})
}

// grace leaves a fifth of the time for killing what does not obey.
func (c *command) grace(ctx context.Context) time.Duration {
	grace := c.cfg.StopGrace.Std()
	if end, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(end)*4/5)
	}
	return grace
}

func (c *command) find(context.Context) (found, error) {
	now, err := c.daemon.Find()
	if err != nil {
		return found{}, err
	}
	out := found{running: now.Running(), headless: now.Left > 0, message: now.String()}
	if now.Alive {
		out.pid = now.Main.PID
	}
	return out, nil
}

func (c *command) lastLines(_ context.Context, n int) string { return c.daemon.LastLines(n) }

func (c *command) close() { c.daemon.Close() }
