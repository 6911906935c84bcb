package engine

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

// statusGap keeps a burst of changes from becoming a burst of status messages.
const statusGap = 100 * time.Millisecond

// Status is what this node knows now. It may be asked from any goroutine.
func (e *Engine) Status() *api.Status {
	v, cfg := e.view.Load(), e.cfg.Load()
	s := &api.Status{
		Store: cfg.Store, Node: e.Node, Time: timestamp(e.Clock.Wall()), Role: roleWord(v.Role),
		Generation: v.Generation, Version: e.Version, KernelBootId: e.Boot.KernelBoot,
		Incarnation: fmt.Sprintf("%016x", uint64(e.Boot.Incarnation)), Started: e.stamp(e.begun),
		ConfigurationDigest: *e.sum.Load(), Decision: v.Decision, Redundant: v.Redundant,
		Peer: e.peer, PeerRole: roleWord(v.Peer.Role), PeerHeard: v.Peer.Heard, PingGroup: triHealth(v.PingGroup),
		Plugins: e.Plugins.Status(), Address: cfg.Node(e.Node).Address,
	}
	for _, o := range v.Modes {
		mode := &api.ModeStatus{Mode: modeWords[o.Kind], Name: o.Name}
		if o.Ends {
			mode.Until = e.stamp(v.at + o.Left)
		}
		s.Modes = append(s.Modes, mode)
	}
	if v.Failback > 0 {
		s.Failback = e.stamp(v.Failback)
	}
	for _, c := range cfg.Links {
		s.Links = append(s.Links, e.linkStatus(c.Name, v))
	}
	for _, c := range cfg.Resources {
		s.Resources = append(s.Resources, e.resourceStatus(c.Name, v))
	}
	for _, name := range e.probes.names {
		s.Probes = append(s.Probes, e.probeStatus(e.probes.all[name]))
	}
	for _, c := range cfg.Fencing {
		s.FenceDevices = append(s.FenceDevices, e.deviceStatus(c.Name))
	}
	s.Drill = e.drills.status()
	s.OutboxPending, s.OutboxDroppedPoints = e.Sink.Backlog()
	return s
}

func (e *Engine) linkStatus(name string, v *viewed) *api.LinkStatus {
	l := e.links[name]
	out := &api.LinkStatus{Name: name, Health: api.HealthUnknown, Direct: l.cfg.Direct, Carrier: "unknown", LastHeardSeconds: -1}
	for _, seen := range v.Links {
		if seen.Name != name {
			continue
		}
		out.Carrier = map[beat.Tri]string{beat.Yes: "up", beat.No: "down"}[seen.Carrier]
		out.Health = healthWord(seen.Health)
		if seen.LastHeard > 0 {
			age := e.Clock.Now() - max(seen.LastHeard, l.heardLast())
			out.LastHeardSeconds = max(0, age.Seconds())
			if out.Health == api.HealthOK && age > e.cfg.Load().Timing.Deadtime.Std() {
				out.Health = api.HealthDown
			}
		} else if out.Health == api.HealthOK {
			out.Health = api.HealthDown
		}
	}
	if out.Carrier == "" {
		out.Carrier = "unknown"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out.LatenessP99Seconds, out.LossRatio = l.arrivals.Late.Quantile(.99).Seconds(), l.arrivals.Loss()
	out.BeatsLost = l.counts.Lost
	out.BeatsHeard, out.DroppedForged, out.DroppedReplayed = l.counts.Heard, l.counts.Forged, l.counts.Replayed
	out.DroppedForeign, out.Message = l.counts.Foreign+l.foreign, l.message
	return out
}

func (l *link) heardLast() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastBeat
}

func (e *Engine) resourceStatus(name string, v *viewed) *api.ResourceStatus {
	r := e.resources[name]
	out := &api.ResourceStatus{
		Name: name, Plugin: r.cfg.Plugin, Mode: r.cfg.Mode, Layer: r.cfg.Layer, State: "unknown", Health: api.HealthUnknown, Managed: true,
	}
	for _, seen := range v.Resources {
		if seen.Name != name {
			continue
		}
		out.State, out.Health, out.Message = seen.State, healthWord(seen.Health), seen.Message
		out.Pid, out.Restarts, out.Managed = int32(seen.PID), uint32(seen.Restarts), seen.Managed //nolint:gosec // small numbers
		if seen.Since > 0 {
			out.Since = e.stamp(seen.Since)
		}
	}
	return out
}

func (e *Engine) probeStatus(p *probe) *api.ProbeStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &api.ProbeStatus{
		Name: p.cfg.Name, Plugin: p.cfg.Plugin, Health: statusWord(p.result.Status), Message: p.result.Message,
		TookSeconds: p.took.Seconds(), Values: p.result.Values,
	}
	if p.taken > 0 {
		out.Time = e.stamp(p.taken)
	} else if p.cfg.On != "both" {
		out.Message = "runs on the " + p.cfg.On + " node"
	}
	if p.next > 0 {
		out.Next = e.stamp(p.next)
	}
	return out
}

func (e *Engine) deviceStatus(name string) *api.FenceDeviceStatus {
	d := e.devices[name]
	d.mu.Lock()
	defer d.mu.Unlock()
	out := &api.FenceDeviceStatus{
		Name: name, Plugin: d.cfg.Plugin, Feeds: d.cfg.Feeds, Power: powerWord(d.reading.Power), Health: api.HealthOK,
		Message: d.reading.Message, Values: d.reading.Values, Level: int32(d.cfg.Level), //nolint:gosec // a small number
	}
	e.lives.tell(out, d.cfg)
	if d.reading.Taken > 0 {
		out.Read = e.stamp(d.reading.Taken)
	} else {
		out.Health = api.HealthUnknown
	}
	for _, c := range d.reading.Conditions {
		out.Health, out.Message = api.HealthDegraded, out.Message+"; "+c.Message
	}
	if d.err != "" {
		out.Health, out.Message = api.HealthDown, d.err
	}
	return out
}

func (e *Engine) stamp(moment time.Duration) *timestamppb.Timestamp {
	return timestamp(e.Clock.At(moment))
}

// statusTicker sends the status at every change and at a steady pace, and the points at theirs.
func (e *Engine) statusTicker(ctx context.Context) {
	pointsEvery := max(e.Config.Report.PointsEvery.Std(), time.Second)
	regular, points := time.NewTimer(e.untilTick(statusEvery)), time.NewTimer(e.untilTick(pointsEvery))
	defer regular.Stop()
	defer points.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-points.C:
			points.Reset(e.untilTick(pointsEvery))
			e.Sink.Points(e.points())
			continue
		case <-regular.C:
			regular.Reset(e.untilTick(statusEvery))
		case <-e.clerk.changed:
		}
		s := e.Status()
		e.told.Store(s)
		e.Sink.Status(s)
		if !sdk.Pause(ctx, statusGap) {
			return
		}
	}
}

var modeWords = map[beat.ModeKind]string{
	beat.ModeStandby: "standby", beat.Maintenance: "maintenance", beat.Unmanaged: "unmanaged", beat.ModeRemoved: "removed",
}

func roleWord(r beat.Role) string {
	return map[beat.Role]string{beat.Joining: "joining", beat.Standby: "standby", beat.Active: "active", beat.Stopped: "stopped"}[r]
}

func healthWord(h beat.Health) string {
	switch h {
	case beat.OK:
		return api.HealthOK
	case beat.Degraded:
		return api.HealthDegraded
	case beat.Down:
		return api.HealthDown
	default:
		return api.HealthUnknown
	}
}

func statusWord(s sdk.Status) string { return healthWord(healthOf(s)) }

func triHealth(t beat.Tri) string {
	return healthWord(map[beat.Tri]beat.Health{beat.Yes: beat.OK, beat.No: beat.Down}[t])
}

func powerWord(p sdk.Power) string {
	return map[sdk.Power]string{sdk.PowerOn: "on", sdk.PowerOff: "off", sdk.PowerUnknown: "unknown"}[p]
}

// ValueServed is 1 among Values while this node is active or hears that its peer is.
const ValueServed = "node/served"

// Values are the flight recorder's part of this node's state: numbers by name.
func (e *Engine) Values() map[string]float64 {
	v := e.view.Load()
	out := map[string]float64{
		ValueServed: truth(v.Role == beat.Active || v.Peer.Heard && v.Peer.Role == beat.Active),
	}
	for _, p := range e.measure(e.Status(), false).GetPoints() {
		name := p.GetMeasurement() + "/"
		for _, tag := range p.GetTags() { // one tag at most
			name += tag + "/"
		}
		for field, value := range p.GetFields() {
			out[name+field] = value
		}
	}
	return out
}

// viewOf is for the few places that need the machine's own view.
func (e *Engine) viewOf() failover.View { return e.view.Load().View }
