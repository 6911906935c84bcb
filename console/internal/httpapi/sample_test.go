package httpapi

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
)

// sample is an incident with every field set, and some that JSON cannot hold.
func sample() *api.Incident {
	at := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(d)) }
	status := &api.Status{
		Store: "s0001", Node: "beta", Time: at(0), Role: "active", Generation: 7, Version: "1", KernelBootId: "b", Incarnation: "i", Started: at(-time.Hour),
		ConfigurationDigest: "d", Decision: "active", Redundant: true,
		Modes: []*api.ModeStatus{{Mode: "unmanaged", Name: "db", Until: at(time.Hour)}, {Mode: "maintenance"}}, Failback: at(time.Minute),
		Links:        []*api.LinkStatus{{Name: "cable", Health: "ok", Direct: true, Carrier: "up", LastHeardSeconds: -1, LatenessP99Seconds: math.Inf(1)}},
		Resources:    []*api.ResourceStatus{{Name: "db", Plugin: "postgres", Mode: "active-standby", State: "started", Health: "ok", Pid: 9, Managed: true, Since: at(0)}},
		Probes:       []*api.ProbeStatus{{Name: "web", Plugin: "http", Health: "ok", Time: at(0), TookSeconds: 0.01, Values: map[string]float64{"status": 200, "odd": math.NaN()}}},
		FenceDevices: []*api.FenceDeviceStatus{{Name: "ups-alpha", Feeds: []string{"alpha"}, Power: "off", Health: "ok", Values: map[string]float64{"load_ratio": 0.5}}},
		Drill:        &api.DrillStatus{Began: at(-time.Hour), Ended: at(-time.Hour + time.Second), Ok: true, Taker: "beta", TookSeconds: 0.84, Next: at(time.Hour), Overdue: true, Message: "m"},
		Plugins:      []*api.PluginStatus{{Name: "http", Version: "1", Pid: 8, Health: "ok"}},
		Peer:         "alpha", PeerRole: "stopped", PingGroup: "ok", Address: "10.77.1.2",
	}
	return &api.Incident{
		Id: "i1", Revision: 2, Kind: api.IncidentFailover, Title: "beta took over from alpha", Severity: api.Severity_SEVERITY_CRITICAL,
		Opened: at(0), Closed: at(time.Minute), Redundant: at(time.Minute), FailedNode: "alpha", Survivor: "beta", Generation: 7, RecoverySeconds: 0.541,
		Phases:   []*api.Phase{{Name: "detect", Start: at(0), DurationSeconds: 0.2, Ok: true, Detail: "silent"}},
		Timeline: []*api.TimelineEntry{{Time: at(time.Second), Node: "beta", Object: "node/alpha", Severity: api.Severity_SEVERITY_CRITICAL, Text: "dead", Kind: "peer.silent"}},
		Findings: []*api.Finding{{Type: "node.power-lost", Severity: api.Severity_SEVERITY_MAJOR, Text: "no power", Evidence: []string{"snapshot/beta"}, Confidence: 0.9}},
		Scenario: "0s tick",
		Snapshots: []*api.Snapshot{{
			Node: "beta", Taken: at(0), Source: "self", Partial: true, Missing: []string{"log lines"}, Status: status,
			Host: &api.Host{
				UptimeSeconds: 1, CpuUsedRatio: math.NaN(), Load1: 2, MemoryTotalBytes: 16 << 30, Kernel: "6.1", Model: "X", KernelMessages: []string{"link down"},
				Filesystems: []*api.Filesystem{{Mount: "/", Device: "sda1", TotalBytes: 2, UsedBytes: 1}},
				Interfaces:  []*api.NetworkInterface{{Name: "eth0", Up: true, Carrier: true, Addresses: []string{"10.77.1.2/24"}}},
			},
			Processes: []*api.Process{{Pid: 1, Command: "init", CpuRatio: 0.1, RssBytes: 4096}},
			Evidence:  []*api.EvidenceItem{{Name: "ups", Text: "on mains", Values: map[string]float64{"charge": 1}}},
			LogLines:  []string{"line"},
			Flight:    []*api.Sample{{Time: at(-time.Second), Values: map[string]float64{"host.load1": 1}}, {Time: &timestamppb.Timestamp{Seconds: 1 << 60}}},
		}},
	}
}
