// Package findings draws typed conclusions from an incident's evidence: what
// most likely happened, and what else stood out. It is pure. Every finding names
// where its evidence lies and how sure it is, and none claims more than that
// evidence shows: where power cannot be told from a hang, it says so.
package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
)

// The types of findings. A type, once published, keeps its meaning: advice and rules rely on it.
const (
	NodePowerLost     = "node.power-lost"
	NodeHung          = "node.hung"
	NodeIsolated      = "node.isolated"
	NodeDaemonSilent  = "node.daemon-silent"
	NodeUnreachable   = "node.unreachable"
	NodeStalled       = "node.stalled"
	SingleNode        = "single-node"
	BeatsLate         = "beats.late-before-failure"
	LinkLost          = "link.lost"
	NetworkIsolated   = "network.isolated"
	LayerUnwell       = "layer.unwell-before-failure"
	NodeAskedForCut   = "node.asked-to-be-cut"
	MemoryExhausted   = "memory.exhausted"
	MemoryLow         = "memory.low"
	DiskFull          = "disk.full"
	DiskNearlyFull    = "disk.nearly-full"
	DiskFailing       = "disk.failing"
	FilesystemRO      = "filesystem.read-only"
	CPUSaturated      = "cpu.saturated"
	UPSOnBattery      = "ups.on-battery"
	UPSBatteryLow     = "ups.battery-low"
	FenceSlow         = "fence.slow"
	FenceUnconfirmed  = "fence.unconfirmed"
	FenceUnhealthy    = "fence.unhealthy"
	FenceDegraded     = "fence.degraded"
	PluginDied        = "plugin.died"
	ServiceDied       = "service.died"
	ServiceFailed     = "service.failed"
	ServiceBlocked    = "service.blocked"
	CapacityNearLimit = "capacity.near-limit"
	JournalDamaged    = "journal.damaged"
	ConfigDiffers     = "configuration.differs"
)

const (
	warning  = api.Severity_SEVERITY_WARNING
	minor    = api.Severity_SEVERITY_MINOR
	major    = api.Severity_SEVERITY_MAJOR
	critical = api.Severity_SEVERITY_CRITICAL
)

// Answer is what a question to the dead node brought.
type Answer int

// Unknown is the zero value: a question not asked, or not answered either way.
const (
	Unknown Answer = iota
	Yes
	No
)

// Signs are what was found of the silent node between its last beat and the first
// fence order. What was read later says nothing: the order itself may have done it.
type Signs struct {
	Power    Answer // its supply's output was read on (Yes) or off (No)
	Carrier  Answer // the direct cable has a carrier
	ICMP     Answer // it answers an echo request
	ARP      Answer // it answers who-has
	Services Answer // one of its own services answers
}

// Said is what the failed node's last beat told of itself.
type Said struct {
	Active    bool
	PingGroup Answer // it reached its ping group
	CutMe     bool   // it could not stop something
	Layers    []beat.Layer
}

// Case is an incident as far as it is known, and what else bears on it.
type Case struct {
	Incident *api.Incident
	Signs    Signs
	// Said is nil where no beat is known.
	Said *Said
	// OrderLife is how long a fence order may take by the configuration; 0: 1 s.
	OrderLife time.Duration
	// Warntime is the age at which a beat counts as late; 0: lateness is not looked at.
	Warntime time.Duration
}

// Of draws the findings of an incident whose scenario holds the decisions' inputs.
func Of(incident *api.Incident) []*api.Finding {
	signs, said := SignsOf(incident.GetScenario(), devicesOf(incident))
	return From(Case{Incident: incident, Signs: signs, Said: said})
}

// devicesOf names the fence devices that feed the failed node, as the nodes said.
func devicesOf(incident *api.Incident) []string {
	var devices []string
	for _, s := range incident.GetSnapshots() {
		for _, f := range s.GetStatus().GetFenceDevices() {
			if slices.Contains(f.GetFeeds(), incident.GetFailedNode()) && !slices.Contains(devices, f.GetName()) {
				devices = append(devices, f.GetName())
			}
		}
	}
	return devices
}

// From returns the findings, the most severe and surest first; nil if nothing stands out.
func From(c Case) []*api.Finding {
	if c.Incident == nil {
		return nil
	}
	d := &drawer{Case: c}
	d.death()
	d.lastBeat()
	d.redundancy()
	d.timeline()
	d.fence()
	d.lateness()
	for _, s := range c.Incident.GetSnapshots() {
		d.machine(s)
		d.kernel(s)
		d.flight(s)
		d.status(s)
		d.capacity(s)
	}
	d.configuration()
	slices.SortStableFunc(d.list, func(a, b *api.Finding) int {
		return cmp.Or(cmp.Compare(b.GetSeverity(), a.GetSeverity()), cmp.Compare(b.GetConfidence(), a.GetConfidence()), cmp.Compare(a.GetType(), b.GetType()))
	})
	return d.list
}

// drawer collects findings.
type drawer struct {
	Case
	list []*api.Finding
}

// add notes a finding; one of the same type and text only gains its evidence.
func (d *drawer) add(kind string, severity api.Severity, confidence float64, text string, evidence ...string) {
	for _, f := range d.list {
		if f.GetType() == kind && f.GetText() == text {
			for _, e := range evidence {
				if !slices.Contains(f.Evidence, e) {
					f.Evidence = append(f.Evidence, e)
				}
			}
			f.Confidence = max(f.Confidence, confidence)
			return
		}
	}
	d.list = append(d.list, &api.Finding{Type: kind, Severity: severity, Confidence: confidence, Text: text, Evidence: evidence})
}

// path names a place in a node's snapshot.
func path(s *api.Snapshot, parts ...string) string {
	return "snapshot/" + s.GetNode() + "/" + strings.Join(parts, "/")
}

func percent(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*ratio) }

// seconds prints a duration with as many digits as matter.
func seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.0f min", s/60)
}
