package failover

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A scenario is a text file: one step a line, # begins a comment. RunScenario
// returns the same text with what the machines decided below each step, on
// lines that begin with "  | "; such lines in the input are dropped, so that a
// file is its own golden output. The steps are in README.md.
//
// A node's record of decision inputs is a scenario too: see replay.go.
const outputMark = "  | "

// RunScenario runs a scenario, or replays a node's record of decision inputs. The text
// is complete with ErrDiverged, too: it says where the replay is not what the node did.
func RunScenario(r io.Reader) (string, error) {
	s := newScenario()
	err := s.read(r)
	if err == nil {
		err = s.replay.verdict()
	}
	if s.replay != nil && !s.replay.exact {
		return outputMark + inexact + "\n" + s.out.String(), err
	}
	return s.out.String(), err
}

func newScenario() *scenario {
	s := &scenario{}
	s.bench = &bench{alive: true, policy: samplePolicy(), cuts: map[string]bool{}, delays: map[string]time.Duration{}, supplies: map[string]supply{}, tell: s.show}
	return s
}

func (s *scenario) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4<<20)
	for s.line = 1; lines.Scan(); s.line++ {
		line := strings.TrimRight(lines.Text(), " ")
		if strings.HasPrefix(line, outputMark) || line == strings.TrimRight(outputMark, " ") {
			continue
		}
		if begins(line) {
			s.replayWhole()
		}
		s.out.WriteString(line + "\n")
		step := line
		if i := strings.Index(line, "#"); i == 0 || i > 0 && s.replay == nil {
			step = line[:i] // a record's messages may hold the sign
		}
		if step = strings.TrimSpace(step); step == "" {
			continue
		}
		if err := s.step(step); err != nil {
			return fmt.Errorf("line %d: %.200q: %w", s.line, step, err)
		}
	}
	s.replayWhole()
	return lines.Err()
}

type scenario struct {
	bench  *bench
	out    strings.Builder
	line   int     // of the text, from 1
	replay *replay // of a node's record; nil: a scenario
}

// samplePolicy is the store of the scenarios: fast timings, a cable and a LAN,
// a UPS for each node; an address and a database on the active, a web server on both.
func samplePolicy() Policy {
	ms := time.Millisecond
	budget := Budget{Max: 3, Within: 10 * time.Minute}
	resource := func(name, layer string, after ...string) Resource {
		return Resource{
			Name: name, Layer: layer, After: after, StartTimeout: 10 * time.Second, StopTimeout: 10 * time.Second,
			MonitorTimeout: 2 * time.Second, FailuresToDown: 2, Restarts: budget, Failovers: Budget{Max: 3, Within: time.Hour},
		}
	}
	web := resource("web", "http")
	web.ActiveActive = true
	return Policy{
		Cluster: "s0001", Self: "alpha", Peer: "beta", Primary: true, Digest: 1,
		Interval: 50 * ms, Warntime: 150 * ms, Deadtime: 200 * ms, Initdead: 30 * time.Second, Holdup: 100 * ms, Analyse: 50 * ms, CarrierBeats: 2,
		Links: []Link{{Name: "cable", Direct: true}, {Name: "lan"}},
		Devices: []Device{
			{Name: "ups-alpha", Feeds: []string{"alpha"}, Life: 500 * ms, Proven: true},
			{Name: "ups-beta", Feeds: []string{"beta"}, Life: 500 * ms, Proven: true},
		},
		Resources: []Resource{resource("vip", "address"), resource("db", "database", "vip"), web},
		Cycle:     true, OffTime: 10 * time.Second, IsolationTime: 5 * time.Second, Verify: true,
	}
}

// mirrored is the policy as the other node has it.
func mirrored(p Policy) Policy {
	p.Self, p.Peer, p.Primary = p.Peer, p.Self, !p.Primary
	return p
}

// show writes what a plan brought.
func (s *scenario) show(n *benchNode, p *Plan) {
	put := func(text string) {
		fmt.Fprintf(&s.out, "%s%9.3f %s %s\n", outputMark, s.bench.now.Seconds(), n.name, text)
	}
	changed := len(p.Why) != len(n.shown)
	for i := range p.Why {
		if !changed && (p.Why[i].Code != n.shown[i].Code || p.Why[i].Subject != n.shown[i].Subject) {
			changed = true
		}
	}
	if changed {
		n.shown = append(n.shown[:0], p.Why...)
		words := []string{}
		for _, r := range p.Why {
			r.Span = 0
			words = append(words, r.String())
		}
		if len(words) > 0 {
			put("why: " + strings.Join(words, "; "))
		}
	}
	for _, o := range p.Notes {
		put("note " + o.String())
	}
	for _, a := range p.Answers {
		put(strings.TrimSpace("answer " + a.ID + " " + a.Verb.String() + " " + quoted(a.Err)))
	}
	for _, a := range p.Actions {
		if n.known(a) {
			continue
		}
		n.asked = a.Kind == Analyse || n.asked
		put("do " + a.String())
	}
	if n.machine != nil {
		if !n.machine.quiet.silent {
			n.reads = nil
		}
		n.asked = n.asked && n.machine.evidence.rounds > 0
		n.verifying = n.verifying && n.machine.failover.Done == 0
	}
	for _, a := range p.Raised {
		put("raise " + a.String())
	}
	for _, a := range p.Cleared {
		put("clear " + a.Object + " " + a.Key)
	}
}

// known: an action that tells nothing new is not shown: monitors, repeated
// analyses, probes and readings, a state that differs in its running time only.
func (n *benchNode) known(a Action) bool {
	switch a.Kind {
	case MonitorResource:
		return true
	case Analyse:
		return n.asked
	case Verify:
		again := n.verifying
		n.verifying = true
		return again
	case Persist:
		s := a.State
		s.Clock = 0
		s.Modes.Set = slices.Clone(s.Modes.Set)
		for i := range s.Modes.Set {
			s.Modes.Set[i].Left = 0
		}
		again := n.kept == s.String()
		n.kept = s.String()
		return again
	case FenceRead:
		again := slices.Contains(n.reads, a.Device)
		n.reads = append(n.reads, a.Device)
		return again
	case FenceOff:
		n.reads = nil
	case NoAction, FenceOn, FenceTest, StartResource, StopResource, RestartResource, PromoteResource, DemoteResource, ResetSelf, Shutdown:
	}
	return false
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%q", s)
}

// view writes what View shows.
func (s *scenario) view(n *benchNode) {
	if n.machine == nil {
		fmt.Fprintf(&s.out, "%s%9.3f %s has no daemon\n", outputMark, s.bench.now.Seconds(), n.name)
		return
	}
	v := n.machine.View(s.bench.now)
	put := func(format string, args ...any) {
		fmt.Fprintf(&s.out, outputMark+"          "+format+"\n", args...)
	}
	fmt.Fprintf(&s.out, "%s%9.3f %s %s generation=%d redundant=%t %s\n", outputMark, s.bench.now.Seconds(), n.name, v.Role, v.Generation, v.Redundant, quoted(v.Decision))
	if v.Failback > 0 {
		put("failback due at %s", v.Failback)
	}
	for _, r := range v.Resources {
		put("resource %s %s health=%s restarts=%d", r.Name, r.State, r.Health, r.Restarts)
	}
	if f := v.Failover; f.Generation > 0 {
		put("%s generation=%d ok=%t took=%s", f.Kind, f.Generation, f.OK, length(f.Began, f.Done))
		for _, p := range f.Phases {
			put("  %s", strings.TrimSpace(fmt.Sprintf("%s at +%s for %s ok=%t %s", p.Name, p.Start-f.Began, length(p.Start, p.End), p.OK, p.Detail)))
		}
	}
	for _, a := range v.Alarms {
		put("alarm %s", a)
	}
}

// length is how long something took; it may not be over.
func length(start, end time.Duration) string {
	if end == 0 {
		return "(still under way)"
	}
	return (end - start).String()
}
