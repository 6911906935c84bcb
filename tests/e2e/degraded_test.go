package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
)

// TestM9UPSOnBattery: mains fail at one node's UPS. The NMS hears of it and of its end,
// the console shows an alarm and one small incident with how both nodes were.
func TestM9UPSOnBattery(t *testing.T) {
	s := open(t, harness.Options{Console: true, NMS: true})
	active := s.whole()
	client, err := s.HQ.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	device := "fence/ups-" + active.Name
	s.do("ups", active.ID(), "battery")
	s.trapped("STOREWARD-MIB::storewardUpsOnBattery")
	s.eventually(15*time.Second, "the console shows the alarm", func() (string, bool) {
		alarms, err := s.alarmsOf(client, device)
		return fmt.Sprint(alarms, err), err == nil && strings.Join(alarms, " ") == "on-battery"
	})
	for _, n := range s.Store.Nodes { // wherever the operator sits
		s.eventually(10*time.Second, "the status of "+n.Name+" names the alarm", func() (string, bool) {
			text, err := s.Ctl(t.Context(), n, "status")
			told := strings.Contains(text, ", told by ")
			return text, err == nil && strings.Contains(text, "SERVED AND SAFE, 1 alarm stands: ") && strings.Contains(text, device) && told == (n == active)
		})
	}
	s.eventually(30*time.Second, "the console shows one incident with both nodes", func() (string, bool) {
		incidents, err := s.incidentsOf(t.Context(), client, "degraded")
		if err != nil || len(incidents) != 1 || incidents[0].Closed == nil {
			return fmt.Sprintf("%+v %v", incidents, err), false
		}
		var found incident
		if err := client.Get(t.Context(), "/api/v1/incidents/"+incidents[0].ID, &found); err != nil {
			return err.Error(), false
		}
		nodes := map[string]bool{}
		for _, snapshot := range found.Snapshots {
			nodes[snapshot.Node] = snapshot.Source == "self"
		}
		return fmt.Sprint(nodes), nodes["alpha"] && nodes["beta"]
	})
	s.do("ups", active.ID(), "mains")
	s.trapped("STOREWARD-MIB::storewardUpsOnMains")
	s.eventually(15*time.Second, "the alarm ends", func() (string, bool) {
		alarms, err := s.alarmsOf(client, device)
		return fmt.Sprint(alarms, err), err == nil && len(alarms) == 0
	})
	s.do("ups", active.ID(), "worn")
	s.trapped("STOREWARD-MIB::storewardFenceDegraded")
	s.do("ups", active.ID(), "silent")
	s.trapped("STOREWARD-MIB::storewardFenceUnhealthy")
	s.do("ups", active.ID(), "well")
	s.eventually(15*time.Second, "everything is well again", func() (string, bool) {
		alarms, err := s.alarmsOf(client, device)
		return fmt.Sprint(alarms, err), err == nil && len(alarms) == 0
	})
	if s.whole() != active {
		t.Error("a UPS on its battery moved the store")
	}
}

// trapped waits until snmptrapd has written a notification's name.
func (s *store) trapped(name string) {
	s.t.Helper()
	s.eventually(25*time.Second, "snmptrapd hears of "+name, func() (string, bool) {
		text, err := os.ReadFile(s.Lab.LogOf("snmptrapd"))
		return fmt.Sprint(err), err == nil && strings.Contains(string(text), name)
	})
}

// alarmsOf are the conditions of an object that the console shows as raised.
func (s *store) alarmsOf(client *harness.ConsoleClient, object string) ([]string, error) {
	var list struct {
		Alarms []struct{ Object, Condition string } `json:"alarms"`
	}
	err := client.Get(s.t.Context(), "/api/v1/alarms?store="+s.Store.Name, &list)
	var out []string
	for _, a := range list.Alarms {
		if a.Object == object {
			out = append(out, a.Condition)
		}
	}
	return out, err
}

// incidentsOf are the store's incidents of a kind, newest first.
func (s *store) incidentsOf(ctx context.Context, client *harness.ConsoleClient, kind string) ([]incident, error) {
	var list struct {
		Incidents []incident `json:"incidents"`
	}
	err := client.Get(ctx, "/api/v1/incidents?limit=100", &list)
	var out []incident
	for _, i := range list.Incidents {
		if i.Kind == kind {
			out = append(out, i)
		}
	}
	return out, err
}
