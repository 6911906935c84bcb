package findings

import (
	"fmt"
	"strings"

	"github.com/storeward/storeward/core/api"
)

const (
	batteryLow      = .25 // of its charge
	batteryShort    = 300 // seconds that it lasts
	fenceGoal       = 1.0 // seconds, where the configuration names no order life
	fenceWorthwhile = .5  // seconds below which a fence is never called slow
)

// status looks at what a node said of its links, fence devices and network.
func (d *drawer) status(s *api.Snapshot) {
	d.links(s)
	for _, f := range s.GetStatus().GetFenceDevices() {
		d.device(s, f)
	}
	if s.GetStatus().GetPingGroup() == api.HealthDown {
		d.add(NetworkIsolated, major, .9, s.GetNode()+" reached no address of the ping group: its network is cut off, or they all failed", path(s, "status/ping_group"))
	}
}

// links finds lost links. It speaks only while another link is well: with all
// silent, the node at the other end is the likelier cause.
func (d *drawer) links(s *api.Snapshot) {
	well := false
	for _, l := range s.GetStatus().GetLinks() {
		well = well || l.GetHealth() == api.HealthOK
	}
	for _, l := range s.GetStatus().GetLinks() {
		if !well || l.GetHealth() != api.HealthDown {
			continue
		}
		text, confidence := fmt.Sprintf("%s hears nothing on link %s while another link is well", s.GetNode(), l.GetName()), .9
		if l.GetCarrier() == "down" {
			text, confidence = fmt.Sprintf("link %s of %s has no carrier: the cable, or the port at one end", l.GetName(), s.GetNode()), 1
		}
		d.add(LinkLost, minor, confidence, text, path(s, "status/links", l.GetName()))
	}
}

func (d *drawer) device(s *api.Snapshot, f *api.FenceDeviceStatus) {
	values, at := f.GetValues(), path(s, "status/fence_devices", f.GetName())
	feeds := strings.Join(f.GetFeeds(), " and ")
	onBattery := values["on_battery"] == 1
	if onBattery {
		d.add(UPSOnBattery, major, 1, fmt.Sprintf("%s, which feeds %s, runs on its battery: its mains failed", f.GetName(), feeds), at+"/on_battery")
	}
	charge, known := values["battery_charge_ratio"]
	left, timed := values["battery_seconds_remaining"]
	switch {
	case known && charge < batteryLow:
		d.add(UPSBatteryLow, major, 1, fmt.Sprintf("the battery of %s is at %s", f.GetName(), percent(charge)), at+"/battery_charge_ratio")
	case onBattery && timed && left < batteryShort:
		d.add(UPSBatteryLow, major, .9, fmt.Sprintf("the battery of %s lasts %s more", f.GetName(), seconds(left)), at+"/battery_seconds_remaining")
	}
	if f.GetHealth() == api.HealthDown || f.GetHealth() == api.HealthUnknown {
		d.add(FenceUnhealthy, major, .9, fmt.Sprintf("%s could not be read: %s cannot be fenced safely until it can", f.GetName(), feeds), at+"/health")
	}
}

// fence judges how long the fence took and whether it was confirmed.
func (d *drawer) fence() {
	goal := fenceGoal
	if d.OrderLife > 0 {
		goal = d.OrderLife.Seconds()
	}
	for _, p := range d.Incident.GetPhases() {
		took := p.GetDurationSeconds()
		if p.GetName() != "fence" || !p.GetOk() || took < fenceWorthwhile {
			continue
		}
		whole := d.Incident.GetRecoverySeconds()
		if took > goal || whole > 0 && took > whole/2 {
			text := fmt.Sprintf("fencing took %s", seconds(took))
			if whole > 0 {
				text += fmt.Sprintf(", %s of the recovery", percent(took/whole))
			}
			d.add(FenceSlow, warning, 1, text, "phases/fence")
		}
	}
}

// timelineSigns are events that are findings by themselves; the event's own sentence says it best.
var timelineSigns = map[string]struct {
	kind       string
	severity   api.Severity
	confidence float64
}{
	api.KindPluginDied:        {PluginDied, minor, 1},
	api.KindPluginSilent:      {PluginDied, minor, .9},
	api.KindPluginGarbage:     {PluginDied, minor, .9},
	api.KindResourceRestarted: {ServiceDied, minor, .95},
	api.KindResourceFailed:    {ServiceFailed, major, .95},
	api.KindResourceBlocked:   {ServiceBlocked, critical, 1},
	api.KindFenceFailed:       {FenceUnconfirmed, critical, 1},
	api.KindFenceDegraded:     {FenceDegraded, minor, 1},
	api.KindNodeLate:          {NodeStalled, warning, 1},
	api.KindLinkLate:          {BeatsLate, warning, .9},
	api.KindPingGroupLost:     {NetworkIsolated, major, .9},
	api.KindJournalCorrupt:    {JournalDamaged, critical, 1},
	api.KindUPSOnBattery:      {UPSOnBattery, major, 1},
}

// timeline turns events into findings. An event that clears is none, and beats are
// late before a failure only if they were late before the silence.
func (d *drawer) timeline() {
	silent := false
	for _, t := range d.Incident.GetTimeline() {
		silent = silent || t.GetKind() == api.KindPeerSilent
		sign, known := timelineSigns[t.GetKind()]
		if !known || t.GetSeverity() == api.Severity_SEVERITY_CLEARED || t.GetKind() == api.KindLinkLate && silent {
			continue
		}
		text := strings.TrimSuffix(t.GetText(), ".")
		if text == "" {
			text = t.GetObject()
		}
		d.add(sign.kind, sign.severity, sign.confidence, text, "timeline/"+t.GetKind()+"/"+t.GetObject())
	}
}
