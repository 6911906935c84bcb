package engine

import (
	"context"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

// PeerSide is the engine as the peer channel sees it.
type PeerSide struct{ e *Engine }

// PeerSide returns what the channel asks of this node.
func (e *Engine) PeerSide() PeerSide { return PeerSide{e} }

// News is this node's last second.
func (p PeerSide) News() *peerpb.News {
	news := &peerpb.News{Node: p.e.Node, Status: p.e.told.Load(), Incidents: p.e.clerk.incidents.references()}
	for _, a := range p.e.clerk.alarms.list() {
		news.Alarms = append(news.Alarms, &peerpb.Alarm{
			Object: a.Object, Condition: a.Condition, Severity: a.Severity, Message: a.Message, SinceUnixNano: a.Since.UnixNano(),
		})
	}
	if p.e.Evidence != nil {
		news.Sample, news.Digest = p.e.Evidence.Recorded(), p.e.Evidence.Digest()
	}
	return news
}

// alarmsOf are the alarms in the peer's news.
func alarmsOf(news *peerpb.News) []control.Alarm {
	var out []control.Alarm
	for _, a := range news.GetAlarms() {
		out = append(out, control.Alarm{
			Object: a.GetObject(), Condition: a.GetCondition(), Severity: a.GetSeverity(), Message: a.GetMessage(),
			Since: time.Unix(0, a.GetSinceUnixNano()),
		})
	}
	return out
}

// Snapshot gathers this node's evidence around a moment, of the peer's incident.
func (p PeerSide) Snapshot(ctx context.Context, moment time.Time) *api.Snapshot {
	return p.e.ownSnapshot(ctx, moment)
}

// Command decides an operator's command that reached the peer.
func (p PeerSide) Command(ctx context.Context, r *peerpb.CommandRequest) *peerpb.CommandReply {
	reply, err := p.e.command(ctx, control.Command{
		Name: r.GetName(), Target: r.GetTarget(), Seconds: r.GetDurationSeconds(), Generation: r.GetGeneration(), Operator: r.GetOperator(),
		Anyway: r.GetAnyway(),
	})
	if err != nil {
		return &peerpb.CommandReply{Message: trimRefused(err)}
	}
	return &peerpb.CommandReply{Accepted: true, Message: reply.Message}
}

// Heard takes the peer's last second: kept for the day that it dies.
func (p PeerSide) Heard(news *peerpb.News) {
	if p.e.Evidence != nil {
		p.e.Evidence.KeepPeer(news)
	}
	p.e.drills.learn(news.GetStatus().GetDrill())
	p.e.returned(news.GetIncidents())
}
