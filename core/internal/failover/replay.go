package failover

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A node's record of decision inputs is replayed step by step. A step is what one
// call of Decide saw, and has one time:
//
//	TIME EVENT           the first or only fact of a step; "tick": there was none
//	+ EVENT              another fact of the same step
//	TIME started         the machine was made then, of the policy, state and boot above;
//	                     every step since is on record
//	TIME machine {...}   the machine's image after the step above
//	lost N               N lines are missing here
//
// A replay can begin with either of the two in the middle, and holds itself against
// each image that it comes by. A record without them was written by hand or by a
// version that did not tell when it decided: then each line is a step, with the
// machine's own calls in between, which repeats a node that was never late and never
// had two facts at once.
const (
	startedWord = "started"
	lostWord    = "lost"
	moreMark    = "+ "
)

// ErrDiverged tells that a replay is not what the node did.
var ErrDiverged = errors.New("the replay is not what the node did")

// replay is a node's machine that lives once more.
type replay struct {
	node *benchNode
	boot Boot
	// exact: the record tells each call of Decide.
	exact bool
	// pending: the step at its time waits for the rest of its facts.
	pending bool
	at      time.Duration
	// astray: what the machine would do is not what the node did, and not shown.
	astray bool
	faults []string
	// given are the orders of the replay by their numbers; up to earlier they were given before it.
	given   map[int]string
	earlier int
}

// isReplay tells whether a line begins a record.
func isReplay(word, rest string) bool {
	return word == "state" || word == "boot" && strings.Contains(rest, "=") || word == "policy" && strings.Contains(rest, "self=") ||
		strings.HasPrefix(rest, imageWord+" {") || word == lostWord
}

// begins tells whether a line is the first of a step, so that the one before is whole.
func begins(line string) bool {
	return line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, moreMark)
}

// replayStep takes a line of a node's record.
func (s *scenario) replayStep(line string) (err error) {
	if s.replay == nil {
		s.replay = &replay{node: &benchNode{name: "node"}, given: map[int]string{}}
	}
	r := s.replay
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "policy":
		r.node.policy, err = ParsePolicy(line)
		return err
	case "state":
		r.node.state, err = ParseState(line)
		return err
	case "boot":
		r.boot, err = ParseBoot(line)
		return err
	case lostWord:
		s.stray(rest + " lines of the record are missing here")
		return nil
	case strings.TrimSpace(moreMark):
		return s.replayEvent(r.at, rest)
	}
	at, err := time.ParseDuration(word)
	if err != nil {
		return err
	}
	switch {
	case rest == startedWord:
		r.exact = true
		s.replayNew(at)
		return nil
	case strings.HasPrefix(rest, imageWord+" "):
		return s.replayImage(at, rest)
	}
	return s.replayEvent(at, rest)
}

// replayNew makes the machine as the daemon did at its start.
func (s *scenario) replayNew(at time.Duration) {
	n := s.replay.node
	n.name = n.policy.Self
	n.machine = New(n.policy, n.state, s.replay.boot, at)
}

// replayImage goes on with the node's own machine, and says so if the replay's differs.
func (s *scenario) replayImage(at time.Duration, image string) error {
	own, err := ParseImage(image)
	if err != nil {
		return err
	}
	r := s.replay
	n := r.node
	s.bench.now = at
	fresh := n.machine == nil
	if !fresh && !r.astray {
		if own.Image() == n.machine.Image() {
			return nil
		}
		s.stray("the replay's machine is not the node's")
	}
	n.name, n.machine = own.p.Self, own
	r.exact, r.astray, r.given, r.earlier = true, false, map[int]string{}, own.actions
	if !fresh {
		s.say("the replay goes on with the node's own machine")
	}
	return nil
}

// replayEvent takes a fact; in an exact record the step is decided once it is whole.
func (s *scenario) replayEvent(at time.Duration, text string) error {
	r := s.replay
	n := r.node
	e, err := ParseEvent(text)
	if err != nil {
		return err
	}
	if n.machine == nil {
		if n.policy.Self == "" {
			return errors.New("the record begins in the middle: nothing tells what the machine was")
		}
		s.replayNew(at)
	}
	if !r.exact {
		s.replayTo(n, at, e)
		return nil
	}
	r.at, r.pending = at, true
	s.expect(e)
	n.machine.Apply(at, e)
	return nil
}

// replayWhole decides a step that has all its facts.
func (s *scenario) replayWhole() {
	r := s.replay
	if r == nil || !r.pending {
		return
	}
	r.pending = false
	s.replayDecide(r.at)
}

func (s *scenario) replayDecide(at time.Duration) {
	r := s.replay
	s.bench.now = at
	p := r.node.machine.Decide(at)
	for _, a := range p.Actions {
		r.given[orderNumber(a.ID)] = a.ID
	}
	if !r.astray {
		s.show(r.node, &p)
	}
}

// replayTo calls the machine as a node that is never late did: at every Wake, but not while it slept.
func (s *scenario) replayTo(n *benchNode, at time.Duration, e Event) {
	awake := at
	if late, ok := e.(Late); ok {
		awake = at - late.By
	}
	for w := n.machine.plan.Wake; w > 0 && w < awake; w = n.machine.plan.Wake {
		s.replayDecide(w)
	}
	if at > awake {
		n.machine.wake = at // the stall is told by the event itself
	}
	s.expect(e)
	n.machine.Apply(at, e)
	s.replayDecide(at)
}

// expect holds an answer against the orders that the replay gave.
func (s *scenario) expect(e Event) {
	id := answered(e)
	r := s.replay
	if number := orderNumber(id); id == "" || r.astray || number <= r.earlier || r.given[number] == id {
		return
	}
	s.stray("the node was answered to its order " + id + ", which this replay did not give")
}

// stray ends what the replay shows until the record has an image of the machine.
func (s *scenario) stray(why string) {
	s.replay.faults = append(s.replay.faults, fmt.Sprintf("line %d: %s", s.line, why))
	s.replay.astray = true
	s.say(why + ": what it would do from here on is not what the node did, and not shown")
}

func (s *scenario) say(text string) { s.out.WriteString(outputMark + text + "\n") }

// answered is the order that an event answers; empty: none.
func answered(e Event) string {
	switch e := e.(type) {
	case Analysis:
		return e.ID
	case FenceAnswer:
		return e.ID
	case ActionDone:
		return e.ID
	case ResourceState:
		return e.ID
	case ServiceProbe:
		return e.ID
	case Persisted:
		return e.ID
	default:
		return ""
	}
}

// orderNumber is the number in an order's ID, e.g. 3 of "fence-off-3".
func orderNumber(id string) int {
	n, _ := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	return n
}

// verdict is what a replay has to say once all is read.
func (r *replay) verdict() error {
	if r == nil || len(r.faults) == 0 {
		return nil
	}
	more := ""
	if n := len(r.faults) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d places more)", n)
	}
	return fmt.Errorf("%w: %s%s", ErrDiverged, r.faults[0], more)
}

// inexact is what a reader must know of a record without the calls of Decide.
const inexact = "This record does not tell when the node decided: a replay may give orders other numbers and times, and miss a delay of the node."
