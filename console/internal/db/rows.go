package db

import "github.com/uptrace/bun"

// Rows mirror the tables of migrations/; see there for units and meanings.

// Store is a row of stores.
type Store struct {
	bun.BaseModel `bun:"table:stores,alias:stores"`
	Name          string `bun:",pk"`
	FirstSeen     int64
}

// Node is a row of nodes.
type Node struct {
	bun.BaseModel `bun:"table:nodes,alias:nodes"`
	Store         string `bun:",pk"`
	Name          string `bun:",pk"`
	FirstSeen     int64
	LastSeen      int64
	Status        []byte
}

// Journal is a row of journals.
type Journal struct {
	bun.BaseModel `bun:"table:journals,alias:journals"`
	Store         string `bun:",pk"`
	Node          string `bun:",pk"`
	JournalID     string `bun:",pk"`
	Sequence      uint64
	FirstSeen     int64
	LastSeen      int64
}

// Gap is a row of gaps.
type Gap struct {
	bun.BaseModel `bun:"table:gaps,alias:gaps"`
	Store         string `bun:",pk"`
	Node          string `bun:",pk"`
	JournalID     string `bun:",pk"`
	FromSequence  uint64 `bun:",pk"`
	ToSequence    uint64
	Noticed       int64
}

// Event is a row of events.
type Event struct {
	bun.BaseModel `bun:"table:events,alias:events"`
	Key           int64 `bun:",pk,autoincrement"`
	Store         string
	Node          string
	JournalID     string
	Sequence      uint64
	ID            string
	Time          int64
	Received      int64
	Kind          string
	Severity      int32
	Object        string
	Message       string
	Condition     string
	Incident      string
	Generation    uint64
	Attributes    map[string]string
}

// Incident is a row of incidents.
type Incident struct {
	bun.BaseModel   `bun:"table:incidents,alias:incidents"`
	Store           string `bun:",pk"`
	ID              string `bun:",pk"`
	Revision        uint32
	Kind            string
	Title           string
	Severity        int32
	Opened          int64
	Closed          int64
	Redundant       int64
	FailedNode      string
	Survivor        string
	Generation      uint64
	RecoverySeconds float64
	Updated         int64
}

// IncidentPart is a row of incident_parts.
type IncidentPart struct {
	bun.BaseModel `bun:"table:incident_parts,alias:incident_parts"`
	Store         string `bun:",pk"`
	Incident      string `bun:",pk"`
	Author        string `bun:",pk"`
	Revision      uint32
	Body          []byte
}

// Snapshot is a row of snapshots.
type Snapshot struct {
	bun.BaseModel `bun:"table:snapshots,alias:snapshots"`
	Store         string `bun:",pk"`
	Incident      string `bun:",pk"`
	Node          string `bun:",pk"`
	Source        string `bun:",pk"`
	Author        string `bun:",pk"`
	Revision      uint32
	Body          []byte
}

// Alarm is a row of alarms.
type Alarm struct {
	bun.BaseModel  `bun:"table:alarms,alias:alarms"`
	ID             int64 `bun:",pk,autoincrement"`
	Store          string
	Owner          string
	Node           string
	Object         string
	Condition      string
	Severity       int32
	Message        string
	Incident       string
	Raised         int64
	Updated        int64
	Cleared        int64
	Count          int64
	Acknowledged   int64
	AcknowledgedBy string
	Comment        string
}

// Inventory is a row of inventory.
type Inventory struct {
	bun.BaseModel `bun:"table:inventory,alias:inventory"`
	Store         string `bun:",pk"`
	Node          string `bun:",pk"`
	Time          int64
	Facts         map[string]string
}

// User is a row of users.
type User struct {
	bun.BaseModel `bun:"table:users,alias:users"`
	Name          string `bun:",pk"`
	Role          string
	Hash          string
	Created       int64
}

// Session is a row of sessions.
type Session struct {
	bun.BaseModel `bun:"table:sessions,alias:sessions"`
	Token         string `bun:",pk"`
	Data          []byte
	Expiry        int64
}

// Audit is a row of audit.
type Audit struct {
	bun.BaseModel `bun:"table:audit,alias:audit"`
	ID            int64 `bun:",pk,autoincrement"`
	Time          int64
	Who           string
	Address       string
	Action        string
	Object        string
	Detail        string
}
