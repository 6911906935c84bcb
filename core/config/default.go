package config

import "time"

// Default returns a configuration that holds every default and nothing of a store.
func Default() *Config {
	return &Config{
		Timing: Timing{
			Interval: Duration(200 * time.Millisecond),
			Warntime: Duration(500 * time.Millisecond),
			Deadtime: Duration(time.Second),
			Initdead: Duration(30 * time.Second),
			Holdup:   Duration(100 * time.Millisecond),
			Analyse:  Duration(300 * time.Millisecond),
		},
		Policy: Policy{
			AfterFence:    "cycle",
			OffTime:       Duration(10 * time.Second),
			PowerOns:      Budget{Max: 1, Within: Duration(time.Hour)},
			Isolation:     "serve",
			IsolationTime: Duration(5 * time.Second),
			Failback:      "manual",
			FailbackAfter: Duration(5 * time.Minute),
			CarrierBeats:  2,
			OnBattery: OnBattery{
				StandbyAfter: Duration(5 * time.Minute),
				LowCharge:    20,
				LowRuntime:   Duration(3 * time.Minute),
				Shutdown:     true,
				OffDelay:     Duration(90 * time.Second),
				Command:      []string{"systemctl", "poweroff"},
			},
		},
		Watchdog: Watchdog{Device: "/dev/watchdog"},
		Peer: PeerChannel{
			Port:        7694,
			CA:          "/etc/storeward/ca.pem",
			Certificate: "/etc/storeward/node.pem",
			PrivateKey:  "/etc/storeward/node.key",
		},
		Report: Report{
			PointsEvery: Duration(10 * time.Second),
			OutboxBytes: 256 << 20,
		},
		StateDir: "/var/lib/storeward",
		RunDir:   "/run/storeward",
	}
}

// DefaultFenceDevice returns a fence device with its defaults. The order life is
// long on purpose: too short a claim could let both nodes' orders overlap.
func DefaultFenceDevice() FenceDevice {
	return FenceDevice{Level: 1, OrderLife: Duration(5 * time.Second), Monitor: Duration(10 * time.Second)}
}

// DefaultResource returns a resource with its defaults.
func DefaultResource() Resource {
	return Resource{
		Mode:           "active-standby",
		StartTimeout:   Duration(60 * time.Second),
		StopTimeout:    Duration(20 * time.Second),
		MonitorEvery:   Duration(2 * time.Second),
		MonitorTimeout: Duration(2 * time.Second),
		FailuresToDown: 2,
		Restarts:       Budget{Max: 3, Within: Duration(10 * time.Minute)},
		OnFailure:      "alarm",
		Failovers:      Budget{Max: 3, Within: Duration(time.Hour)},
		StopFailed:     "fence",
	}
}

// DefaultProbe returns a probe with its defaults; when it runs has none.
func DefaultProbe() Probe {
	return Probe{Timeout: Duration(2 * time.Second), On: "both"}
}

func (f *FenceDevice) preset() { *f = DefaultFenceDevice() }
func (r *Resource) preset()    { *r = DefaultResource() }
func (p *Probe) preset()       { *p = DefaultProbe() }
