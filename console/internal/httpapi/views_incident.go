package httpapi

import "time"

// IncidentRow is an incident in a list.
type IncidentRow struct {
	ID              string     `json:"id"`
	Store           string     `json:"store"`
	Kind            string     `json:"kind" doc:"failover, switchover, drill, outage, service, degraded, fence."`
	Title           string     `json:"title"`
	Severity        string     `json:"severity"`
	Opened          time.Time  `json:"opened"`
	Closed          *time.Time `json:"closed,omitempty"`
	Redundant       *time.Time `json:"redundant,omitempty" doc:"When both nodes were healthy again."`
	FailedNode      string     `json:"failedNode"`
	Survivor        string     `json:"survivor"`
	Generation      uint64     `json:"generation"`
	RecoverySeconds float64    `json:"recoverySeconds" doc:"Last beat heard to service verified, as the survivor measured it; of an outage from the last moment with an active node; 0: not recovered, not measured or not known."`
	Revision        uint32     `json:"revision"`
	Updated         time.Time  `json:"updated" doc:"When the console last learnt something about it."`
}

// IncidentList is the answer to GET /incidents.
type IncidentList struct {
	Incidents []IncidentRow `json:"incidents" doc:"Newest first."`
}

// FailoverSummary is the answer to GET /failovers.
type FailoverSummary struct {
	Since    time.Time    `json:"since" doc:"Failovers that began before are not counted."`
	Count    int          `json:"count" doc:"Those with a measured recovery and those under way."`
	UnderWay int          `json:"underWay" doc:"Of count: the service was not verified yet."`
	Slowest  *IncidentRow `json:"slowest,omitempty" doc:"The one with the longest recovery."`
}

// IncidentDetail is everything the incident's page needs.
type IncidentDetail struct {
	IncidentRow
	Phases    []PhaseView         `json:"phases"`
	Timeline  []TimelineEntryView `json:"timeline" doc:"Oldest first."`
	Findings  []FindingView       `json:"findings"`
	Snapshots []SnapshotView      `json:"snapshots" doc:"By node; of one node the one taken by itself comes first."`
	Events    []EventView         `json:"events" doc:"The events that name this incident, oldest first."`
	Scenario  string              `json:"scenario" doc:"The inputs of the decisions, to be replayed with storewardctl simulate."`
	Chart     ChartWindow         `json:"chart" doc:"The time range worth drawing around the moment."`
}

// ChartWindow is a range of time for charts.
type ChartWindow struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// PhaseView mirrors api.Phase.
type PhaseView struct {
	Name            string    `json:"name" doc:"detect, analyse, fence, address, storage, start, verify, announce."`
	Start           time.Time `json:"start"`
	OffsetSeconds   float64   `json:"offsetSeconds" doc:"From the incident's first moment."`
	DurationSeconds float64   `json:"durationSeconds"`
	OK              bool      `json:"ok"`
	Detail          string    `json:"detail"`
}

// TimelineEntryView mirrors api.TimelineEntry.
type TimelineEntryView struct {
	Time     time.Time `json:"time"`
	Node     string    `json:"node"`
	Object   string    `json:"object"`
	Severity string    `json:"severity"`
	Text     string    `json:"text"`
	Kind     string    `json:"kind"`
}

// FindingView mirrors api.Finding.
type FindingView struct {
	Type       string   `json:"type" example:"node.power-lost"`
	Severity   string   `json:"severity"`
	Text       string   `json:"text"`
	Evidence   []string `json:"evidence"`
	Confidence float64  `json:"confidence" doc:"0..1"`
}

// SnapshotView mirrors api.Snapshot.
type SnapshotView struct {
	Node      string         `json:"node"`
	Taken     time.Time      `json:"taken"`
	Source    string         `json:"source" doc:"self, or peer channel: what the node sent last while it lived."`
	Partial   bool           `json:"partial"`
	Missing   []string       `json:"missing"`
	Status    *StatusView    `json:"status,omitempty"`
	Host      *HostView      `json:"host,omitempty"`
	Processes []ProcessView  `json:"processes"`
	Evidence  []EvidenceView `json:"evidence"`
	LogLines  []string       `json:"logLines"`
	Flight    []SampleView   `json:"flight" doc:"Flight recorder, one sample a second, oldest first."`
}

// HostView mirrors api.Host.
type HostView struct {
	UptimeSeconds        float64          `json:"uptimeSeconds"`
	CPUUsedRatio         float64          `json:"cpuUsedRatio"`
	Load1                float64          `json:"load1"`
	MemoryTotalBytes     uint64           `json:"memoryTotalBytes"`
	MemoryAvailableBytes uint64           `json:"memoryAvailableBytes"`
	SwapUsedBytes        uint64           `json:"swapUsedBytes"`
	Filesystems          []FilesystemView `json:"filesystems"`
	Interfaces           []InterfaceView  `json:"interfaces"`
	KernelMessages       []string         `json:"kernelMessages"`
	Kernel               string           `json:"kernel"`
	Model                string           `json:"model"`
}

// FilesystemView mirrors api.Filesystem.
type FilesystemView struct {
	Mount      string `json:"mount"`
	Device     string `json:"device"`
	TotalBytes uint64 `json:"totalBytes"`
	UsedBytes  uint64 `json:"usedBytes"`
}

// InterfaceView mirrors api.NetworkInterface.
type InterfaceView struct {
	Name          string   `json:"name"`
	Up            bool     `json:"up"`
	Carrier       bool     `json:"carrier"`
	Addresses     []string `json:"addresses"`
	ReceivedBytes uint64   `json:"receivedBytes"`
	SentBytes     uint64   `json:"sentBytes"`
	Errors        uint64   `json:"errors"`
}

// ProcessView mirrors api.Process.
type ProcessView struct {
	PID      int32   `json:"pid"`
	Command  string  `json:"command"`
	CPURatio float64 `json:"cpuRatio"`
	RSSBytes uint64  `json:"rssBytes"`
}

// EvidenceView mirrors api.EvidenceItem.
type EvidenceView struct {
	Name   string             `json:"name"`
	Text   string             `json:"text"`
	Values map[string]float64 `json:"values"`
}

// SampleView mirrors api.Sample: values by name, base units.
type SampleView struct {
	Time   time.Time          `json:"time"`
	Values map[string]float64 `json:"values"`
}
