package main

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
)

// tell publishes the status of both nodes.
func (s *shop) tell(now time.Time) error {
	for i, n := range s.nodes {
		if late := i == s.active && !s.missed.IsZero(); late && s.seq%10 != 1 {
			continue // a word from before, so that the pages show its first seconds for as long as one looks
		}
		if err := n.say(s.status(now, i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) status(now time.Time, i int) *api.Status {
	me, peer := s.nodes[i].name, s.nodes[1-i].name
	out := &api.Status{
		Store: s.name, Node: me, Time: timestamppb.New(now), Role: "standby", Generation: 7, Version: "0.1.0-dev",
		KernelBootId: "4f3a6c1e-" + me, Incarnation: "a1b2c3d4", Started: timestamppb.New(now.Add(-26 * time.Hour)), ConfigurationDigest: "9c41e0d7",
		Decision:  "standby; peer " + peer + " is active and heard on 2 links",
		Redundant: !s.alone, Peer: peer, PeerRole: "active", PeerHeard: true, PingGroup: api.HealthOK, Address: []string{"10.77.1.1", "10.77.1.2"}[i],
		Links: []*api.LinkStatus{link("cable", true, wave(now, 13*time.Second, float64(i), 0.001, 0.049)), link("lan", false, wave(now, 17*time.Second, float64(i), 0.001, 0.049))},
	}
	if i == s.active {
		out.Role, out.PeerRole = "active", "standby"
		out.Decision = "active; peer " + peer + " stands by and is heard on 2 links"
	}
	out.Resources = resources(now, i == s.active)
	if !s.tended.IsZero() {
		for _, r := range out.Resources {
			r.Managed = r.GetName() != "web"
		}
		out.Modes = []*api.ModeStatus{{Mode: "unmanaged", Name: "web", Until: timestamppb.New(s.tended)}}
	}
	out.Probes = probes(now, i == s.active)
	out.FenceDevices = []*api.FenceDeviceStatus{s.ups(now, peer)}
	if !s.missed.IsZero() && i != s.active {
		s.miss(out, now)
	}
	drilled := now.Add(-75 * time.Hour)
	out.Drill = &api.DrillStatus{
		Began: timestamppb.New(drilled), Ended: timestamppb.New(drilled.Add(time.Second)), Ok: true, Taker: s.nodes[s.active].name, TookSeconds: 0.84,
		Next: timestamppb.New(drilled.Add(7 * 24 * time.Hour)), Generation: 7,
	}
	for _, name := range []string{"heartbeat", "reach", "ups", "vip", "service", "mount", "http", "postgres", "host"} {
		out.Plugins = append(out.Plugins, &api.PluginStatus{Name: name, Version: "0.1.0-dev", Pid: int32(900 + 10*i + len(name)), Health: api.HealthOK})
	}
	return out
}

// miss makes a standby's status that of one which does not hear its peer and may not take over.
func (s *shop) miss(out *api.Status, now time.Time) {
	out.PeerHeard, out.PeerRole, out.Redundant = false, "", false
	out.Decision = "standby; alpha is silent, and its UPS refuses to switch it off: waiting to try again"
	for _, p := range out.Probes {
		if p.GetName() == "web" {
			p.Health, p.Message = api.HealthDown, "no answer through 10.77.1.101 within 1 s"
		}
	}
	for _, l := range out.Links {
		l.Health, l.LastHeardSeconds, l.Message = api.HealthDown, now.Sub(s.missed).Seconds()+l.LastHeardSeconds, "nothing is heard"
	}
}

func link(name string, direct bool, age float64) *api.LinkStatus {
	return &api.LinkStatus{
		Name: name, Health: api.HealthOK, Direct: direct, Carrier: "up", LastHeardSeconds: age, LatenessP99Seconds: 0.0031,
		BeatsHeard: 1873204, Message: "heard in time",
	}
}

func (s *shop) ups(now time.Time, feeds string) *api.FenceDeviceStatus {
	out := &api.FenceDeviceStatus{
		Name: "ups-" + feeds, Plugin: "ups", Kind: "ups", Feeds: []string{feeds}, Power: "on", Health: api.HealthOK, Message: "Smart-UPS 1500 at 10.77.1.201 is on mains, battery full, lasts 41 min at a load of 24 %, output relay closed",
		Read:  timestamppb.New(now.Add(-3 * time.Second)),
		Level: 1, OrderLifeSeconds: 1, Proven: true, MeasuredSeconds: 0.009, MeasuredBy: "reading", Measured: timestamppb.New(now.Add(-3 * time.Second)),
		Values: map[string]float64{"battery_charge_ratio": 1, "load_ratio": 0.24, "input_volts": 230.5, "runtime_seconds": 2460},
	}
	if s.alone && feeds == "beta" {
		out.Power, out.Health, out.Message, out.Values = "unknown", api.HealthUnknown, "no answer within 2s", nil
	}
	return out
}

func resources(now time.Time, active bool) []*api.ResourceStatus {
	all := []*api.ResourceStatus{
		{Name: "vip-web", Plugin: "vip", Mode: "active-active", Layer: "address", Message: "10.77.1.101/24 on eth0"},
		{Name: "vip-db", Plugin: "vip", Mode: "active-standby", Layer: "address", Message: "10.77.1.102/24 on eth0"},
		{Name: "web", Plugin: "service", Mode: "active-active", Layer: "http", Pid: 1412, Message: "nginx.service runs"},
		{Name: "pgdata", Plugin: "mount", Mode: "active-standby", Layer: "storage", Message: "/srv/pg is mounted"},
		{Name: "db", Plugin: "postgres", Mode: "active-standby", Layer: "database", Pid: 1533, Message: "accepts connections"},
	}
	for _, r := range all {
		r.State, r.Health, r.Managed, r.Since = "started", api.HealthOK, true, timestamppb.New(now.Add(-25*time.Hour))
		if !active && r.Mode == "active-standby" {
			r.State, r.Pid, r.Message = "stopped", 0, "runs on the active node"
		}
	}
	return all
}

func probes(now time.Time, active bool) []*api.ProbeStatus {
	out := []*api.ProbeStatus{
		{Name: "web", Plugin: "http", Health: api.HealthOK, Message: "200 OK in 9 ms", TookSeconds: 0.009, Values: map[string]float64{"status": 200, "bytes": 5120}},
		{Name: "gateway", Plugin: "reach", Health: api.HealthOK, Message: "10.77.1.254 answers", TookSeconds: 0.0004},
		{Name: "host", Plugin: "host", Health: api.HealthOK, Message: "CPU 31 %, memory 47 %", TookSeconds: 0.003},
	}
	if active {
		out = append(out, &api.ProbeStatus{
			Name: "db", Plugin: "postgres", Health: api.HealthOK, Message: "select 1 in 4 ms", TookSeconds: 0.004,
			Values: map[string]float64{"connections": 12, "connections_limit": 100},
		})
	}
	for _, p := range out {
		p.Time, p.Next = timestamppb.New(now.Add(-4*time.Second)), timestamppb.New(now.Add(6*time.Second))
	}
	return out
}
