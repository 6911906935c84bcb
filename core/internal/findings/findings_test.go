package findings

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests get into the golden files")

var opened = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func text(list []*api.Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s %s %.2f: %s\n    %s\n", strings.ToLower(strings.TrimPrefix(f.GetSeverity().String(), "SEVERITY_")),
			f.GetType(), f.GetConfidence(), f.GetText(), strings.Join(f.GetEvidence(), " "))
	}
	return b.String()
}

// silent is the incident of a node that fell silent, with nothing else known.
func silent() *api.Incident {
	return &api.Incident{
		Kind: api.IncidentFailover, FailedNode: "alpha", Survivor: "beta", Opened: timestamppb.New(opened),
		Redundant: timestamppb.New(opened.Add(time.Minute)),
		Timeline:  []*api.TimelineEntry{{Kind: api.KindPeerSilent, Object: "node/alpha", Text: "alpha is silent.", Severity: critical}},
	}
}

// Every combination of signs, and what is concluded from it: at most one cause, never more than the signs show.
func TestDeath(t *testing.T) {
	var b strings.Builder
	words := map[Answer]string{Unknown: "?", Yes: "yes", No: "no"}
	all := []Answer{Unknown, Yes, No}
	for _, power := range all {
		for _, carrier := range all {
			for _, icmp := range all {
				for _, arp := range all {
					for _, services := range all {
						list := From(Case{Incident: silent(), Signs: Signs{power, carrier, icmp, arp, services}})
						if len(list) != 1 || list[0].GetConfidence() > .95 || len(list[0].GetEvidence()) == 0 {
							t.Fatalf("%v", list)
						}
						f := list[0]
						if f.GetType() == NodePowerLost && power != No && carrier != No {
							t.Errorf("power lost without a sign of it: %v", f)
						}
						if f.GetType() == NodePowerLost && power != No && (icmp == Yes || arp == Yes || services == Yes) {
							t.Errorf("power lost of a node that answers: %v", f)
						}
						fmt.Fprintf(&b, "power %-3s carrier %-3s icmp %-3s arp %-3s services %-3s -> %s %.2f\n",
							words[power], words[carrier], words[icmp], words[arp], words[services], f.GetType(), f.GetConfidence())
					}
				}
			}
		}
	}
	golden(t, "testdata/death.golden", b.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// Each testdata/NAME.incident is an incident in protobuf's text format; NAME.findings is what is concluded.
func TestIncidents(t *testing.T) {
	files, err := filepath.Glob("testdata/*.incident")
	if err != nil || len(files) == 0 {
		t.Fatalf("no incidents (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".incident"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			incident := &api.Incident{}
			if err := prototext.Unmarshal(content, incident); err != nil {
				t.Fatal(err)
			}
			before := proto.Clone(incident)
			list := From(Case{Incident: incident, Warntime: 500 * time.Millisecond})
			if !proto.Equal(before, incident) {
				t.Error("the incident was changed")
			}
			golden(t, strings.TrimSuffix(file, ".incident")+".findings", text(list))
		})
	}
}

func TestNothing(t *testing.T) {
	for _, i := range []*api.Incident{nil, {}, {Kind: api.IncidentSwitchover, FailedNode: "alpha"}, {Kind: api.IncidentFailover, FailedNode: "alpha"}} {
		if got := From(Case{Incident: i}); got != nil {
			t.Errorf("%v: %s", i, text(got))
		}
	}
}

func samples(from, to int, values map[string]float64) []*api.Sample {
	var list []*api.Sample
	for s := from; s < to; s++ {
		list = append(list, &api.Sample{Time: timestamppb.New(opened.Add(time.Duration(s) * time.Second)), Values: values})
	}
	return list
}

// A node whose own record goes on was not dead; one that booted again much later was.
func TestRanOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		flight []*api.Sample
		source string
		power  Answer
		want   string
	}{
		{"it ran on", samples(-60, 20, nil), "self", Yes, NodeIsolated},
		{"it ended at once", samples(-60, 0, nil), "self", Unknown, NodeUnreachable},
		{"within the clocks' doubt", samples(-60, 4, nil), "self", Unknown, NodeUnreachable},
		{"it booted again", append(samples(-60, 0, nil), samples(20, 60, nil)...), "self", Unknown, NodeUnreachable},
		{"the record does not reach the moment", samples(30, 60, nil), "self", Unknown, NodeUnreachable},
		{"what the peer kept of it", samples(-60, 20, nil), "peer channel", Unknown, NodeUnreachable},
		{"its supply was off", samples(-60, 20, nil), "self", No, NodePowerLost},
	} {
		i := silent()
		i.Snapshots = []*api.Snapshot{{Node: "alpha", Source: c.source, Flight: c.flight}}
		list := From(Case{Incident: i, Signs: Signs{Power: c.power}})
		if c.power == Yes {
			list = From(Case{Incident: i, Signs: Signs{Power: Yes, ICMP: No, ARP: No}})
		}
		if len(list) != 1 || list[0].GetType() != c.want {
			t.Errorf("%s: %s", c.name, text(list))
		}
	}
}

// TestFlightOfLongAgo: beats that were late minutes before say nothing about a failure.
func TestFlightOfLongAgo(t *testing.T) {
	i := silent()
	i.Snapshots = []*api.Snapshot{{Node: "beta", Source: "self", Flight: samples(-60, -int(lateFor/time.Second), map[string]float64{"link/lan/lateness_seconds": .7})}}
	if list := From(Case{Incident: i, Warntime: 500 * time.Millisecond}); strings.Contains(text(list), "late") {
		t.Error(text(list))
	}
}

func TestFlight(t *testing.T) {
	i := silent()
	i.Snapshots = []*api.Snapshot{
		{Node: "alpha", Source: "peer channel", Flight: samples(-30, 0, map[string]float64{"host/cpu_used_ratio": .99, "host/memory_used_ratio": .995})},
		{Node: "beta", Source: "self", Flight: append(
			samples(-30, 0, map[string]float64{"host/cpu_used_ratio": .4, "link/lan/lateness_seconds": .7, "link.cable.lateness_seconds": .6}),
			samples(0, 10, map[string]float64{"host/cpu_used_ratio": 1, "link/cable/lateness_seconds": 9})...)},
	}
	golden(t, "testdata/flight.golden", text(From(Case{Incident: i, Warntime: 500 * time.Millisecond})))
}

func TestWatcher(t *testing.T) {
	reading := func(id, device string, power beat.Tri) failover.FenceAnswer {
		return failover.FenceAnswer{ID: id, Device: device, Power: power}
	}
	mute := failover.Analysis{ICMP: beat.No, ARP: beat.No}
	for _, c := range []struct {
		name   string
		events []failover.Event
		want   Signs
	}{
		{"a reading before the last beat is void", []failover.Event{
			reading("", "ups-alpha", beat.Yes), failover.BeatHeard{}, mute, reading("fence-off-1", "ups-alpha", beat.No),
		}, Signs{ICMP: No, ARP: No}},
		{"read on in the silence, off by the order", []failover.Event{
			failover.BeatHeard{}, reading("fence-read-1", "ups-alpha", beat.Yes), mute, reading("fence-off-1", "ups-alpha", beat.No),
		}, Signs{Power: Yes, ICMP: No, ARP: No}},
		{"read off before the order", []failover.Event{
			failover.BeatHeard{}, reading("", "ups-alpha", beat.No), reading("fence-off-1", "ups-alpha", beat.No),
		}, Signs{Power: No}},
		{"its own supply says nothing of the peer", []failover.Event{
			failover.BeatHeard{}, reading("", "ups-beta", beat.Yes), mute,
		}, Signs{ICMP: No, ARP: No}},
		{"what came after the order says nothing", []failover.Event{
			failover.BeatHeard{},
			failover.LinkState{Carrier: beat.Yes},
			reading("fence-off-1", "ups-alpha", beat.Unknown),
			failover.LinkState{Carrier: beat.No},
			reading("", "ups-alpha", beat.No), mute,
		}, Signs{Carrier: Yes}},
		{"the peer came back", []failover.Event{
			failover.BeatHeard{}, mute, reading("fence-off-1", "ups-alpha", beat.No), failover.BeatHeard{},
		}, Signs{ICMP: No, ARP: No}},
		{"a second silence", []failover.Event{
			failover.BeatHeard{},
			mute, reading("fence-off-1", "ups-alpha", beat.No),
			failover.BeatHeard{},
			failover.Analysis{ICMP: beat.Yes},
			reading("fence-off-2", "ups-alpha", beat.No),
		}, Signs{ICMP: Yes}},
		{"an unknown answer takes nothing away", []failover.Event{
			failover.BeatHeard{}, mute, failover.Analysis{},
		}, Signs{ICMP: No, ARP: No}},
	} {
		w := watcher{devices: []string{"ups-alpha"}, power: map[string]Answer{}, heard: true}
		for _, e := range c.events {
			w.see(e)
		}
		got := w.now()
		if w.ordered != nil {
			got = *w.ordered
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestTwoSupplies(t *testing.T) {
	for _, c := range []struct{ a, b, want Answer }{
		{No, No, No},
		{No, Yes, Yes},
		{No, Unknown, Unknown},
		{Unknown, Unknown, Unknown},
	} {
		w := watcher{devices: []string{"a", "b"}, power: map[string]Answer{"a": c.a, "b": c.b}}
		if got := w.now().Power; got != c.want {
			t.Errorf("%v and %v: %v", c.a, c.b, got)
		}
	}
}

// What a node's ring of decision inputs holds is read as the machine writes it.
func TestSignsOfScenario(t *testing.T) {
	events := []failover.Event{
		failover.BeatHeard{Link: "cable", Taken: time.Second, Beat: beat.Beat{
			Role: beat.Active, PingGroup: beat.No, Layers: []beat.Layer{{Name: "db", Health: beat.Down}},
		}},
		failover.LinkState{Link: "cable", Carrier: beat.No, Taken: 2 * time.Second},
		failover.FenceAnswer{ID: "fence-read-1", Device: "ups-alpha", Power: beat.Yes, Taken: 2 * time.Second},
		failover.Analysis{ID: "analyse-1", ICMP: beat.No, ARP: beat.No, Final: true},
		failover.FenceAnswer{ID: "fence-off-2", Device: "ups-alpha", Power: beat.No, Taken: 3 * time.Second},
	}
	scenario := "policy self=beta\n# a remark\n"
	for i, e := range events {
		scenario += fmt.Sprintf("%ds %s\n", i, e)
	}
	got, said := SignsOf(scenario, []string{"ups-alpha"})
	if said == nil || !said.Active || said.PingGroup != No || len(said.Layers) != 1 {
		t.Errorf("said %+v", said)
	}
	if want := (Signs{Power: Yes, Carrier: No, ICMP: No, ARP: No}); got != want {
		t.Errorf("%+v, want %+v from\n%s", got, want, scenario)
	}
	incident := silent()
	incident.Scenario = scenario
	incident.Snapshots = []*api.Snapshot{{Node: "beta", Status: &api.Status{
		FenceDevices: []*api.FenceDeviceStatus{{Name: "ups-alpha", Feeds: []string{"alpha"}, Health: "ok"}},
	}}}
	golden(t, "testdata/scenario.golden", text(Of(incident)))
}

func TestLastBeat(t *testing.T) {
	layers := []beat.Layer{{Name: "ip", Health: beat.OK}, {Name: "db", Health: beat.Down}, {Name: "queue", Health: beat.Down}, {Name: "web", Health: beat.Degraded}, {Name: "app"}}
	var b strings.Builder
	for _, c := range []struct {
		name string
		said *Said
	}{
		{"nothing is known", nil},
		{"all was well", &Said{Active: true, PingGroup: Yes, Layers: layers[:1]}},
		{"the active one was sick", &Said{Active: true, PingGroup: Yes, Layers: layers}},
		{"a standby's layers are down because they shall be", &Said{PingGroup: Yes, Layers: layers}},
		{"it was cut off and could not stop", &Said{Active: true, PingGroup: No, CutMe: true}},
	} {
		fmt.Fprintf(&b, "%s:\n%s", c.name, text(From(Case{Incident: silent(), Said: c.said})))
	}
	golden(t, "testdata/last-beat.golden", b.String())
}
