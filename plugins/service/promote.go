package service

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/daemon"
)

// Exit codes of the role command, OCF Resource Agent API 1.1, section 4 (return codes).
const (
	ocfUnpromoted     = 0 // OCF_SUCCESS: it runs
	ocfPromoted       = 8 // OCF_RUNNING_PROMOTED
	ocfFailedPromoted = 9 // OCF_FAILED_PROMOTED
)

// promotable is a service with two running roles, which commands of its own tell
// apart and change. It offers Promoter too.
type promotable struct{ *instance }

// Start returns once the service runs and says which role it has.
func (p *promotable) Start(ctx context.Context) error {
	if err := p.instance.Start(ctx); err != nil {
		return err
	}
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		_, _, err := p.role(ctx)
		if err == nil {
			return nil
		}
		if !sdk.Pause(ctx, wait) {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
}

// Promote returns once the service says that it is promoted.
func (p *promotable) Promote(ctx context.Context) error {
	return p.turn(ctx, true, p.cfg.Promote)
}

// Demote returns once the service says that it is not promoted any more.
func (p *promotable) Demote(ctx context.Context) error {
	return p.turn(ctx, false, p.cfg.Demote)
}

func (p *promotable) turn(ctx context.Context, promoted bool, command []string) error {
	if is, failed, err := p.role(ctx); err == nil && is == promoted && !failed {
		return nil
	}
	code, output, err := p.once(ctx, command)
	switch {
	case err != nil:
		return err
	case code != 0:
		return fmt.Errorf("%s ended with %d: %s", command[0], code, orSilent(output))
	}
	is, failed, err := p.role(ctx)
	switch {
	case err != nil:
		return err
	case is != promoted || failed:
		return fmt.Errorf("%s ended well and the role is still: %s", command[0], roleWord(is, failed))
	}
	return nil
}

// Monitor adds the role to what the process shows. What a dead main process left
// behind counts as promoted where its role cannot be told: it may have the data.
func (p *promotable) Monitor(ctx context.Context) (sdk.State, error) {
	now, err := p.run.find(ctx)
	if err != nil {
		return sdk.State{}, fmt.Errorf("look for %s: %w", p.name, err)
	}
	state := p.judge(ctx, now)
	if !state.Running {
		return state, nil
	}
	promoted, failed, err := p.role(ctx)
	if err != nil && now.headless {
		state.Promoted = true
		state.Message += ", and the role cannot be told"
		return state, nil
	}
	if err != nil {
		return sdk.State{}, fmt.Errorf("find out the role of %s: %w", p.name, err)
	}
	state.Promoted = promoted
	state.Message += ", " + roleWord(promoted, failed)
	if failed {
		state.Status = sdk.Down
	}
	return state, nil
}

var errNoRole = errors.New("the role cannot be told")

// role asks the service's own command.
func (p *promotable) role(ctx context.Context) (promoted, failed bool, err error) {
	code, output, err := p.once(ctx, p.cfg.Role)
	if err != nil {
		return false, false, err
	}
	switch code {
	case ocfUnpromoted:
		return false, false, nil
	case ocfPromoted:
		return true, false, nil
	case ocfFailedPromoted:
		return true, true, nil
	}
	return false, false, fmt.Errorf("%w: %s ended with %d: %s", errNoRole, p.cfg.Role[0], code, orSilent(output))
}

func (p *promotable) once(ctx context.Context, command []string) (code int, output string, err error) {
	code, output, err = daemon.Once(ctx, daemon.Spec{
		Command: command, Directory: p.cfg.Directory, User: p.cfg.User, Environment: p.cfg.environment(),
	})
	return code, strings.TrimSpace(output), err
}

func roleWord(promoted, failed bool) string {
	switch {
	case failed:
		return "promoted and failed"
	case promoted:
		return "promoted"
	}
	return "not promoted"
}

func orSilent(output string) string {
	if output == "" {
		return "it wrote nothing"
	}
	return output
}
