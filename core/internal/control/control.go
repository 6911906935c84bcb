// Package control is how an operator on the node talks to the daemon: HTTP with
// JSON over a unix socket that root alone may open. It carries questions and
// commands to the engine and decides nothing.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
)

// SocketName is the socket's file in the daemon's run directory.
const SocketName = "control.sock"

// LeastMode is the shortest that a mode lasts: what is over before anybody could act on it
// is a slip of the pen.
const LeastMode = time.Minute

// MostEntries is how much of the past is told at once.
const MostEntries = 1000

// ErrRefused says that the daemon understood and said no; the message tells why.
var ErrRefused = errors.New("refused")

// Daemon is what the socket offers; the engine implements it.
type Daemon interface {
	// State is everything an operator wants to see at a glance.
	State(ctx context.Context) (State, error)
	// History is what happened last, newest first.
	History(ctx context.Context, limit int) ([]Entry, error)
	// Plan is what the policy would do now, and why.
	Plan(ctx context.Context) (Plan, error)
	// Timing is how beats arrive, and what that supports.
	Timing(ctx context.Context) (Timing, error)
	// Command carries out an operator's command, here or on the active node.
	Command(ctx context.Context, command Command) (Reply, error)
	// Reload takes a changed configuration file, or refuses it and keeps the running one.
	Reload(ctx context.Context) (Reply, error)
	// Decisions is the ring of decision inputs as a scenario for storewardctl simulate.
	Decisions(ctx context.Context) (string, error)
	// Configuration is the running configuration as text, secrets hidden.
	Configuration(ctx context.Context) (string, error)
	// Difference is what a configuration file would change; nothing is changed.
	Difference(ctx context.Context, file File) (Difference, error)
	// PeerDifference is how the peer's running configuration differs from this node's.
	PeerDifference(ctx context.Context) (Difference, error)
}

// State is the answer to "how is the store?".
type State struct {
	Status *api.Status
	// Peer is the peer's own status, as the peer channel brought it last; nil without one.
	Peer *api.Status
	// PeerAlarms are those that stood at the peer then. Which node tells of a thing
	// depends on who sees it: only both lists together are the store's.
	PeerAlarms []Alarm
	// PeerTaken is when the peer's part came.
	PeerTaken time.Time
	Alarms    []Alarm
	// Incident is the open incident's title, empty without one.
	Incident string
}

type stateWire struct {
	Status     json.RawMessage `json:"status,omitempty"`
	Peer       json.RawMessage `json:"peer,omitempty"`
	PeerAlarms []Alarm         `json:"peerAlarms,omitempty"`
	PeerTaken  *time.Time      `json:"peerTaken,omitempty"`
	Alarms     []Alarm         `json:"alarms"`
	Incident   string          `json:"incident,omitempty"`
}

// MarshalJSON writes the protobuf parts in their JSON mapping.
func (s State) MarshalJSON() ([]byte, error) {
	w := stateWire{Alarms: s.Alarms, PeerAlarms: s.PeerAlarms, Incident: s.Incident}
	if !s.PeerTaken.IsZero() {
		w.PeerTaken = &s.PeerTaken
	}
	for _, part := range []struct {
		from *api.Status
		to   *json.RawMessage
	}{{s.Status, &w.Status}, {s.Peer, &w.Peer}} {
		if part.from == nil {
			continue
		}
		text, err := protojson.Marshal(part.from)
		if err != nil {
			return nil, fmt.Errorf("encode status of %s: %w", part.from.GetNode(), err)
		}
		*part.to = text
	}
	return json.Marshal(w)
}

// UnmarshalJSON is MarshalJSON's way back.
func (s *State) UnmarshalJSON(text []byte) error {
	var w stateWire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*s = State{Alarms: w.Alarms, PeerAlarms: w.PeerAlarms, Incident: w.Incident}
	if w.PeerTaken != nil {
		s.PeerTaken = *w.PeerTaken
	}
	var err error
	if s.Status, err = decodeStatus(w.Status); err != nil {
		return err
	}
	s.Peer, err = decodeStatus(w.Peer)
	return err
}

func decodeStatus(text []byte) (*api.Status, error) {
	if len(text) == 0 {
		return nil, nil
	}
	out := &api.Status{}
	err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, proto.Message(out))
	return out, err
}

// Alarm is a condition that stands.
type Alarm struct {
	Object    string    `json:"object"`
	Condition string    `json:"condition"`
	Severity  string    `json:"severity"`
	Message   string    `json:"message"`
	Since     time.Time `json:"since"`
	Kind      string    `json:"kind,omitempty"` // of the event that told it; the peer's have none
}

// Entry is one event of the past.
type Entry struct {
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"`
	Severity string    `json:"severity"`
	Object   string    `json:"object"`
	Message  string    `json:"message"`
	Incident string    `json:"incident,omitempty"`
}

// Plan is the policy's present decision.
type Plan struct {
	Decision   string   `json:"decision"`
	Role       string   `json:"role"`
	Generation uint64   `json:"generation"`
	Why        []string `json:"why"`
	Actions    []string `json:"actions"` // what was ordered last, in words
	// WakeSeconds is when the policy wants to be asked again; 0: when something happens.
	WakeSeconds float64 `json:"wakeSeconds"`
}

// Timing tells how the beats of the peer's present daemon start arrive. Times are in seconds.
type Timing struct {
	Peer    string        `json:"peer"`
	Seconds float64       `json:"seconds"` // for which it has been measured
	Now     TimingSetting `json:"now"`     // as configured
	Links   []LinkTiming  `json:"links"`
	// Any counts each beat once, by whichever link brought it first.
	Any    LinkTiming   `json:"any"`
	Advice TimingAdvice `json:"advice"`
}

// TimingSetting is how fast a silent peer is noticed.
type TimingSetting struct {
	Interval float64 `json:"intervalSeconds"`
	Warntime float64 `json:"warntimeSeconds"`
	Deadtime float64 `json:"deadtimeSeconds"`
}

// TimingAdvice is the fastest setting that the measurement supports, or why there is none.
type TimingAdvice struct {
	Given bool `json:"given"`
	TimingSetting
	Reasons []string `json:"reasons"`
}

// LinkTiming tells how beats came by one link.
type LinkTiming struct {
	Link    string  `json:"link,omitempty"`
	Count   uint64  `json:"count"`
	Lost    uint64  `json:"lost"`
	Loss    float64 `json:"lossRatio"`
	Outages uint64  `json:"outages"` // silences of 10 s and more, left out of everything else
	// How much later than announced beats came.
	P50  float64 `json:"p50Seconds"`
	P99  float64 `json:"p99Seconds"`
	P999 float64 `json:"p999Seconds"`
	Max  float64 `json:"maxSeconds"`
	// Silent is the longest time between two beats, Answer the greatest age of our own beat when its answer came.
	Silent float64 `json:"longestSilenceSeconds"`
	Answer float64 `json:"oldestAnswerSeconds"`
	// Alone is the deadtime with which this link keeps the pair together alone; 0: too few beats to tell.
	Alone float64 `json:"aloneSeconds"`
}

// Command is an operator's command.
type Command struct {
	// Name is the word after storewardctl, e.g. "switchover".
	Name string `json:"name"`
	// Target is the node or resource it is about.
	Target string `json:"target,omitempty"`
	// Seconds is how long a mode lasts, at least LeastMode; 0: the default.
	Seconds float64 `json:"seconds,omitempty"`
	// Generation is the generation the operator saw; the policy refuses a command for another one. 0: not asked.
	Generation uint64 `json:"generation,omitempty"`
	// Anyway begins a drill although the store is open.
	Anyway bool `json:"anyway,omitempty"`
	// Operator is who asked.
	Operator string `json:"operator,omitempty"`
}

// Reply is the answer to a command that was taken.
type Reply struct {
	Message string `json:"message"`
}

// File is a configuration file to be compared.
type File struct {
	Name string `json:"name"` // of the file, for what is said of it
	Text string `json:"text"`
}

// Difference is what changes from one configuration to another.
type Difference struct {
	From    string          `json:"from"`
	To      string          `json:"to"`
	Changes []config.Change `json:"changes"`
	// Restart names the parts that a running daemon cannot change; empty: storewardctl config apply changes all.
	Restart []string `json:"restart,omitempty"`
	// Digests tells that the nodes' decisions depend on something that differs.
	Digests bool `json:"digestsDiffer"`
}
