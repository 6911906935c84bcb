package app

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/engine"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/findings"
	"github.com/storeward/storeward/core/internal/flight"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/internal/snapshot"
	"github.com/storeward/storeward/core/sdk"
)

const (
	sampleEvery = time.Second
	// digestEvery is how often the light snapshot is renewed: it looks at every process.
	digestEvery = 20 * time.Second
	// afterward is how much of the time after an incident's first moment belongs to it.
	afterward = time.Minute
)

// evidence is what explains a failure: the flight recorder, snapshots of this
// node, and what the peer told last.
type evidence struct {
	app       *App
	recorder  *flight.Recorder
	host      *snapshot.Host
	processes *snapshot.Processes
	lines     *snapshot.LogRing

	mu         sync.Mutex
	sample     *api.Sample
	recorded   []byte // sample as the recorder has it
	digest     *api.Snapshot
	peerStatus *api.Status
	peerDigest *api.Snapshot
	peerTold   time.Time
}

var _ engine.Evidence = (*evidence)(nil)

// openEvidence opens the recorder. Without one the node works on, and says so.
func (a *App) openEvidence(o *engine.Options) {
	recorder, err := flight.Open(filepath.Join(a.cfg.StateDir, "flight"), flight.Options{Log: a.log, Now: time.Now})
	if err != nil {
		a.log.WithError(err).Error("no flight recorder")
		return
	}
	a.onClose(recorder.Close)
	a.evidence = &evidence{
		app: a, recorder: recorder, host: snapshot.NewHost(), processes: &snapshot.Processes{}, lines: a.o.Lines,
	}
	o.Evidence = a.evidence
}

// run records a sample a second until ctx ends.
func (v *evidence) run(ctx context.Context) {
	due := time.NewTimer(sdk.UntilTick(sampleEvery))
	defer due.Stop()
	failing, digested := false, time.Time{}
	var wait sync.WaitGroup
	defer wait.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			due.Reset(sdk.UntilTick(sampleEvery))
			now := time.Now()
			err := v.record(now)
			if err != nil && !failing {
				v.app.log.WithError(err).Warn("flight sample not kept")
			}
			failing = err != nil
			if now.Sub(digested) >= digestEvery {
				digested = now
				wait.Go(func() { v.renew(ctx) })
			}
		}
	}
}

func (v *evidence) record(now time.Time) error {
	values := v.host.Sample()
	for name, value := range v.app.engine.Values() {
		values[name] = value
	}
	sample := &api.Sample{Time: timestamppb.New(now), Values: values}
	recorded, err := proto.Marshal(sample)
	if err != nil {
		return fmt.Errorf("encode flight sample: %w", err)
	}
	v.mu.Lock()
	v.sample, v.recorded = sample, recorded
	v.mu.Unlock()
	return v.recorder.Record(recorded)
}

// renew makes the light snapshot that the peer is told.
func (v *evidence) renew(ctx context.Context) {
	digest := snapshot.Gather(ctx, snapshot.Sources{
		Node: v.app.node, Source: "peer channel", Now: time.Now, Host: v.host, Processes: v.processes, Log: v.logLines, Within: 2 * time.Second,
	})
	v.mu.Lock()
	v.digest = digest
	v.mu.Unlock()
}

func (v *evidence) logLines() []string {
	if v.lines == nil {
		return nil
	}
	return v.lines.Lines()
}

// Sample is the newest second of this node.
func (v *evidence) Sample() *api.Sample {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sample
}

// Recorded is the newest second as the recorder has it.
func (v *evidence) Recorded() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.recorded
}

// Digest is the newest light snapshot; nil before the first.
func (v *evidence) Digest() *api.Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.digest
}

// Snapshot gathers this node's evidence around a moment, which may lie in the boot before.
func (v *evidence) Snapshot(ctx context.Context, moment time.Time, status *api.Status, sources []engine.Source) *api.Snapshot {
	s := snapshot.Sources{
		Node: v.app.node, Now: time.Now, Moment: moment, Host: v.host, Processes: v.processes, Log: v.logLines, Flight: v.Around,
		Status: func() *api.Status { return status },
	}
	for _, source := range sources {
		s.Evidence = append(s.Evidence, snapshot.EvidenceSource{Name: source.Name, Gather: source.Evidence.Evidence})
	}
	return snapshot.Gather(ctx, s)
}

// Around has this boot's samples around a moment, and those of the boot before.
func (v *evidence) Around(moment time.Time) []*api.Sample {
	var out []*api.Sample
	for _, sample := range v.recorder.BeforeBoot() {
		if at := sample.GetTime().AsTime(); at.After(moment.Add(-flight.Keep)) && at.Before(moment.Add(afterward)) {
			out = append(out, sample)
		}
	}
	return append(out, v.recorder.Freeze(moment, flight.Keep, afterward)...)
}

// LastServed is the last second on record in which this node was active or heard an
// active peer. Asked before anything is recorded.
func (v *evidence) LastServed() time.Time {
	known := append(v.recorder.BeforeBoot(), v.recorder.Freeze(time.Now(), flight.Keep, afterward)...)
	for _, sample := range slices.Backward(known) {
		if sample.GetValues()[engine.ValueServed] == 1 {
			return sample.GetTime().AsTime()
		}
	}
	return time.Time{}
}

// KeepPeer takes the peer's newest second.
func (v *evidence) KeepPeer(news *peerpb.News) {
	if len(news.GetSample()) > 0 {
		v.recorder.RecordPeer(news.GetSample())
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.peerStatus, v.peerTold = news.GetStatus(), time.Now()
	if news.GetDigest() != nil {
		v.peerDigest = news.GetDigest()
	}
}

// OfPeer is what the peer told last, with its samples around a moment.
func (v *evidence) OfPeer(moment time.Time) *api.Snapshot {
	v.mu.Lock()
	status, digest, told := v.peerStatus, v.peerDigest, v.peerTold
	v.mu.Unlock()
	if status == nil {
		return nil
	}
	out := &api.Snapshot{}
	if digest != nil {
		out = proto.Clone(digest).(*api.Snapshot) //nolint:forcetypeassert // a clone is of its own kind
	}
	out.Node, out.Source, out.Taken = status.GetNode(), "peer channel", timestamppb.New(told)
	out.Status, out.Flight = status, v.recorder.FreezePeer(moment, flight.Keep, afterward)
	out.Partial = true
	out.Missing = append(out.Missing, "the plugins' evidence: the node could not be asked any more")
	return out
}

// Findings draws the conclusions that the evidence supports.
func (v *evidence) Findings(incident *api.Incident, signs engine.Signs) []*api.Finding {
	return findings.From(findings.Case{
		Incident: incident,
		Signs: findings.Signs{
			Power: answerOf(signs.Power), Carrier: answerOf(signs.Carrier), ICMP: answerOf(signs.ICMP),
			ARP: answerOf(signs.ARP), Services: answerOf(signs.Services),
		},
		Said:      saidBy(signs.Said),
		OrderLife: v.orderLife(incident.GetFailedNode()), Warntime: v.app.cfg.Timing.Warntime.Std(),
	})
}

// orderLife is the longest configured life of an order against a node.
func (v *evidence) orderLife(node string) time.Duration {
	var longest time.Duration
	for _, d := range v.app.cfg.Fencing {
		if slices.Contains(d.Feeds, node) {
			longest = max(longest, d.OrderLife.Std())
		}
	}
	return longest
}

func saidBy(p *failover.PeerView) *findings.Said {
	if p == nil {
		return nil
	}
	return &findings.Said{Active: p.Role == beat.Active, PingGroup: answerOf(p.PingGroup), CutMe: p.CutMe, Layers: p.Layers}
}

func answerOf(t beat.Tri) findings.Answer {
	switch t {
	case beat.Yes:
		return findings.Yes
	case beat.No:
		return findings.No
	default:
		return findings.Unknown
	}
}
