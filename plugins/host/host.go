// Package host measures the machine: processors, memory, file systems, network.
// It judges whether something runs short, reads what the kernel counts anyway,
// and never calls a machine Down: whether it works is for its services to say.
package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "host",
		Version:       "0.1.0",
		Summary:       "Measures the machine: processors, memory, file systems and network.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg *Config
	log logrus.FieldLogger

	mu   sync.Mutex
	past []reading // of the processors, oldest first, a little more than BusyFor back
	disk space
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open host %s: configuration is a %T", env.Instance, config)
	}
	return &instance{cfg: cfg, log: env.Log, disk: space{pending: map[string]bool{}}}, nil
}

// Close has nothing to release.
func (h *instance) Close() error { return nil }

// report collects measurements and what is wrong with them.
type report struct {
	values map[string]float64
	faults []string
	lines  []string // for people, one each
	errs   []error  // what could not be measured
}

// over judges a ratio; limit 0 never complains.
func (r *report) over(limit, value float64, format string, args ...any) {
	if limit > 0 && value >= limit {
		r.faults = append(r.faults, fmt.Sprintf(format, args...))
	}
}

// measure looks at everything. What fails leaves the rest standing.
func (h *instance) measure(ctx context.Context) *report {
	r := &report{values: map[string]float64{}}
	for _, look := range []func(context.Context, *report) error{
		h.processors, h.memory, h.filesystems, h.network,
	} {
		if err := look(ctx, r); err != nil {
			r.errs = append(r.errs, err)
		}
	}
	return r
}

// Probe judges the machine. Nothing measured at all is an error; a part that
// could not be measured is Degraded and named.
func (h *instance) Probe(ctx context.Context) (sdk.Result, error) {
	r := h.measure(ctx)
	if len(r.values) == 0 {
		return sdk.Result{}, fmt.Errorf("measure this machine: %w", errors.Join(r.errs...))
	}
	for _, err := range r.errs {
		r.faults = append(r.faults, "not measured: "+err.Error())
	}
	result := sdk.Result{Status: sdk.OK, Message: r.summary(), Values: r.values}
	if len(r.faults) > 0 {
		result.Status, result.Message = sdk.Degraded, strings.Join(r.faults, "; ")
	}
	return result, nil
}

func (r *report) summary() string {
	return fmt.Sprintf("load %.2f, %.0f %% of memory in use", r.values["load1"], 100*r.values["memory_used_ratio"])
}

// Evidence contributes the same measurements, with a line for people each.
func (h *instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	r := h.measure(ctx)
	for _, err := range r.errs {
		r.lines = append(r.lines, "not measured: "+err.Error())
	}
	return []sdk.Item{{Name: "host/measurements", Text: strings.Join(r.lines, "\n"), Values: r.values}}, nil
}
