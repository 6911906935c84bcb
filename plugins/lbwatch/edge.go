package lbwatch

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/trust"
)

// edgeWatch asks IBM's Load Balancer, "dscontrol highavailability status" (WebSphere
// Application Server, Edge Components, Load Balancer Administration Guide).
type edgeWatch struct{ cfg Edge }

// Close has nothing to end.
func (w *edgeWatch) Close() error { return nil }

func (w *edgeWatch) look(ctx context.Context) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout.Std())
	defer cancel()
	if err := trust.Program(w.cfg.Command); err != nil {
		return view{}, err
	}
	text, err := run(ctx, w.cfg.Command, "highavailability", "status")
	if err != nil {
		return view{}, fmt.Errorf("run %s: %w", w.cfg.Command, err)
	}
	return parseReport(text)
}

// reportBound is the most of a command's output that is kept, in bytes.
const reportBound = 64 << 10

// run runs a command and kills it with its children when ctx ends.
func run(ctx context.Context, program string, arguments ...string) (string, error) {
	var out bounded
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "LANG=C"}
	command.Stdout, command.Stderr = &out, &out
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("no answer: %w", ctx.Err())
	case err != nil:
		return "", fmt.Errorf("%w: %s", err, firstLine(out.String()))
	}
	return out.String(), nil
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	b.Builder.Write(p[:min(len(p), reportBound-b.Len())])
	return len(p), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// reportLine is "Name ..... value" or "Name: value", however many dots.
var reportLine = regexp.MustCompile(`(?m)^[ \t|]*([A-Za-z][A-Za-z -]*?)[ \t]*[.:]+[ \t]*(\S.*?)[ \t|]*$`)

// parseReport reads the report's fields, in any order and among others. The states
// are those that the product's own help lists.
func parseReport(text string) (view, error) {
	fields := map[string]string{}
	for _, match := range reportLine.FindAllStringSubmatch(text, -1) {
		name := strings.NewReplacer(" ", "", "-", "").Replace(strings.ToLower(match[1]))
		if _, known := fields[name]; !known { // the first one is this machine's
			fields[name] = match[2]
		}
	}
	state, sub := strings.ToLower(fields["state"]), strings.ToLower(fields["substate"])
	v := view{running: true, values: map[string]float64{}, text: text}
	role := ""
	if fields["role"] != "" {
		role = " (" + strings.ToLower(fields["role"]) + ")"
	}
	switch state {
	case "active":
		v.here, v.message = true, "this node's Load Balancer"+role+" is active"
	case "standby":
		v.message = "this node's Load Balancer" + role + " is standby"
	case "idle": // it balances, and looks for no partner
		v.here, v.message = true, "this node's Load Balancer"+role+" is alone: high availability is not configured"
	case "listen":
		v.message = "this node's Load Balancer" + role + " listens for its partner"
	case "":
		return view{}, errors.New("the report names no state: " + firstLine(text))
	default:
		return view{}, fmt.Errorf("the report names a state that is not known: %q", fields["state"])
	}
	v.status = sdk.OK
	synchronized := sub == "synchronized"
	if state != "active" && state != "standby" || !synchronized {
		v.status = sdk.Degraded
	}
	if sub != "" && !synchronized {
		v.message += ", and not synchronized with its partner"
	}
	v.values["active"], v.values["synchronized"] = truth(v.here), truth(synchronized)
	return v, nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
