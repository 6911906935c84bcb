package lbwatch

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/daemon"
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
	code, text, err := daemon.Once(ctx, daemon.Spec{
		Command:     []string{w.cfg.Command, "highavailability", "status"},
		Environment: []string{"LC_ALL=C", "LANG=C"},
		OutputLimit: reportBound,
	})
	switch {
	case err != nil:
		return view{}, err
	case code != 0:
		return view{}, fmt.Errorf("run %s: it ended with %d: %s", w.cfg.Command, code, firstLine(text))
	case len(text) == reportBound: // its beginning, where this machine's own state is, may be lost
		return view{}, fmt.Errorf("run %s: the report has more than %d bytes", w.cfg.Command, reportBound)
	}
	return parseReport(text)
}

// reportBound is more than any report has, in bytes.
const reportBound = 64 << 10

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
