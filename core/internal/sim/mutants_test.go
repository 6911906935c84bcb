package sim_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/storeward/storeward/core/internal/sim"
)

var (
	breakRules = flag.Int("mutants", 0, "how many seeds may search each broken rule; 0: only look whether the rules can be broken")
	hunt       = flag.Bool("hunt", false, "stop at the first seed that finds anything, lies among them")
)

// mutant breaks one rule of the machine by a change of its text.
type mutant struct {
	rule, file, was, is string
	// reason is why the simulation may not find it; scenario does, where there is one.
	scenario, reason string
}

const machine = "../failover/"

// mutants is every rule that is broken.
var mutants = []mutant{
	{rule: "a machine that is cut runs on for its hold-up", file: "fence.go", was: "return m.reached(since + m.p.Holdup)", is: "return m.reached(since)"},
	{rule: "who serves is not cut", file: "fence.go", was: "case !m.active() && m.serves():", is: "case false && m.serves():"},
	{rule: "who does not reach its ping group cuts nobody", file: "fence.go", was: "case m.ping.cutOff():\n\t\treturn \"ping", is: "case false:\n\t\treturn \"ping"},
	{rule: "an active peer whose beats come is not cut", file: "silence.go", was: "q.protected = q.receiving &&", is: "q.protected = false && q.receiving &&"},
	{rule: "an order of the peer may still act", file: "fence.go", was: "return m.peerOrders() ||", is: "return false && m.peerOrders() ||"},
	{rule: "a stall forgets what was known", file: "machine.go", was: "\tm.anew, m.voided = m.now, m.now\n\tm.evidence.forget()", is: "\treturn"},
	{rule: "of two active nodes one stops", file: "rights.go", was: "if p.b.Generation > own ||", is: "if false && p.b.Generation > own ||"},
	{rule: "who may count other turns has none", file: "fence.go", was: "if m.held() {", is: "if false {"},
	{
		rule: "a standby counts its turns as the active node does", file: "turns.go", was: "if m.sawActive() && m.unfollowed() {", is: "if false {",
		scenario: "turns-standby-follows.txt", reason: "whoever the peer may count with otherwise sends no order at all, so that two rules must be broken at once",
	},
	{
		rule: "who is not followed has no turn", file: "topology.go", was: "!m.sawActive() && m.unfollowed()", is: "false",
		scenario: "turns-active-not-followed.txt", reason: "nodes that hear each other again answer at once, so that the links must fail again within milliseconds",
	},
	{rule: "a turn is as long as its orders may take", file: "turns.go", was: "return m.window() + life + m.dead()", is: "return m.window() + life*4/5 + m.dead()*4/5"},
	{rule: "who cannot stop asks to be cut", file: "handover.go", was: "m.cutMe, m.urgent = true, true", is: "m.urgent = true"},
	{rule: "the generation is durable before the first start", file: "grant.go", was: "if m.store.durable(m.taking.version) {", is: "if true {"},
	{rule: "a grant is given by who has stopped", file: "handover.go", was: "if !m.clean() || g.kind", is: "if g.kind"},
	{
		rule: "nothing is granted while an own order may act", file: "handover.go", was: "g.kind.grants() && m.peer.heardAt <= m.order.until", is: "false",
		scenario: "order-acts-isolated.txt", reason: "no hand-over begins while one may act, so that it must be given in the middle of one",
	},
	{
		rule: "a grant holds for one start of its taker", file: "grant.go", was: "if g.To != m.boot.Incarnation || g.Generation == 0", is: "if g.Generation == 0",
		scenario: "hole-c3-grant-to-former-start.txt", reason: "a giver that hears of the new start takes its grant back before the taker can hear it",
	},
	{
		rule: "a reading of off says nothing while an order on may act", file: "fence.go", was: "d.offAt > max(void, d.onUntil)", is: "d.offAt > void",
		scenario: "power-on-in-flight-reads-off.txt", reason: "it takes two supplies, one of them being given back, its answer lost and the links with it",
	},
}

// TestMutants breaks each rule and tells how many seeds it takes to find that. Without
// -mutants it only sees that each can still be broken.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.rule, " ", "-"), func(t *testing.T) {
			broken := m.breakIt(t)
			if *breakRules == 0 || t.Failed() {
				return
			}
			out, err := exec.Command("go", "test", "-count=1", "-timeout=1h", "-overlay", broken, "-run", "^TestHunt$", ".",
				"-hunt", "-v", "-seeds", strconv.Itoa(*breakRules)).CombinedOutput()
			found := regexp.MustCompile(`found after .*`).Find(out)
			switch {
			case err != nil && found == nil:
				t.Errorf("%v\n%s", err, out)
			case found == nil && m.reason == "":
				t.Errorf("%d seeds did not find it", *breakRules)
			case found == nil:
				t.Logf("%d seeds did not find it: %s; scenario: %s", *breakRules, m.reason, cmp.Or(m.scenario, "none"))
			default:
				t.Logf("%s", found)
			}
		})
	}
}

// breakIt writes the changed source beside the tree, and the overlay that has it built.
func (m mutant) breakIt(t *testing.T) (overlay string) {
	file, err := filepath.Abs(machine + m.file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.was); n != 1 {
		t.Fatalf("%s has %q %d times, not once: change the mutant with the rule", m.file, m.was, n)
	}
	if m.scenario != "" {
		if _, err := os.Stat(machine + "testdata/" + m.scenario); err != nil {
			t.Error(err)
		}
	}
	changed := filepath.Join(t.TempDir(), m.file)
	overlay = filepath.Join(t.TempDir(), "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		changed: []byte(strings.Replace(string(source), m.was, m.is, 1)),
		overlay: text,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

// TestHunt is what TestMutants runs against a broken machine. Every tenth seed is one with lies.
func TestHunt(t *testing.T) {
	if !*hunt {
		t.Skip("for TestMutants")
	}
	tried, found := 0, error(nil)
	note := func(_ uint64, r sim.Result) bool {
		tried++
		if found == nil {
			found = r.Err
		}
		return found != nil
	}
	const chunk = 90
	for next := *first; found == nil && next < *first+*seeds; next += chunk {
		each(next, chunk, sim.Options{}, note)
		if found == nil {
			each(next, chunk/9, sim.Options{Lies: true}, note)
		}
	}
	if found != nil {
		t.Logf("found after %d seeds: %.200s", tried, strings.SplitN(found.Error(), "\n", 2)[0])
	}
}
