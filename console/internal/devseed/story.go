package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
)

// step is one phase of the made-up failover, in milliseconds from the first moment.
type step struct {
	name       string
	from, took int
	detail     string
}

var steps = []step{
	{"detect", 0, 201, "silent on cable and lan for 200ms"},
	{"analyse", 201, 38, "no answer to ICMP, ARP and services; ping group answers"},
	{"fence", 239, 112, "ups-%s ordered off and read off"},
	{"address", 351, 14, "10.77.1.101 and 10.77.1.102 taken, announced 3 times"},
	{"storage", 365, 21, "/srv/pg mounted"},
	{"start", 386, 143, "db started, PID 2210"},
	{"verify", 529, 12, "web and db answer through their virtual IPs"},
	{"announce", 541, 3, "traps and events sent"},
}

const recovery = 0.541

// story delivers a failover from failed to survivor that began at a moment:
// revisions as the survivor would send them, then the failed node's own evidence.
func (s *shop) story(ctx context.Context, at time.Time, failed, survivor *node) error {
	in := s.incident(at, failed, survivor)
	envelopes := []*api.Envelope{incidentOf(at, in)}
	ev := func(after time.Duration, kind string, sev api.Severity, object, condition, text string) {
		t := at.Add(after)
		envelopes = append(envelopes, event(t, &api.Event{
			Kind: kind, Severity: sev, Object: object, Condition: condition, Message: text, Incident: in.Id, Generation: 7,
		}))
		in.Timeline = append(in.Timeline, &api.TimelineEntry{
			Time: timestamppb.New(t), Node: survivor.name, Object: object, Severity: sev, Text: text, Kind: kind,
		})
	}
	const ms = time.Millisecond
	peer, device := "node/"+failed.name, "fence/ups-"+failed.name
	ev(201*ms, api.KindPeerSilent, api.Severity_SEVERITY_CRITICAL, peer, api.ConditionUnreachable, failed.name+" is silent on every link for 200ms")
	ev(203*ms, api.KindRedundancyLost, api.Severity_SEVERITY_MAJOR, "node/"+survivor.name, api.ConditionNotRedundant, survivor.name+" is on its own")
	ev(240*ms, api.KindFailoverStarted, api.Severity_SEVERITY_CRITICAL, peer, "", survivor.name+" takes over from "+failed.name)
	ev(241*ms, api.KindFenceOrdered, api.Severity_SEVERITY_WARNING, device, "", "ups-"+failed.name+" is ordered off for 10s")
	ev(351*ms, api.KindFailoverFenced, api.Severity_SEVERITY_WARNING, device, "", "ups-"+failed.name+" was read off: "+failed.name+" has no power")
	ev(352*ms, api.KindFailoverActive, api.Severity_SEVERITY_WARNING, "node/"+survivor.name, "", survivor.name+" is active, generation 7")
	ev(529*ms, api.KindResourceStarted, api.Severity_SEVERITY_INDETERMINATE, "resource/db", "", "db runs with PID 2210")
	ev(541*ms, api.KindFailoverCompleted, api.Severity_SEVERITY_WARNING, "node/"+survivor.name, "", fmt.Sprintf("The store sells again after %.3f s", recovery))
	s.complete(in, at, failed, survivor)
	envelopes = append(envelopes, incidentOf(at.Add(2*time.Second), in))
	ev(11*time.Second, api.KindNodePowered, api.Severity_SEVERITY_INDETERMINATE, device, "", "ups-"+failed.name+" is on again")
	ev(95*time.Second, api.KindPeerHeard, api.Severity_SEVERITY_CLEARED, peer, api.ConditionUnreachable, failed.name+" is heard again")
	ev(97*time.Second, api.KindRedundancyRestored, api.Severity_SEVERITY_CLEARED, "node/"+survivor.name, api.ConditionNotRedundant, failed.name+" stands by: the pair is whole")
	in.Revision, in.Closed, in.Redundant = 3, timestamppb.New(at.Add(97*time.Second)), timestamppb.New(at.Add(97*time.Second))
	envelopes = append(envelopes, incidentOf(at.Add(97*time.Second), in))
	if err := survivor.send(ctx, envelopes...); err != nil {
		return err
	}
	own := snapshot(at, failed.name, "self", 1)
	own.Taken = timestamppb.New(at.Add(100 * time.Second))
	return failed.send(ctx, incidentOf(at.Add(100*time.Second), &api.Incident{Id: in.Id, Kind: api.IncidentFailover, Revision: 1, Snapshots: []*api.Snapshot{own}}))
}

// slow delivers a failover of some days ago that took longer than usual, and nothing
// but its story: the overview's slowest is not each store's newest.
func (s *shop) slow(ctx context.Context, at time.Time, failed, survivor *node) error {
	in := s.incident(at, failed, survivor)
	over := timestamppb.New(at.Add(3 * time.Minute))
	in.Revision, in.Title, in.RecoverySeconds = 2, survivor.name+" took over from "+failed.name, 2.318
	in.Closed, in.Redundant = over, over
	return survivor.send(ctx, incidentOf(at, in))
}

// recorded delivers a trouble that no node went away for: its evidence, and no end.
func (s *shop) recorded(ctx context.Context, at time.Time, n *node) error {
	return n.send(ctx, incidentOf(at, &api.Incident{
		Id: fmt.Sprintf("%s-%s-%s", s.name, n.name, at.UTC().Format("20060102T150405.000")), Revision: 2, Kind: api.IncidentDegraded,
		Title: "ups-" + n.name + ": the UPS runs on its battery", Severity: api.Severity_SEVERITY_MAJOR,
		Opened: timestamppb.New(at), Closed: timestamppb.New(at.Add(11 * time.Second)), Survivor: n.name, Generation: 6,
		Snapshots: []*api.Snapshot{snapshot(at, n.name, "self", 0.3)},
	}))
}

func (s *shop) incident(at time.Time, failed, survivor *node) *api.Incident {
	return &api.Incident{
		Id: fmt.Sprintf("%s-%s-%s", s.name, survivor.name, at.UTC().Format("20060102T150405.000")), Revision: 1, Kind: api.IncidentFailover,
		Title: survivor.name + " takes over from " + failed.name, Severity: api.Severity_SEVERITY_CRITICAL, Opened: timestamppb.New(at),
		FailedNode: failed.name, Survivor: survivor.name, Generation: 7,
	}
}

// complete makes revision 2: the phases, the findings and the evidence.
func (s *shop) complete(in *api.Incident, at time.Time, failed, survivor *node) {
	in.Revision, in.Title, in.RecoverySeconds = 2, survivor.name+" took over from "+failed.name, recovery
	for _, p := range steps {
		detail := p.detail
		if p.name == "fence" {
			detail = fmt.Sprintf(detail, failed.name)
		}
		in.Phases = append(in.Phases, &api.Phase{
			Name: p.name, Start: timestamppb.New(at.Add(time.Duration(p.from) * time.Millisecond)),
			OffsetSeconds: float64(p.from) / 1000, DurationSeconds: float64(p.took) / 1000, Ok: true, Detail: detail,
		})
	}
	in.Findings = []*api.Finding{
		{
			Type: "node.power-lost", Severity: api.Severity_SEVERITY_CRITICAL, Confidence: 0.9,
			Text:     failed.name + " lost its power: it vanished from both links within one beat, and the cable's carrier with it",
			Evidence: []string{"snapshot/" + survivor.name + "/links/cable", "snapshot/" + failed.name + "/flight"},
		},
		{
			Type: "memory.pressure", Severity: api.Severity_SEVERITY_WARNING, Confidence: 0.4,
			Text:     failed.name + " had 9 % of its memory available before it died",
			Evidence: []string{"snapshot/" + failed.name + "/host/memory"},
		},
	}
	lost := snapshot(at, failed.name, "peer channel", 1)
	lost.Partial, lost.Missing = true, []string{"processes", "log lines", "kernel messages"}
	lost.Processes, lost.LogLines, lost.Host.KernelMessages = nil, nil, nil
	own := snapshot(at, survivor.name, "self", 0.3)
	own.Status = s.status(at, 1)
	in.Snapshots = []*api.Snapshot{own, lost}
	in.Scenario = "# a made-up incident\n0s boot fresh\n0s beat cable\n200ms tick\n201ms analysis peer=down pinggroup=ok\n351ms fence ups-" + failed.name + " off\n"
}

func snapshot(at time.Time, name, source string, pressure float64) *api.Snapshot {
	out := &api.Snapshot{
		Node: name, Taken: timestamppb.New(at.Add(300 * time.Millisecond)), Source: source,
		Host: &api.Host{
			UptimeSeconds: 93600, CpuUsedRatio: 0.41 * pressure, Load1: 1.7 * pressure, MemoryTotalBytes: 16 << 30,
			MemoryAvailableBytes: uint64((1.0 - 0.91*pressure) * (16 << 30)), SwapUsedBytes: uint64(pressure * (1 << 29)), Kernel: "6.1.0-28-amd64", Model: "ThinkServer TS150",
			Filesystems: []*api.Filesystem{
				{Mount: "/", Device: "/dev/sda1", TotalBytes: 120 << 30, UsedBytes: 49 << 30},
				{Mount: "/srv/pg", Device: "/dev/sdb1", TotalBytes: 480 << 30, UsedBytes: 302 << 30},
			},
			Interfaces: []*api.NetworkInterface{
				{Name: "eth0", Up: true, Carrier: true, Addresses: []string{"10.77.1.1/24"}, ReceivedBytes: 8123456789, SentBytes: 9876543210},
				{Name: "eth1", Up: true, Carrier: pressure < 1, Addresses: []string{"10.78.1.1/24"}, ReceivedBytes: 123456789, SentBytes: 123456789},
			},
			KernelMessages: []string{"[93598.120031] eth1: link is down"},
		},
		Processes: []*api.Process{
			{Pid: 1533, Command: "postgres -D /srv/pg", CpuRatio: 0.22 * pressure, RssBytes: 612 << 20},
			{Pid: 1412, Command: "nginx: worker process", CpuRatio: 0.06, RssBytes: 38 << 20},
			{Pid: 711, Command: "storewardd", CpuRatio: 0.006, RssBytes: 31 << 20},
		},
		Evidence: []*api.EvidenceItem{
			{Name: "postgres/db", Text: "12 of 100 connections, no replication", Values: map[string]float64{"connections": 12, "connections_limit": 100}},
			{Name: "ups/ups-" + name, Text: "on mains, battery 100 %", Values: map[string]float64{"battery_charge_ratio": 1, "load_ratio": 0.24}},
		},
		LogLines: []string{"storewardd: peer silent link=cable took=200ms", "storewardd: failover started generation=7"},
	}
	for i := range 300 {
		t := at.Add(time.Duration(i-300) * time.Second)
		out.Flight = append(out.Flight, &api.Sample{Time: timestamppb.New(t), Values: map[string]float64{
			"host.cpu_used_ratio": wave(t, 97*time.Second, pressure, 0.2, 0.5), "host.memory_available_bytes": (1 - 0.91*pressure*float64(i)/300) * (16 << 30),
			"link.cable.lateness_seconds": wave(t, 29*time.Second, 0, 0.0002, 0.003), "link.lan.lateness_seconds": wave(t, 31*time.Second, 1, 0.0003, 0.004),
			"probe.web.took_seconds": wave(t, 53*time.Second, 0, 0.004, 0.016),
		}})
	}
	return out
}
