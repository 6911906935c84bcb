package engine

import (
	"strconv"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/failover"
)

// policyOf is the policy that a configuration gives a node, with what is known of its devices.
func policyOf(cfg *config.Config, node string, lives *deviceLives) failover.Policy {
	t, p := cfg.Timing, cfg.Policy
	out := failover.Policy{
		Cluster: cfg.Store, Self: node, Peer: cfg.PeerOf(node).Name, Primary: cfg.Primary() == node,
		Digest:   digest(cfg),
		Interval: t.Interval.Std(), Warntime: t.Warntime.Std(), Deadtime: t.Deadtime.Std(), Initdead: t.Initdead.Std(),
		Holdup: t.Holdup.Std(), Analyse: t.Analyse.Std(), CarrierBeats: p.CarrierBeats,
		Cycle: p.AfterFence == "cycle", OffTime: p.OffTime.Std(),
		PowerOns:      failover.Budget{Max: p.PowerOns.Max, Within: p.PowerOns.Within.Std()},
		IsolationStop: p.Isolation == "stop", IsolationTime: p.IsolationTime.Std(),
		FailbackAuto: p.Failback == "auto", FailbackAfter: p.FailbackAfter.Std(),
		Watchdog: cfg.Watchdog.Timeout > 0,
		OnBattery: failover.OnBattery{
			StandbyAfter: p.OnBattery.StandbyAfter.Std(), LowCharge: p.OnBattery.LowCharge,
			LowRuntime: p.OnBattery.LowRuntime.Std(), Shutdown: p.OnBattery.Shutdown,
		},
	}
	for _, l := range cfg.Links {
		out.Links = append(out.Links, failover.Link{Name: l.Name, Direct: l.Direct})
	}
	out.Devices = devicesOf(cfg, lives)
	for _, r := range cfg.Resources {
		out.Resources = append(out.Resources, resourceOf(r))
	}
	for _, probe := range cfg.Probes {
		out.Verify = out.Verify || probe.Verify
	}
	return out
}

// devicesOf joins each configured device with what is known of it.
func devicesOf(cfg *config.Config, lives *deviceLives) (out []failover.Device) {
	for _, d := range cfg.Fencing {
		out = append(out, lives.device(d))
	}
	return out
}

func resourceOf(r config.Resource) failover.Resource {
	return failover.Resource{
		Name: r.Name, Layer: r.Layer, ActiveActive: r.Mode == "active-active", Warm: r.Warm, After: r.After,
		StartTimeout: r.StartTimeout.Std(), StopTimeout: r.StopTimeout.Std(), MonitorTimeout: r.MonitorTimeout.Std(),
		FailuresToDown: r.FailuresToDown,
		Restarts:       failover.Budget{Max: r.Restarts.Max, Within: r.Restarts.Within.Std()},
		Failover:       r.OnFailure == "failover",
		Failovers:      failover.Budget{Max: r.Failovers.Max, Within: r.Failovers.Within.Std()},
		FenceOnStop:    r.StopFailed == "fence",
	}
}

// digest is the configuration's digest in the form that a beat carries: its first 16 hexadecimal digits.
func digest(cfg *config.Config) uint64 {
	text := cfg.Digest()
	n, err := strconv.ParseUint(text[:min(16, len(text))], 16, 64)
	if err != nil {
		panic("engine: a configuration's digest is not hexadecimal: " + text)
	}
	return n
}
