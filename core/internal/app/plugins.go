package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/engine"
	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/internal/sections"
	"github.com/storeward/storeward/core/sdk"
)

// checkBound bounds the questions to all plugins whether their sections are good.
const checkBound = 30 * time.Second

// minSilence is the least patience with a plugin: a loaded machine is not a hung one.
const minSilence = 400 * time.Millisecond

// minBackoff keeps a link's plugin that cannot run from taking the processor with its starts.
const minBackoff = 200 * time.Millisecond

// Priorities of the plugins that look for the peer, cut power and move addresses, and
// of those that carry beats.
const (
	quickPriority = 10
	beatPriority  = 11
)

// openHost prepares the plugins' home.
func (a *App) openHost(ctx context.Context) error {
	program, err := host.FindProgram(ctx, a.o.Plugins)
	if err != nil {
		return err
	}
	allowed, ignored := host.ReadAllowed(filepath.Join(filepath.Dir(a.o.Config), host.AllowDir), program.Plugins)
	for _, why := range ignored {
		a.log.WithError(why).Warn("allow file ignored")
	}
	options := host.Options{
		Log: a.log, Dir: filepath.Join(a.cfg.RunDir, "plugins"), StateDir: filepath.Join(a.cfg.RunDir, "instances"),
		Command: program.Command, Allowed: allowed,
		Hook: a.pluginHappened,
	}
	if a.o.Realtime {
		options.Realtime = map[string]int{"reach": quickPriority, "vip": quickPriority}
		for _, f := range a.cfg.Fencing {
			options.Realtime[f.Plugin] = quickPriority
		}
	}
	// A link's plugin that hangs or is away silences this node for its peer: it must
	// be back before the peer's turn to cut comes, however often it was away before.
	options.Silences, options.MaxBackoffs = map[string]time.Duration{}, map[string]time.Duration{}
	deadtime := a.cfg.Timing.Deadtime.Std()
	for _, l := range a.cfg.Links {
		if a.o.Realtime {
			options.Realtime[l.Plugin] = beatPriority
		}
		options.Silences[l.Plugin] = min(max(2*deadtime, minSilence), 2*time.Second)
		options.MaxBackoffs[l.Plugin] = min(max(deadtime, minBackoff), time.Second)
	}
	for _, f := range a.cfg.Fencing { // and who is to cut, when the turn comes
		options.MaxBackoffs[f.Plugin] = time.Second
	}
	h, err := host.New(options)
	if err != nil {
		return err
	}
	a.host, a.judge = h, sections.Judge{Host: h, Known: program.Plugins}
	for _, allowed := range options.Allowed {
		a.judge.Known = append(a.judge.Known, allowed.Plugin)
	}
	a.onClose(h.Close)
	return nil
}

func (a *App) pluginHappened(p host.PluginEvent) {
	event := engine.PluginEvent{
		Plugin: p.Plugin, Kind: p.Kind.String(), PID: p.PID, OldPID: p.OldPID, Err: p.Err, Log: p.Log,
	}
	a.herald.tell(func(e *engine.Engine) { e.PluginHappened(event) })
}

// checkSections asks every plugin whether it understands its sections, before
// anything runs. One that hangs or answers garbage has said nothing against them: a
// node must not stay without its daemon for the sake of one probe's plugin. It is
// restarted and told of like any other; so is a third party's that changed since it was
// allowed. One that ends at once is refused.
func (a *App) checkSections(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkBound)
	defer cancel()
	lenient := a.judge
	lenient.Sick = func(plugin string, err error) bool {
		a.log.WithError(err).WithField("plugin", plugin).Error("sections not checked")
		return true
	}
	return lenient.Check(ctx, a.cfg, a.node)
}

// plugins fits the host to the engine.
type plugins struct {
	host       *host.Host
	node, peer string
}

// Open opens an instance. One that exists and cannot be reached yet is as good
// as open: the host goes on trying.
func (p plugins) Open(ctx context.Context, plugin, instance string, section []byte) (engine.Instance, error) {
	opened, err := p.host.Open(ctx, plugin, instance, section, host.Env{Node: p.node, Peer: p.peer})
	if opened == nil {
		return nil, err
	}
	return handle{opened}, nil
}

// Secrets are the settings that a plugin calls secret.
func (p plugins) Secrets(ctx context.Context, plugin string) []string {
	return p.host.Secrets(ctx, plugin)
}

// Status lists the plugins' processes.
func (p plugins) Status() []*api.PluginStatus {
	var out []*api.PluginStatus
	for _, s := range p.host.Plugins() {
		health, message := api.HealthOK, ""
		if s.State == host.Starting || s.State == host.Restarting {
			health = api.HealthDown
			if s.LastErr != nil {
				message = s.LastErr.Error()
			}
		}
		out = append(out, &api.PluginStatus{
			Name: s.Plugin, Version: s.Version, Pid: int32(s.PID), Health: health, //nolint:gosec // a pid fits
			Restarts: uint32(s.Restarts), Message: message, //nolint:gosec // a small count
		})
	}
	return out
}

// handle marks what the host says of a restarting plugin as the engine knows it.
type handle struct{ *host.Instance }

// Start implements engine.Instance.
func (h handle) Start(ctx context.Context) error { return away(h.Instance.Start(ctx)) }

// Stop implements engine.Instance.
func (h handle) Stop(ctx context.Context) error { return away(h.Instance.Stop(ctx)) }

// Status implements engine.Instance.
func (h handle) Status(ctx context.Context) (sdk.Reading, error) {
	reading, err := h.Instance.Status(ctx)
	return reading, away(err)
}

// Promote implements engine.Instance.
func (h handle) Promote(ctx context.Context) error { return away(h.Instance.Promote(ctx)) }

// Demote implements engine.Instance.
func (h handle) Demote(ctx context.Context) error { return away(h.Instance.Demote(ctx)) }

func away(err error) error {
	if errors.Is(err, host.ErrRestarting) {
		return fmt.Errorf("%w: %w", engine.ErrPluginAway, err)
	}
	return err
}
