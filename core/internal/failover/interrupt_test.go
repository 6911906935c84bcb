package failover

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// operation is something planned that takes several steps.
type operation struct {
	name string
	line string // the step that begins it
	undo string // what an operator does when it is over
}

var operations = []operation{
	{"switchover", "command alpha switchover", ""},
	{"standby", "command alpha standby name=alpha for=1h", "command alpha unstandby name=alpha;command beta unstandby name=alpha"},
	{"leave", "command alpha leave", "daemon alpha stop;daemon alpha start"},
	{"restart", "command alpha restart name=db", ""},
}

// interruption disturbs an operation; end is what mends it a second later.
type interruption struct{ name, begin, end string }

var interruptions = []interruption{
	{"giver's daemon killed", "daemon alpha stop", "daemon alpha start"},
	{"taker's daemon killed", "daemon beta stop", "daemon beta start"},
	{"giver's power cut", "power alpha off", "power alpha on"},
	{"taker's power cut", "power beta off", "power beta on"},
	{"giver hangs", "crash alpha", "run 6s;power alpha off;power alpha on"},
	{"taker hangs", "crash beta", "run 6s;power beta off;power beta on"},
	{"links cut", "cut cable;cut lan", "mend cable;mend lan"},
	{"giver hears nothing", "cut cable beta>alpha;cut lan beta>alpha", "mend cable;mend lan"},
	{"taker hears nothing", "cut cable alpha>beta;cut lan alpha>beta", "mend cable;mend lan"},
	{"a stop fails, fence", "hand alpha stop db fail", "hand alpha stop db ok;command alpha cleanup name=db"},
	{"a stop fails, block", "hand alpha stop vip fail", "hand alpha stop vip ok;command alpha cleanup name=vip"},
	{"a stop hangs", "hand alpha stop db hang", "hand alpha stop db ok;command alpha cleanup name=db"},
	{"a demotion fails", "hand alpha demote cache fail", "hand alpha demote cache ok"},
	{"a start fails", "hand beta start vip fail", "hand beta start vip ok;command beta cleanup name=vip"},
	{"a promotion fails", "hand beta promote cache fail", "hand beta promote cache ok;command beta cleanup name=cache"},
	{"giver's disk fails", "hand alpha persist fail", "hand alpha persist ok"},
	{"taker's disk fails", "hand beta persist fail", "hand beta persist ok"},
	{"giver cut off", "ping alpha no", "ping alpha auto"},
	{"taker cut off", "ping beta no", "ping beta auto"},
	{"giver stalls", "stall alpha 300ms", ""},
	{"taker stalls", "stall beta 300ms", ""},
	{"a second operator", "command beta switchover;command alpha switchover", ""},
	{"an operator's maintenance", "command alpha maintenance-on for=1h;command beta maintenance-on for=1h", "command alpha maintenance-off;command beta maintenance-off"},
}

// interruptedStore has one resource of each kind, and a stop_timeout that a stop that hangs reaches.
const interruptedStore = `policy initdead=3s off-time=2s watchdog=yes
policy resource="name=vip layer=address start=2s stop=1s monitor=1s restarts=3 restarts-within=10m" resource="name=db after=vip start=2s stop=1s monitor=1s fence-on-stop=yes restarts=3 restarts-within=10m" resource="name=cache warm=yes after=db start=2s stop=1s monitor=1s fence-on-stop=yes restarts=3 restarts-within=10m" resource="name=web active-active=yes after=db start=2s stop=1s monitor=1s restarts=3 restarts-within=10m"
start alpha active
start beta standby
run 1s`

// Each operation is disturbed in each way at each moment at which something
// happens in it: two nodes never hold at once (S1), and once the disturbance is
// over the store is whole again. With the race detector only a few moments are tried;
// make test-sim tries them all.
func TestOperationsSurviveInterruptions(t *testing.T) {
	for _, op := range operations {
		for _, by := range interruptions {
			t.Run(op.name+", "+by.name, func(t *testing.T) {
				t.Parallel()
				for i, moment := range momentsOf(t, op) {
					if raced && i%10 != 0 {
						continue
					}
					if fault := interrupt(op, by, moment); fault != "" {
						t.Errorf("%v after it began: %s", moment, fault)
					}
				}
			})
		}
	}
}

// momentsOf finds when something happens in an operation that nobody disturbs.
func momentsOf(t *testing.T, op operation) []time.Duration {
	t.Helper()
	r := newRehearsal()
	if err := r.steps(interruptedStore, op.line); err != nil {
		t.Fatal(err)
	}
	began := r.bench.now
	moments := []time.Duration{0}
	r.bench.tell = func(_ *benchNode, p *Plan) {
		if len(p.Actions) > 0 || len(p.Notes) > 0 {
			moments = append(moments, r.bench.now-began)
		}
	}
	if err := r.steps("run 300ms"); err != nil {
		t.Fatal(err)
	}
	slices.Sort(moments)
	return slices.Compact(moments)
}

// interrupt plays one disturbed operation and tells what went wrong; empty: nothing.
func interrupt(op operation, by interruption, moment time.Duration) string {
	r := newRehearsal()
	r.watch()
	err := r.steps(interruptedStore, op.line, "run "+moment.String(), by.begin, "run 1s", by.end, "run 5s", op.undo, "run 12s")
	switch {
	case err != nil:
		return err.Error()
	case r.fault != "":
		return r.fault + "\n" + r.tail()
	}
	if missing := r.whole(); missing != "" {
		return missing + "\n" + r.tail()
	}
	return ""
}

// rehearsal is a scenario whose world is looked at all the time.
type rehearsal struct {
	*scenario

	fault string
}

func newRehearsal() *rehearsal { return &rehearsal{scenario: newScenario()} }

// steps carries out lines, several in one text, with ; or line breaks between them.
func (r *rehearsal) steps(texts ...string) error {
	for _, line := range strings.FieldsFunc(strings.Join(texts, "\n"), func(c rune) bool { return c == '\n' || c == ';' }) {
		if err := r.step(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

// watch looks for two nodes that hold (S1), at every decision.
func (r *rehearsal) watch() {
	show := r.bench.tell
	r.bench.tell = func(n *benchNode, p *Plan) {
		show(n, p)
		holders := []string{}
		for _, o := range r.bench.nodes {
			if o.powered && !o.crashed && o.holding() {
				holders = append(holders, o.name)
			}
		}
		if len(holders) > 1 && r.fault == "" {
			r.fault = fmt.Sprintf("at %v both nodes hold", r.bench.now)
		}
	}
}

// holding tells whether anything runs on a node that only the active one may run.
func (n *benchNode) holding() bool {
	for _, p := range n.policy.Resources {
		if state := n.running[p.Name]; !p.ActiveActive && state != "" && state != "warm" {
			return true
		}
	}
	return false
}

// whole names what is missing: one node serves, the other could take over.
func (r *rehearsal) whole() string {
	for _, n := range r.bench.nodes {
		if n.machine == nil {
			return n.name + " has no daemon"
		}
		v := n.machine.View(r.bench.now)
		if !v.Redundant {
			return n.name + " is not redundant: " + v.Decision
		}
	}
	return ""
}

// tail is the end of the scenario's text.
func (r *rehearsal) tail() string {
	text := r.out.String()
	return text[max(0, len(text)-6000):]
}
