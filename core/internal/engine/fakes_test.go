package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

type fakeSink struct {
	mu        sync.Mutex
	events    []*api.Event
	incidents map[string]*api.Incident
	order     []string
	recovered []string // the titles of the revisions that told a recovery time
	points    []*api.Point
}

func (s *fakeSink) Event(e *api.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *fakeSink) Incident(i *api.Incident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.incidents[i.GetId()]; !known {
		s.order = append(s.order, i.GetId())
	}
	if i.GetRecoverySeconds() > 0 {
		s.recovered = append(s.recovered, i.GetTitle())
	}
	s.incidents[i.GetId()] = proto.Clone(i).(*api.Incident)
}

func (s *fakeSink) Points(p *api.Points) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points = append(s.points, p.GetPoints()...)
}
func (s *fakeSink) Status(*api.Status) {}

func (s *fakeSink) Backlog() (waiting, droppedPoints uint64) { return 3, 4 }

// said is what was written last about whether a node is active, and when; -1: nothing.
func (s *fakeSink) said(self, node string) (active float64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	active = -1
	for _, p := range s.points {
		about := p.GetTags()[api.TagNode]
		if about == "" {
			about = self
		}
		if value, ok := p.GetFields()["active"]; ok && p.GetMeasurement() == api.MeasureNode && about == node {
			active, at = value, time.Unix(0, p.GetTimeUnixNano())
		}
	}
	return active, at
}

func (s *fakeSink) kinds() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		out = append(out, e.GetKind()+" "+e.GetObject())
	}
	return strings.Join(out, "\n")
}

func (s *fakeSink) all() []*api.Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*api.Incident
	for _, id := range s.order {
		out = append(out, s.incidents[id])
	}
	return out
}

type fakeJournal struct {
	w     *world
	node  string
	mu    sync.Mutex
	lines []string
}

func (j *fakeJournal) SaveState(text []byte) error {
	j.w.mu.Lock()
	takes := max(j.w.saves[j.node], 2*time.Millisecond)
	j.w.mu.Unlock()
	<-time.After(takes)
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	j.w.saved[j.node] = string(text)
	return nil
}

func (j *fakeJournal) Input(line string) error {
	if j.w != nil {
		j.w.disk(j.node)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
	return nil
}

func (j *fakeJournal) Inputs() ([]string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...), nil
}

type fakePlugins struct {
	w    *world
	node string
}

func (p fakePlugins) Status() []*api.PluginStatus { return nil }

func (p fakePlugins) Secrets(_ context.Context, plugin string) []string {
	return map[string][]string{"ups": {"login"}}[plugin]
}

func (p fakePlugins) Open(_ context.Context, plugin, instance string, _ []byte) (Instance, error) {
	return &fakeInstance{w: p.w, node: p.node, plugin: plugin, name: instance}, nil
}
