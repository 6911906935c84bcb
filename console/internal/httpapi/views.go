// Package httpapi is the console's HTTP face: the JSON API with its OpenAPI
// description, the live stream, the PromQL endpoints and the web pages. It reads
// the database and the series and changes only what a person asked for; what a
// store says never enters through here.
package httpapi

import "time"

// The views are the JSON of the API. They mirror core/api/api.proto: lower camel
// case, times in RFC 3339, durations in seconds, sizes in bytes, ratios 0..1.

// SessionView says who is logged in.
type SessionView struct {
	User string `json:"user" doc:"The user's name." example:"admin"`
	Role string `json:"role" enum:"viewer,operator,engineer,administrator" doc:"What the user may do."`
}

// NodeSummary is one node in a list of stores.
type NodeSummary struct {
	Node     string     `json:"node" example:"alpha"`
	Online   bool       `json:"online" doc:"A status came within the last 15 seconds."`
	Missed   bool       `json:"missed" doc:"Its peer hears nothing of it or took over, and it has said nothing since: what it said last may hold no longer."`
	Role     string     `json:"role" doc:"active, standby, joining, stopped; the last one heard when offline; empty: never heard." example:"active"`
	LastSeen *time.Time `json:"lastSeen,omitempty" doc:"When the console last heard anything of the node."`
}

// StoreSummary is one row of the overview.
type StoreSummary struct {
	Store         string        `json:"store" example:"s0001"`
	Health        string        `json:"health" enum:"ok,degraded,down,unknown" doc:"degraded: selling without redundancy or with alarms; down: no active node; unknown: the console hears nothing (a silent WAN is not a dead store)."`
	Reason        string        `json:"reason" doc:"One sentence that says why."`
	Active        string        `json:"active" doc:"The active node's name; empty when none is known."`
	Redundant     bool          `json:"redundant" doc:"Both nodes up and the standby able to take over."`
	Nodes         []NodeSummary `json:"nodes"`
	Alarms        int           `json:"alarms" doc:"Number of alarms that are raised now."`
	WorstSeverity string        `json:"worstSeverity" doc:"Of the raised alarms; empty: none." example:"major"`
	OpenIncidents int           `json:"openIncidents"`
	LastIncident  *IncidentRow  `json:"lastIncident,omitempty"`
	LastSeen      *time.Time    `json:"lastSeen,omitempty"`
	FirstSeen     time.Time     `json:"firstSeen"`
}

// StoreList is the answer to GET /stores.
type StoreList struct {
	Stores []StoreSummary `json:"stores"`
}

// StoreDetail is everything the store's page needs first.
type StoreDetail struct {
	Summary   StoreSummary  `json:"summary"`
	Nodes     []NodeDetail  `json:"nodes"`
	Alarms    []AlarmView   `json:"alarms" doc:"Raised now, worst first."`
	Incidents []IncidentRow `json:"incidents" doc:"The most recent 20, newest first."`
	Events    []EventView   `json:"events" doc:"The most recent 50, newest first."`
}

// NodeDetail is what the console knows of one node.
type NodeDetail struct {
	Node      string            `json:"node"`
	Online    bool              `json:"online"`
	Missed    bool              `json:"missed" doc:"Its peer hears nothing of it or took over, and it has said nothing since: what it said last may hold no longer."`
	LastSeen  *time.Time        `json:"lastSeen,omitempty"`
	Status    *StatusView       `json:"status,omitempty" doc:"The last status heard; its time says how old it is."`
	Inventory map[string]string `json:"inventory"`
	Journals  []JournalView     `json:"journals" doc:"The numbering of what the node sent; a gap means that something was lost."`
}

// JournalView is the console's place in one outbox of a node.
type JournalView struct {
	JournalID string    `json:"journalId"`
	Sequence  uint64    `json:"sequence" doc:"Everything up to here is in the database, but for the gaps."`
	Missing   uint64    `json:"missing" doc:"How many numbers never came."`
	LastSeen  time.Time `json:"lastSeen"`
}

// StatusView mirrors api.Status.
type StatusView struct {
	Store               string             `json:"store"`
	Node                string             `json:"node"`
	Time                time.Time          `json:"time"`
	Role                string             `json:"role" doc:"active, standby, joining, stopped."`
	Generation          uint64             `json:"generation"`
	Version             string             `json:"version"`
	KernelBootID        string             `json:"kernelBootId"`
	Incarnation         string             `json:"incarnation"`
	Started             *time.Time         `json:"started,omitempty"`
	ConfigurationDigest string             `json:"configurationDigest"`
	Decision            string             `json:"decision" doc:"The node's present decision in one sentence."`
	Modes               []ModeView         `json:"modes" doc:"What operators asked for and still holds, as this node knows it."`
	Failback            *time.Time         `json:"failback,omitempty" doc:"When this node hands back to the primary if all stays as it is (policy.failback: auto); missing: it does not."`
	Redundant           bool               `json:"redundant"`
	Links               []LinkView         `json:"links"`
	Resources           []ResourceView     `json:"resources"`
	Probes              []ProbeView        `json:"probes"`
	FenceDevices        []FenceDeviceView  `json:"fenceDevices"`
	Peer                string             `json:"peer"`
	PeerRole            string             `json:"peerRole"`
	PeerHeard           bool               `json:"peerHeard"`
	PingGroup           string             `json:"pingGroup" doc:"ok, degraded, down, unknown."`
	OutboxPending       uint64             `json:"outboxPending"`
	OutboxDroppedPoints uint64             `json:"outboxDroppedPoints"`
	Plugins             []PluginStatusView `json:"plugins"`
	Address             string             `json:"address"`
	Drill               *DrillView         `json:"drill,omitempty" doc:"The last and the next drill; missing from nodes that know of none."`
}

// DrillView mirrors api.DrillStatus.
type DrillView struct {
	Began       *time.Time `json:"began,omitempty" doc:"Missing: none was ever held."`
	Ended       *time.Time `json:"ended,omitempty" doc:"Missing: it goes on."`
	OK          bool       `json:"ok"`
	Taker       string     `json:"taker" doc:"The node that took over, or was to."`
	TookSeconds float64    `json:"tookSeconds" doc:"How long the service was away; 0: that was not measured."`
	Message     string     `json:"message" doc:"What went wrong."`
	Next        *time.Time `json:"next,omitempty" doc:"Missing: none is scheduled."`
	Overdue     bool       `json:"overdue" doc:"One was due, and none was held since."`
}

// ModeView mirrors api.ModeStatus.
type ModeView struct {
	Mode  string     `json:"mode" doc:"standby, maintenance, unmanaged, removed."`
	Name  string     `json:"name" doc:"Of the node or the resource; empty for maintenance."`
	Until *time.Time `json:"until,omitempty" doc:"Missing: without end; past: over its time, and it stays."`
}

// LinkView mirrors api.LinkStatus.
type LinkView struct {
	Name               string  `json:"name"`
	Health             string  `json:"health"`
	Direct             bool    `json:"direct"`
	Carrier            string  `json:"carrier"`
	LastHeardSeconds   float64 `json:"lastHeardSeconds" doc:"Age of the last beat; negative: never heard."`
	LatenessP99Seconds float64 `json:"latenessP99Seconds"`
	BeatsHeard         uint64  `json:"beatsHeard"`
	BeatsLost          uint64  `json:"beatsLost" doc:"Sent by the peer, and never came by this link."`
	LossRatio          float64 `json:"lossRatio" doc:"Share of lost beats in the peer's present daemon start."`
	DroppedForged      uint64  `json:"droppedForged"`
	DroppedReplayed    uint64  `json:"droppedReplayed"`
	DroppedForeign     uint64  `json:"droppedForeign"`
	Message            string  `json:"message"`
}

// ResourceView mirrors api.ResourceStatus.
type ResourceView struct {
	Name     string     `json:"name"`
	Plugin   string     `json:"plugin"`
	Mode     string     `json:"mode" doc:"active-active or active-standby."`
	State    string     `json:"state" doc:"started, stopped, starting, stopping, failed, blocked, unknown."`
	Health   string     `json:"health"`
	Message  string     `json:"message"`
	PID      int32      `json:"pid"`
	Restarts uint32     `json:"restarts"`
	Managed  bool       `json:"managed"`
	Since    *time.Time `json:"since,omitempty"`
	Layer    string     `json:"layer"`
}

// ProbeView mirrors api.ProbeStatus.
type ProbeView struct {
	Name        string             `json:"name"`
	Plugin      string             `json:"plugin"`
	Health      string             `json:"health"`
	Message     string             `json:"message"`
	Time        *time.Time         `json:"time,omitempty"`
	TookSeconds float64            `json:"tookSeconds"`
	Values      map[string]float64 `json:"values"`
	Next        *time.Time         `json:"next,omitempty"`
}

// FenceDeviceView mirrors api.FenceDeviceStatus.
type FenceDeviceView struct {
	Name    string             `json:"name"`
	Plugin  string             `json:"plugin"`
	Kind    string             `json:"kind"`
	Feeds   []string           `json:"feeds"`
	Power   string             `json:"power" doc:"on, off, unknown."`
	Health  string             `json:"health"`
	Message string             `json:"message"`
	Read    *time.Time         `json:"read,omitempty"`
	Values  map[string]float64 `json:"values"`
	Level   int32              `json:"level" doc:"1 first; a node is off when every device of one level that feeds it is."`

	OrderLifeSeconds float64    `json:"orderLifeSeconds" doc:"How long an order may take to its effect; 0: not told."`
	MeasuredSeconds  float64    `json:"measuredSeconds" doc:"What was measured of it; 0: nothing yet."`
	MeasuredBy       string     `json:"measuredBy" doc:"reading, order, cut."`
	Measured         *time.Time `json:"measured,omitempty"`
	Proven           bool       `json:"proven" doc:"Measured, and not too long ago."`
}

// PluginStatusView mirrors api.PluginStatus.
type PluginStatusView struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	PID      int32  `json:"pid"`
	Health   string `json:"health"`
	Restarts uint32 `json:"restarts"`
	Message  string `json:"message"`
}

// EventView is one thing that happened.
type EventView struct {
	Key        int64             `json:"key" doc:"The console's own number, rising in the order of arrival; pass the smallest one as before to read on."`
	ID         string            `json:"id"`
	Store      string            `json:"store"`
	Node       string            `json:"node"`
	Time       time.Time         `json:"time" doc:"When it happened, by the node's clock."`
	Received   time.Time         `json:"received" doc:"When the console stored it."`
	Kind       string            `json:"kind" example:"failover.completed"`
	Severity   string            `json:"severity" doc:"cleared, indeterminate, warning, minor, major, critical."`
	Object     string            `json:"object" example:"node/alpha"`
	Message    string            `json:"message"`
	Condition  string            `json:"condition"`
	Incident   string            `json:"incident"`
	Generation uint64            `json:"generation"`
	Attributes map[string]string `json:"attributes"`
}

// EventList is the answer to GET /stores/{store}/events.
type EventList struct {
	Events []EventView `json:"events" doc:"Newest first."`
	Next   int64       `json:"next" doc:"Pass as before to read on; 0: there is no more."`
}

// AlarmView is one alarm: a condition of an object that was raised.
type AlarmView struct {
	ID             int64      `json:"id"`
	Store          string     `json:"store"`
	Node           string     `json:"node" doc:"The node that raised it last."`
	Object         string     `json:"object"`
	Condition      string     `json:"condition"`
	Severity       string     `json:"severity" doc:"As it was raised last; cleared says whether it is over."`
	Message        string     `json:"message"`
	Incident       string     `json:"incident"`
	Raised         time.Time  `json:"raised"`
	Updated        time.Time  `json:"updated"`
	Cleared        *time.Time `json:"cleared,omitempty"`
	Count          int        `json:"count" doc:"How often it was raised since it was last clear."`
	Acknowledged   *time.Time `json:"acknowledged,omitempty"`
	AcknowledgedBy string     `json:"acknowledgedBy"`
	Comment        string     `json:"comment"`
}

// AlarmList is the answer to GET /alarms.
type AlarmList struct {
	Alarms []AlarmView `json:"alarms" doc:"Worst first, then newest first."`
}
