package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/app"
	"github.com/storeward/storeward/core/api"
)

// shop plays one store. Node 0 was active until the failover, node 1 since.
type shop struct {
	name   string
	nodes  []*node
	active int
	died   time.Time // when node 1-active was last cut off, for the gap in its points
	back   time.Time
	silent bool      // its line is cut: nothing comes any more
	missed time.Time // since when nobody hears the active node, and its UPS refuses; zero: it lives
	alone  bool      // its standby is broken
	tended time.Time // somebody works at a resource until then; zero: nobody does
	seq    int
}

// connectAll makes five stores: one with a past that is tended, a healthy one, one without
// redundancy, one whose line is cut, and one whose active node has just fallen silent while
// its UPS refuses; and a sixth that is only enrolled.
func connectAll(ctx context.Context, data, link string) ([]*shop, error) {
	shops := []*shop{{name: "s0001", tended: time.Now().Add(40 * time.Minute)}, {name: "s0002"}, {name: "s0003", alone: true}, {name: "s0004", silent: true}, {name: "s0006", missed: time.Now()}}
	for _, s := range shops {
		for _, name := range []string{"alpha", "beta"} {
			n, err := connect(ctx, data, link, s.name, name)
			if err != nil {
				return nil, err
			}
			s.nodes = append(s.nodes, n)
		}
	}
	n, err := connect(ctx, data, link, "s0005", "alpha")
	if err != nil {
		return nil, err
	}
	n.conn.Close()
	return shops, nil
}

func (s *shop) close() {
	for _, n := range s.nodes {
		n.conn.Close()
	}
}

// past delivers the last hour.
func (s *shop) past(ctx context.Context, now time.Time) error {
	for i, n := range s.nodes {
		if err := n.send(ctx, s.inventory(now, i), event(now.Add(-time.Hour), &api.Event{
			Kind: api.KindNodeStarted, Severity: api.Severity_SEVERITY_INDETERMINATE, Object: "node/" + n.name,
			Message: "The daemon runs on " + n.name, Attributes: map[string]string{"boot": "fresh"},
		})); err != nil {
			return err
		}
	}
	cut := now.Add(-8 * time.Minute)
	if s.name == "s0001" {
		s.died, s.back = cut, cut.Add(95*time.Second)
	}
	for at := now.Add(-time.Hour); at.Before(now); at = at.Add(5 * time.Second) {
		if s.name == "s0001" && !at.Before(cut) {
			s.active = 1
		}
		for i, n := range s.nodes {
			if p := s.points(at, i); p != nil {
				if err := n.send(ctx, points(at, p)); err != nil {
					return err
				}
			}
		}
	}
	switch {
	case s.name == "s0001":
		if err := s.slow(ctx, now.Add(-75*time.Hour), s.nodes[1], s.nodes[0]); err != nil {
			return err
		}
		if err := s.recorded(ctx, now.Add(-50*time.Minute), s.nodes[1]); err != nil {
			return err
		}
		return s.story(ctx, cut, s.nodes[0], s.nodes[1])
	case s.alone:
		return s.nodes[0].send(ctx, event(now.Add(-9*time.Minute), &api.Event{
			Kind: api.KindRedundancyLost, Severity: api.Severity_SEVERITY_MAJOR, Object: "node/beta", Condition: api.ConditionNotRedundant,
			Message: "beta cannot take over: its UPS card does not answer",
		}), event(now.Add(-9*time.Minute), &api.Event{
			Kind: api.KindFenceUnhealthy, Severity: api.Severity_SEVERITY_MAJOR, Object: "fence/ups-beta", Condition: api.ConditionUnhealthy,
			Message: "ups-beta cannot be read: no answer within 2s",
		}))
	case s.silent:
		return s.tell(now)
	case !s.missed.IsZero():
		return s.refused(ctx, now)
	}
	return nil
}

// present delivers one second.
func (s *shop) present(ctx context.Context, now time.Time) error {
	if s.silent {
		return nil
	}
	s.seq++
	if err := s.tell(now); err != nil {
		return err
	}
	if s.seq%5 == 0 {
		for i, n := range s.nodes {
			if p := s.points(now, i); p != nil {
				if err := n.send(ctx, points(now, p)); err != nil {
					return err
				}
			}
		}
	}
	if s.seq%47 == 0 && s.name == "s0002" {
		return s.slowProbe(ctx, now)
	}
	return nil
}

// refused tells of an active node that fell silent and cannot be switched off.
func (s *shop) refused(ctx context.Context, now time.Time) error {
	return s.nodes[1].send(ctx, event(now, &api.Event{
		Kind: api.KindPeerSilent, Severity: api.Severity_SEVERITY_CRITICAL, Object: "node/alpha", Condition: api.ConditionUnreachable,
		Message: "alpha is silent on every link",
	}), event(now, &api.Event{
		Kind: api.KindFenceFailed, Severity: api.Severity_SEVERITY_CRITICAL, Object: "fence/ups-alpha", Condition: api.ConditionUnconfirmed,
		Message: "ups-alpha refused the order: alpha is not known to be off, and nobody takes over",
	}))
}

// slowProbe raises or clears a small alarm, so that something moves.
func (s *shop) slowProbe(ctx context.Context, now time.Time) error {
	ev := &api.Event{
		Kind: api.KindProbeDegraded, Severity: api.Severity_SEVERITY_WARNING, Object: "probe/web", Condition: api.ConditionDegraded,
		Message: "The shop page answered in 812 ms, more than 500 ms",
	}
	if s.seq/47%2 == 0 {
		ev.Kind, ev.Severity, ev.Message = api.KindProbeRecovered, api.Severity_SEVERITY_CLEARED, "The shop page answers in time again"
	}
	return s.nodes[0].send(ctx, event(now, ev))
}

// failover plays a failover from the active node to the other one, now.
func (s *shop) failover(ctx context.Context, now time.Time) error {
	failed, survivor := s.nodes[s.active], s.nodes[1-s.active]
	s.active = 1 - s.active
	s.died, s.back = now, now
	return s.story(ctx, now, failed, survivor)
}

func (s *shop) inventory(now time.Time, i int) *api.Envelope {
	return &api.Envelope{Time: timestamppb.New(now), Body: &api.Envelope_Inventory{Inventory: &api.Inventory{Facts: map[string]string{
		"model": "ThinkServer TS150", "serial": fmt.Sprintf("S4%s%d", s.name, i), "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0-28-amd64",
		"cpu_model": "Intel Xeon E3-1225 v6", "cpus": "4", "memory_bytes": "17179869184", "storeward_version": app.Version,
		"ups/ups-" + s.nodes[i].name + "/model": "Smart-UPS 1500", "ups/ups-" + s.nodes[i].name + "/firmware": "UPS 09.3",
	}}}}
}

// wave is a smooth made-up value between low and high.
func wave(at time.Time, period time.Duration, phase, low, high float64) float64 {
	x := math.Sin(2*math.Pi*float64(at.UnixNano()%int64(period))/float64(period) + phase)
	return low + (high-low)*(x+1)/2
}
