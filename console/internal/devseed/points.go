package main

import (
	"math"
	"time"

	"github.com/storeward/storeward/core/api"
)

func flag01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// dead tells whether node i measures nothing at a time.
func (s *shop) dead(at time.Time, i int) bool {
	if !s.missed.IsZero() {
		return i == s.active && at.After(s.missed.Add(-10*time.Second))
	}
	return i != s.active && at.After(s.died) && at.Before(s.back)
}

// answers tells whether the services answer: they do not while nobody has taken over.
func (s *shop) answers(at time.Time) bool {
	if !s.missed.IsZero() {
		return at.Before(s.missed)
	}
	return at.Before(s.died) || at.After(s.died.Add(8*time.Second))
}

// points are what node i of the store measures at a time; nil while it is off.
func (s *shop) points(at time.Time, i int) []*api.Point {
	activeThen := s.active == i
	if s.dead(at, i) {
		return nil
	}
	busy := 0.08
	if activeThen {
		busy = 0.34
	}
	phase := float64(i)
	cpu := wave(at, 7*time.Minute, phase, busy*0.7, busy*1.3) + wave(at, 23*time.Second, phase, 0, 0.05)
	free := wave(at, 31*time.Minute, phase, 6.5e9, 8.2e9)
	total := float64(16 << 30)
	second := float64(at.Unix() % 1e6)
	p := func(measurement string, tags map[string]string, fields map[string]float64) *api.Point {
		return &api.Point{Measurement: measurement, Tags: tags, Fields: fields, TimeUnixNano: at.UnixNano()}
	}
	out := []*api.Point{
		p(api.MeasureHost, nil, map[string]float64{
			"cpu_used_ratio": cpu, "load1": cpu * 4, "memory_available_bytes": free, "memory_used_ratio": 1 - free/total,
		}),
		p(api.MeasureFilesystem, map[string]string{"mount": "/"}, map[string]float64{"used_ratio": 0.41}),
		p(api.MeasureFilesystem, map[string]string{"mount": "/srv/pg"}, map[string]float64{"used_ratio": 0.63 + second/1e6*0.1}),
		p(api.MeasureNetwork, map[string]string{"interface": "eth0"}, map[string]float64{
			"received_bytes_total": second * (2e4 + busy*1e5), "sent_bytes_total": second * (1e4 + busy*2e5),
		}),
		p(api.MeasureNode, nil, map[string]float64{
			"active": flag01(activeThen), "generation": 7, "peer_heard": flag01(!at.After(s.died) || at.After(s.back)),
			"redundant": flag01(!s.alone && s.answers(at) && (!at.After(s.died) || at.After(s.back))),
		}),
		p(api.MeasureFence, map[string]string{"device": "ups-" + s.nodes[1-i].name}, map[string]float64{
			"power_on": flag01(!at.After(s.died) || at.After(s.died.Add(10*time.Second))), "battery_charge_ratio": 1, "load_ratio": wave(at, time.Hour, phase, 0.2, 0.3),
			"input_volts": wave(at, 11*time.Minute, phase, 228, 233),
		}),
	}
	for _, l := range []string{"cable", "lan"} {
		out = append(out, p(api.MeasureLink, map[string]string{"link": l}, map[string]float64{
			"lateness_seconds": math.Abs(wave(at, 41*time.Second, phase, 0.0002, 0.004)), "heard_total": second * 20, "dropped_total": 0, "up": 1,
		}))
	}
	for _, r := range []string{"vip-web", "vip-db", "web", "pgdata", "db"} {
		both := r == "vip-web" || r == "web"
		out = append(out, p(api.MeasureResource, map[string]string{"resource": r}, map[string]float64{"up": flag01(both || activeThen), "restarts_total": 0}))
	}
	for _, name := range []string{"web", "db", "gateway"} {
		if name == "db" && !activeThen {
			continue
		}
		out = append(out, p(api.MeasureProbe, map[string]string{"probe": name}, map[string]float64{
			"up": flag01(name == "gateway" || s.answers(at)), "took_seconds": wave(at, 3*time.Minute, phase+float64(len(name)), 0.002, 0.021),
		}))
	}
	return out
}
