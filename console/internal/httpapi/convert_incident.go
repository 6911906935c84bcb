package httpapi

import (
	"time"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/incident"
	"github.com/storeward/storeward/core/api"
)

// How far a chart reaches before an incident and after its last moment.
const (
	chartBefore = 5 * time.Minute
	chartAfter  = 5 * time.Minute
)

func incidentRow(i *db.Incident) IncidentRow {
	return IncidentRow{
		ID: i.ID, Store: i.Store, Kind: i.Kind, Title: i.Title, Severity: severityWord(api.Severity(i.Severity)),
		Opened: db.Time(i.Opened), Closed: some(db.Time(i.Closed)), Redundant: some(db.Time(i.Redundant)),
		FailedNode: i.FailedNode, Survivor: i.Survivor, Generation: i.Generation, RecoverySeconds: finite(i.RecoverySeconds),
		Revision: i.Revision, Updated: db.Time(i.Updated),
	}
}

func incidentRows(rows []db.Incident) []IncidentRow {
	return list(rows, func(i db.Incident) IncidentRow { return incidentRow(&i) })
}

func failoverSummary(since time.Time, f *incident.Failovers) FailoverSummary {
	out := FailoverSummary{Since: since, Count: f.Count, UnderWay: f.UnderWay}
	if f.Slowest != nil {
		row := incidentRow(f.Slowest)
		out.Slowest = &row
	}
	return out
}

func incidentDetail(row *db.Incident, i *api.Incident, events []db.Event) *IncidentDetail {
	return &IncidentDetail{
		IncidentRow: incidentRow(row),
		Phases:      list(i.GetPhases(), phaseView),
		Timeline:    list(i.GetTimeline(), timelineView),
		Findings:    list(i.GetFindings(), findingView),
		Snapshots:   list(i.GetSnapshots(), snapshotView),
		Events:      eventViews(events),
		Scenario:    i.GetScenario(),
		Chart:       chartWindow(row, i),
	}
}

// chartWindow reaches from some minutes before the incident to some minutes
// after the last thing that is known to have happened in it.
func chartWindow(row *db.Incident, i *api.Incident) ChartWindow {
	start := db.Time(row.Opened)
	end := start
	for _, t := range []time.Time{db.Time(row.Closed), db.Time(row.Redundant)} {
		if t.After(end) {
			end = t
		}
	}
	for _, e := range i.GetTimeline() {
		if t := stamp(e.GetTime()); t.After(end) {
			end = t
		}
	}
	return ChartWindow{Start: start.Add(-chartBefore), End: end.Add(chartAfter)}
}

func phaseView(p *api.Phase) PhaseView {
	return PhaseView{
		Name: p.GetName(), Start: stamp(p.GetStart()), OffsetSeconds: finite(p.GetOffsetSeconds()),
		DurationSeconds: finite(p.GetDurationSeconds()), OK: p.GetOk(), Detail: p.GetDetail(),
	}
}

func timelineView(e *api.TimelineEntry) TimelineEntryView {
	return TimelineEntryView{
		Time: stamp(e.GetTime()), Node: e.GetNode(), Object: e.GetObject(),
		Severity: severityWord(e.GetSeverity()), Text: e.GetText(), Kind: e.GetKind(),
	}
}

func findingView(f *api.Finding) FindingView {
	return FindingView{
		Type: f.GetType(), Severity: severityWord(f.GetSeverity()), Text: f.GetText(),
		Evidence: list(f.GetEvidence(), same), Confidence: finite(f.GetConfidence()),
	}
}

func snapshotView(s *api.Snapshot) SnapshotView {
	return SnapshotView{
		Node: s.GetNode(), Taken: stamp(s.GetTaken()), Source: s.GetSource(), Partial: s.GetPartial(), Missing: list(s.GetMissing(), same),
		Status: statusView(s.GetStatus()), Host: hostView(s.GetHost()), Processes: list(s.GetProcesses(), processView),
		Evidence: list(s.GetEvidence(), evidenceView), LogLines: list(s.GetLogLines(), same), Flight: list(s.GetFlight(), sampleView),
	}
}

func hostView(h *api.Host) *HostView {
	if h == nil {
		return nil
	}
	return &HostView{
		UptimeSeconds: finite(h.GetUptimeSeconds()), CPUUsedRatio: finite(h.GetCpuUsedRatio()), Load1: finite(h.GetLoad1()), MemoryTotalBytes: h.GetMemoryTotalBytes(),
		MemoryAvailableBytes: h.GetMemoryAvailableBytes(), SwapUsedBytes: h.GetSwapUsedBytes(), Filesystems: list(h.GetFilesystems(), filesystemView),
		Interfaces: list(h.GetInterfaces(), interfaceView), KernelMessages: list(h.GetKernelMessages(), same), Kernel: h.GetKernel(), Model: h.GetModel(),
	}
}

func filesystemView(f *api.Filesystem) FilesystemView {
	return FilesystemView{Mount: f.GetMount(), Device: f.GetDevice(), TotalBytes: f.GetTotalBytes(), UsedBytes: f.GetUsedBytes()}
}

func interfaceView(n *api.NetworkInterface) InterfaceView {
	return InterfaceView{
		Name: n.GetName(), Up: n.GetUp(), Carrier: n.GetCarrier(), Addresses: list(n.GetAddresses(), same),
		ReceivedBytes: n.GetReceivedBytes(), SentBytes: n.GetSentBytes(), Errors: n.GetErrors(),
	}
}

func processView(p *api.Process) ProcessView {
	return ProcessView{PID: p.GetPid(), Command: p.GetCommand(), CPURatio: finite(p.GetCpuRatio()), RSSBytes: p.GetRssBytes()}
}

func evidenceView(e *api.EvidenceItem) EvidenceView {
	return EvidenceView{Name: e.GetName(), Text: e.GetText(), Values: values(e.GetValues())}
}

func sampleView(s *api.Sample) SampleView {
	return SampleView{Time: stamp(s.GetTime()), Values: values(s.GetValues())}
}
