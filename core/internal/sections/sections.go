// Package sections has every plugin judge its own sections of a configuration: at the
// daemon's start, at a reload, and for storewardctl config check. It opens nothing
// and decides nothing.
package sections

import (
	"context"
	"errors"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// Judge asks the plugins.
type Judge struct {
	Host *host.Host
	// Known are the plugins' names, for whoever misspells one.
	Known []string
	// Sick is told of a plugin that does not answer in time, answers garbage or may not run,
	// and says whether its sections are passed over. Without it that is a fault like any other.
	Sick func(plugin string, err error) (pass bool)
}

// Check asks about every section as it holds on each of the nodes, and from then on the
// configuration hides what its plugins call secret. Its error is config.Faults, each with
// its place in the file.
func (j Judge) Check(ctx context.Context, cfg *config.Config, nodes ...string) error {
	var faults config.Faults
	passed := map[string]bool{} // plugins that do not answer
	targets := config.NewTargets(cfg)
	for _, use := range cfg.Uses() {
		for _, node := range nodes {
			if passed[use.Plugin] {
				continue
			}
			checked, err := j.Host.Check(ctx, use.Plugin, use.With.For(node))
			if j.Sick != nil && sick(err) && j.Sick(use.Plugin, err) {
				passed[use.Plugin] = true
				continue
			}
			faults = append(faults, j.explain(use, err)...)
			if err != nil {
				continue
			}
			if use.Warm && !checked.Promoter {
				faults = append(faults, use.Unpromotable()...)
			}
			faults = append(faults, targets.Add(node, use, checked.Targets)...)
		}
	}
	if err := faults.Err(); err != nil {
		return err
	}
	cfg.HideSecrets(func(plugin string) []string {
		if passed[plugin] {
			return nil
		}
		return j.Host.Secrets(ctx, plugin)
	})
	return nil
}

func sick(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, host.ErrRestarting) || errors.Is(err, remote.ErrGarbage) ||
		errors.Is(err, host.ErrRefused)
}

func (j Judge) explain(use config.Use, err error) config.Faults {
	var refused *sdk.ConfigError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, host.ErrUnknownPlugin):
		return use.Unknown(j.Known)
	case errors.Is(err, host.ErrRefused):
		return use.Refused(err)
	case errors.As(err, &refused):
		return use.With.Explain(err)
	default:
		return use.Silent(err)
	}
}
