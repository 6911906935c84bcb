package httpapi

import (
	"maps"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

// severityWord is the severity in lower case, "" when it is not set.
func severityWord(s api.Severity) string {
	if s == api.Severity_SEVERITY_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(s.String(), "SEVERITY_"))
}

// stamp is the time, zero if it is not set or no time that JSON could hold.
func stamp(t *timestamppb.Timestamp) time.Time {
	if t == nil || !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}

// maybe is the time, nil if it is not set.
func maybe(t *timestamppb.Timestamp) *time.Time {
	return some(stamp(t))
}

// some is nil for the zero time.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// list maps every element; the result is never nil, so that JSON has [] and not null.
func list[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}

func same[A any](a A) A { return a }

// table is a copy of the map that is never nil.
func table(in map[string]string) map[string]string {
	out := make(map[string]string, len(in))
	maps.Copy(out, in)
	return out
}

// values is a copy of the map that is never nil, without what JSON cannot hold.
func values(in map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(in))
	for k, v := range in {
		if finite(v) == v {
			out[k] = v
		}
	}
	return out
}

// finite is v, or 0 where JSON cannot hold it.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func eventView(e *db.Event) EventView {
	return EventView{
		Key: e.Key, ID: e.ID, Store: e.Store, Node: e.Node, Time: db.Time(e.Time), Received: db.Time(e.Received),
		Kind: e.Kind, Severity: severityWord(api.Severity(e.Severity)), Object: e.Object, Message: e.Message,
		Condition: e.Condition, Incident: e.Incident, Generation: e.Generation, Attributes: table(e.Attributes),
	}
}

func eventViews(rows []db.Event) []EventView {
	return list(rows, func(e db.Event) EventView { return eventView(&e) })
}

func alarmView(a *db.Alarm) AlarmView {
	return AlarmView{
		ID: a.ID, Store: a.Store, Node: a.Node, Object: a.Object, Condition: a.Condition,
		Severity: severityWord(api.Severity(a.Severity)), Message: a.Message, Incident: a.Incident,
		Raised: db.Time(a.Raised), Updated: db.Time(a.Updated), Cleared: some(db.Time(a.Cleared)), Count: int(a.Count),
		Acknowledged: some(db.Time(a.Acknowledged)), AcknowledgedBy: a.AcknowledgedBy, Comment: a.Comment,
	}
}

func alarmViews(rows []db.Alarm) []AlarmView {
	return list(rows, func(a db.Alarm) AlarmView { return alarmView(&a) })
}

func statusView(s *api.Status) *StatusView {
	if s == nil {
		return nil
	}
	return &StatusView{
		Store: s.GetStore(), Node: s.GetNode(), Time: stamp(s.GetTime()), Role: s.GetRole(), Generation: s.GetGeneration(),
		Version: s.GetVersion(), KernelBootID: s.GetKernelBootId(), Incarnation: s.GetIncarnation(), Started: maybe(s.GetStarted()),
		ConfigurationDigest: s.GetConfigurationDigest(), Decision: s.GetDecision(), Modes: list(s.GetModes(), modeView), Failback: maybe(s.GetFailback()),
		Redundant: s.GetRedundant(), Peer: s.GetPeer(), PeerRole: s.GetPeerRole(), PeerHeard: s.GetPeerHeard(), PingGroup: s.GetPingGroup(),
		OutboxPending: s.GetOutboxPending(), OutboxDroppedPoints: s.GetOutboxDroppedPoints(), Address: s.GetAddress(),
		Links: list(s.GetLinks(), linkView), Resources: list(s.GetResources(), resourceView), Probes: list(s.GetProbes(), probeView),
		FenceDevices: list(s.GetFenceDevices(), fenceView), Plugins: list(s.GetPlugins(), pluginView),
		Drill: drillView(s.GetDrill()),
	}
}

func modeView(m *api.ModeStatus) ModeView {
	return ModeView{Mode: m.GetMode(), Name: m.GetName(), Until: maybe(m.GetUntil())}
}

func linkView(l *api.LinkStatus) LinkView {
	return LinkView{
		Name: l.GetName(), Health: l.GetHealth(), Direct: l.GetDirect(), Carrier: l.GetCarrier(),
		LastHeardSeconds: finite(l.GetLastHeardSeconds()), LatenessP99Seconds: finite(l.GetLatenessP99Seconds()), BeatsHeard: l.GetBeatsHeard(),
		BeatsLost: l.GetBeatsLost(), LossRatio: finite(l.GetLossRatio()),
		DroppedForged: l.GetDroppedForged(), DroppedReplayed: l.GetDroppedReplayed(), DroppedForeign: l.GetDroppedForeign(), Message: l.GetMessage(),
	}
}

func resourceView(r *api.ResourceStatus) ResourceView {
	return ResourceView{
		Name: r.GetName(), Plugin: r.GetPlugin(), Mode: r.GetMode(), State: r.GetState(), Health: r.GetHealth(), Message: r.GetMessage(),
		PID: r.GetPid(), Restarts: r.GetRestarts(), Managed: r.GetManaged(), Since: maybe(r.GetSince()), Layer: r.GetLayer(),
	}
}

func probeView(p *api.ProbeStatus) ProbeView {
	return ProbeView{
		Name: p.GetName(), Plugin: p.GetPlugin(), Health: p.GetHealth(), Message: p.GetMessage(), Time: maybe(p.GetTime()),
		TookSeconds: finite(p.GetTookSeconds()), Values: values(p.GetValues()), Next: maybe(p.GetNext()),
	}
}

func fenceView(f *api.FenceDeviceStatus) FenceDeviceView {
	return FenceDeviceView{
		Name: f.GetName(), Plugin: f.GetPlugin(), Kind: f.GetKind(), Feeds: list(f.GetFeeds(), same), Power: f.GetPower(),
		Health: f.GetHealth(), Message: f.GetMessage(), Read: maybe(f.GetRead()), Values: values(f.GetValues()),
		Level: f.GetLevel(), OrderLifeSeconds: f.GetOrderLifeSeconds(), MeasuredSeconds: f.GetMeasuredSeconds(),
		MeasuredBy: f.GetMeasuredBy(), Measured: maybe(f.GetMeasured()), Proven: f.GetProven(),
	}
}

func drillView(d *api.DrillStatus) *DrillView {
	if d == nil {
		return nil
	}
	return &DrillView{
		Began: maybe(d.GetBegan()), Ended: maybe(d.GetEnded()), OK: d.GetOk(), Taker: d.GetTaker(), TookSeconds: finite(d.GetTookSeconds()),
		Message: d.GetMessage(), Next: maybe(d.GetNext()), Overdue: d.GetOverdue(),
	}
}

func pluginView(p *api.PluginStatus) PluginStatusView {
	return PluginStatusView{
		Name: p.GetName(), Version: p.GetVersion(), PID: p.GetPid(), Health: p.GetHealth(), Restarts: p.GetRestarts(), Message: p.GetMessage(),
	}
}
