package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/lab"
)

// Alarm is a condition that stands, as storewardctl shows it.
type Alarm struct {
	Object, Condition, Severity, Message string
}

// State is what a node says of itself.
type State struct {
	*api.Status
	Alarms   []Alarm
	Incident string
}

// Ctl runs storewardctl on a node.
func (s *Site) Ctl(ctx context.Context, n *lab.Node, arguments ...string) (string, error) {
	return n.Exec(ctx, append([]string{programs + "/storewardctl"}, arguments...)...)
}

// State asks a node how it is.
func (s *Site) State(ctx context.Context, n *lab.Node) (State, error) {
	text, err := s.Ctl(ctx, n, "status", "-o", "json")
	if err != nil {
		return State{}, err
	}
	var wire struct {
		Status   json.RawMessage
		Alarms   []Alarm
		Incident string
	}
	if err := json.Unmarshal([]byte(text), &wire); err != nil {
		return State{}, fmt.Errorf("read status of %s: %w", n.Name, err)
	}
	state := State{Status: &api.Status{}, Alarms: wire.Alarms, Incident: wire.Incident}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(wire.Status, state.Status); err != nil {
		return State{}, fmt.Errorf("read status of %s: %w", n.Name, err)
	}
	return state, nil
}

// Active returns the living node that holds the first virtual IP, nil when none does.
func (s *Site) Active() *lab.Node {
	for _, n := range s.Store.Nodes {
		if n.Holds(s.Store.VIP(1)) {
			return n
		}
	}
	return nil
}

// Whole waits until both nodes run, one is active, the other can take over and
// every resource of the active node is started. It returns the active node.
func (s *Site) Whole(ctx context.Context) (*lab.Node, error) {
	var active *lab.Node
	err := Until(ctx, "the pair is whole", func() (string, bool) {
		active = s.Active()
		if active == nil {
			return "no node holds " + s.Store.VIP(1) + "; " + s.lastWords(), false
		}
		state, err := s.State(ctx, active)
		if err != nil {
			return err.Error(), false
		}
		for _, r := range state.GetResources() {
			if r.GetState() != "started" {
				return fmt.Sprintf("%s is %s on %s: %s", r.GetName(), r.GetState(), active.Name, r.GetMessage()), false
			}
		}
		if state.GetRole() != "active" || !state.GetRedundant() {
			return fmt.Sprintf("%s is %s: %s", active.Name, state.GetRole(), state.GetDecision()), false
		}
		peer := s.Store.Peer(active)
		other, err := s.State(ctx, peer)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s is %s: %s", peer.Name, other.GetRole(), other.GetDecision()), other.GetRole() == "standby" && other.GetRedundant()
	})
	return active, err
}

// lastWords is what the daemons wrote last, for a person who wonders why nothing happens.
func (s *Site) lastWords() string {
	words := make([]string, 0, len(s.Store.Nodes))
	for _, n := range s.Store.Nodes {
		text, err := os.ReadFile(filepath.Join(n.Logs(), "storewardd.log"))
		if err != nil {
			text = []byte(err.Error())
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		words = append(words, n.Name+" wrote last: "+lines[len(lines)-1])
	}
	return strings.Join(words, "; ")
}

// Until waits for a condition until ctx ends; the error tells what was seen last.
func Until(ctx context.Context, what string, condition func() (seen string, ok bool)) error {
	return UntilEvery(ctx, 100*time.Millisecond, what, condition)
}

// UntilEvery is Until with a pace of its own.
func UntilEvery(ctx context.Context, pace time.Duration, what string, condition func() (seen string, ok bool)) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		seen, ok := condition()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain until %s: %w; last seen: %s", what, ctx.Err(), seen)
		case <-tick.C:
		}
	}
}

// Restore waits until the pair is whole, as Whole does. A server that the policy
// left dark (it was cut twice within an hour) is switched on by hand, as an
// operator would after having looked at it.
func (s *Site) Restore(ctx context.Context) (*lab.Node, error) {
	patience, cancel := context.WithTimeout(ctx, s.OffTime+10*time.Second)
	active, err := s.Whole(patience)
	cancel()
	if err == nil || ctx.Err() != nil {
		return active, err
	}
	for _, n := range s.Store.Nodes {
		if !n.Alive() {
			if err := n.PowerOn(); err != nil {
				return nil, err
			}
		}
	}
	return s.Whole(ctx)
}
