package engine

import (
	"strings"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
)

// points are this node's measurements now, in base units, and the one that a peer
// without power cannot make.
func (e *Engine) points() *api.Points {
	out := e.measure(e.Status(), true)
	if e.view.Load().Peer.Off {
		out.Points = append(out.Points, servingPoint(e.peer, false, e.Clock.Wall()))
	}
	return out
}

// serving is who may be active, as far as this node knows.
type serving struct{ self, peerOff bool }

func servingNow(v *viewed) serving { return serving{v.Role == beat.Active, v.Peer.Off} }

// servingPoints tell at once what changed about who is active: the next regular
// points may be a while off. A dead node's series would say "active" until its last
// value is forgotten, and a sum over both nodes would show two: whoever READ its
// power off says for it that it is not. What did not change is not repeated: the
// peer's end and this node's beginning may lie within one millisecond, of which a
// series keeps one value, the first.
func (e *Engine) servingPoints(before, now serving, at time.Time) []*api.Point {
	var out []*api.Point
	if now.self != before.self {
		out = append(out, servingPoint(e.Node, now.self, at))
	}
	if now.peerOff && !before.peerOff {
		out = append(out, servingPoint(e.peer, false, at))
	}
	return out
}

func servingPoint(node string, active bool, at time.Time) *api.Point {
	return &api.Point{
		Measurement: api.MeasureNode, Tags: map[string]string{api.TagNode: node},
		Fields: map[string]float64{"active": truth(active)}, TimeUnixNano: at.UnixNano(),
	}
}

// measure turns a status into measurements; regular ones bring the machine's own
// with them and end the period of the greatest lateness.
func (e *Engine) measure(s *api.Status, regular bool) *api.Points {
	now := e.Clock.Wall().UnixNano()
	out := &api.Points{}
	add := func(measurement string, tags map[string]string, fields map[string]float64) {
		if len(fields) > 0 {
			out.Points = append(out.Points, &api.Point{Measurement: measurement, Tags: tags, Fields: fields, TimeUnixNano: now})
		}
	}
	add(api.MeasureNode, nil, map[string]float64{
		"active": truth(s.GetRole() == "active"), "generation": float64(s.GetGeneration()),
		"peer_heard": truth(s.GetPeerHeard()), "redundant": truth(s.GetRedundant()),
	})
	for _, l := range s.GetLinks() {
		add("link", map[string]string{"link": l.GetName()}, map[string]float64{
			"lateness_seconds": e.links[l.GetName()].peakLateness(regular), "heard_total": float64(l.GetBeatsHeard()),
			"lost_total":    float64(l.GetBeatsLost()),
			"dropped_total": float64(l.GetDroppedForged() + l.GetDroppedReplayed() + l.GetDroppedForeign()),
			"up":            truth(l.GetHealth() == api.HealthOK),
		})
	}
	for _, r := range s.GetResources() {
		add("resource", map[string]string{"resource": r.GetName()}, map[string]float64{
			"up": truth(r.GetState() == "started"), "restarts_total": float64(r.GetRestarts()), "pid": float64(r.GetPid()),
		})
	}
	for _, p := range s.GetProbes() {
		if fields := probeFields(p); fields != nil {
			add("probe", map[string]string{"probe": p.GetName()}, fields)
		}
	}
	for _, d := range s.GetFenceDevices() {
		if d.GetHealth() == api.HealthDown {
			continue // it could not be read: its values are older ones, for people
		}
		fields := map[string]float64{}
		for name, value := range d.GetValues() {
			fields[name] = value
		}
		if d.GetPower() != "unknown" {
			fields["power_on"] = truth(d.GetPower() == "on")
		}
		add("fence", map[string]string{"device": d.GetName()}, fields)
	}
	if regular {
		e.hostPoints(add)
	}
	return out
}

// hostPoints come from the flight recorder's newest second, whose names say
// host/FIELD, filesystem/MOUNT/FIELD and network/INTERFACE/FIELD.
func (e *Engine) hostPoints(add func(string, map[string]string, map[string]float64)) {
	if e.Evidence == nil {
		return
	}
	tags := map[string]string{"filesystem": "mount", "network": "interface"}
	type series struct{ measurement, tag string }
	found := map[series]map[string]float64{}
	for name, value := range e.Evidence.Sample().GetValues() {
		measurement, rest, _ := strings.Cut(name, "/")
		at := strings.LastIndex(rest, "/") // a mount has slashes of its own
		s := series{measurement: measurement}
		switch {
		case measurement == "host" && at < 0:
		case tags[measurement] != "" && at > 0:
			s.tag = rest[:at]
		default:
			continue
		}
		if found[s] == nil {
			found[s] = map[string]float64{}
		}
		found[s][rest[at+1:]] = value
	}
	for s, fields := range found {
		var labels map[string]string
		if s.tag != "" {
			labels = map[string]string{tags[s.measurement]: s.tag}
		}
		add(s.measurement, labels, fields)
	}
}

// probeFields has no "up" while nobody could find out.
func probeFields(p *api.ProbeStatus) map[string]float64 {
	up, known := map[string]float64{api.HealthOK: 1, api.HealthDegraded: .5, api.HealthDown: 0}[p.GetHealth()]
	if !known {
		return nil
	}
	out := map[string]float64{"up": up, "took_seconds": p.GetTookSeconds()}
	for name, value := range p.GetValues() {
		out[name] = value
	}
	return out
}

// peakLateness is the greatest lateness since it was last reset, in seconds.
func (l *link) peakLateness(reset bool) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	peak := l.late
	if reset {
		l.late = 0
	}
	return peak.Seconds()
}

// failoverPoint tells a finished change of the active role: its time and its phases'.
func failoverPoint(incident *api.Incident, now int64) *api.Points {
	fields := map[string]float64{"recovery_seconds": incident.GetRecoverySeconds()}
	for _, p := range incident.GetPhases() {
		fields[p.GetName()+"_seconds"] = p.GetDurationSeconds()
	}
	return &api.Points{Points: []*api.Point{{
		Measurement: "failover", Tags: map[string]string{"kind": incident.GetKind()}, Fields: fields, TimeUnixNano: now,
	}}}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
