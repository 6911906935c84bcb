package report

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

// TestIncidentFits: however much there is, what is sent stays below the limit and keeps what matters most.
func TestIncidentFits(t *testing.T) {
	const limit = 20000
	for _, c := range []struct{ scenario, flight, timeline int }{{0, 0, 0}, {1000, 10, 5}, {100000, 10, 5}, {100, 5000, 5}, {8000, 300, 5}, {8000, 900, 5}, {100000, 9000, 5}, {100, 10, 3000}} {
		i := &api.Incident{Id: "s1-7", Title: "alpha lost its power", Scenario: strings.Repeat("a line of input\n", c.scenario/16)}
		for n := range 2 {
			s := &api.Snapshot{Node: fmt.Sprint("node", n)}
			for range c.flight {
				s.Flight = append(s.Flight, &api.Sample{Values: map[string]float64{"host/load1": 1}})
			}
			i.Snapshots = append(i.Snapshots, s)
		}
		for n := range c.timeline {
			i.Timeline = append(i.Timeline, &api.TimelineEntry{Text: fmt.Sprint("entry ", n)})
		}
		before := proto.Clone(i)
		fit(i, limit)
		size := proto.Size(i)
		if size > limit {
			t.Errorf("%+v: %d bytes are sent, the limit is %d", c, size, limit)
		}
		if proto.Size(before) <= limit && !proto.Equal(before, i) {
			t.Errorf("%+v: an incident that fits was changed", c)
		}
		if i.Id == "" || i.Title == "" || len(i.Snapshots) != 2 {
			t.Errorf("%+v: what matters most was given up", c)
		}
		for n, s := range i.Snapshots {
			if len(s.Flight) < c.flight && (!s.Partial || len(s.Missing) == 0 || !strings.Contains(s.Missing[0], "left out")) {
				t.Errorf("%+v: snapshot %d does not tell that something was left out: %q", c, n, s.Missing)
			}
		}
		if c.scenario < limit/2 && c.flight < 1000 && c.timeline < 100 && len(i.Scenario) < c.scenario-16 {
			t.Errorf("%+v: the scenario was given up for samples: %d bytes are left", c, len(i.Scenario))
		}
		if c.timeline > 0 && i.Timeline[len(i.Timeline)-1].Text != fmt.Sprint("entry ", c.timeline-1) {
			t.Errorf("%+v: the newest entry of the timeline was given up", c)
		}
	}
}
