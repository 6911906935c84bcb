package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// differs compares at a node; it must find a difference, or none, and show all words.
func (s *store) differs(n *lab.Node, want bool, arguments []string, words ...string) {
	s.t.Helper()
	out, err := s.Ctl(s.t.Context(), n, append([]string{"config", "diff"}, arguments...)...)
	if (err != nil) != want || err != nil && !strings.Contains(err.Error(), "exit status 1") {
		s.t.Fatalf("config diff %s at %s: %v: %s", strings.Join(arguments, " "), n.Name, err, out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			s.t.Errorf("config diff %s at %s shows no %q:\n%s", strings.Join(arguments, " "), n.Name, word, out)
		}
	}
}

// TestConfigDiff: an operator sees what a changed file would do before it is applied, and
// what the nodes run differently while the alarm of differing configurations stands.
func TestConfigDiff(t *testing.T) {
	s := open(t, harness.Options{OffTime: time.Minute}) // the question to a dark node waits for it a while
	alpha, beta := s.Store.Nodes[0], s.Store.Nodes[1]
	s.differs(alpha, false, nil, "No difference")
	s.differs(alpha, false, []string{"--peer"}, "No difference: running on alpha, running on beta.")

	s.edit(alpha, "deadtime: 200ms", "deadtime: 400ms")
	s.differs(alpha, true, nil, "timing.deadtime: 200ms -> 400ms  (at once)", "The other node must have the same file")
	s.differs(alpha, false, []string{"--peer"}) // nothing runs yet
	s.order(alpha, "config", "apply")
	s.differs(alpha, false, nil)
	s.differs(alpha, true, []string{"--peer"}, "timing.deadtime: 400ms -> 200ms", "the more careful of the two")
	s.differs(beta, true, []string{"--peer"}, "--- running on beta", "timing.deadtime: 200ms -> 400ms")
	s.alarm(beta, "warning", "the nodes run different configurations")

	s.edit(beta, "deadtime: 200ms", "deadtime: 400ms")
	s.edit(beta, "every: 1s", "every: 3s")
	s.differs(beta, true, nil, "probes[service].every: 1s -> 3s  (needs a restart)", "config apply refuses the whole file: a restart of the daemon is needed for probes.")
	s.refuses(beta, "probes", "config", "apply")
	s.edit(beta, "every: 3s", "every: 1s")
	s.order(beta, "config", "apply")
	s.differs(beta, false, []string{"--peer"})
	s.eventually(20*time.Second, "no alarm stands", func() (string, bool) {
		alarms := s.state(beta).Alarms
		return "", len(alarms) == 0
	})

	s.kill(alpha)
	s.activeIs(beta, 10*time.Second)
	if out, err := s.Ctl(t.Context(), beta, "config", "diff", "--peer"); err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("a peer without power was compared with: %v: %s", err, out)
	}
}
