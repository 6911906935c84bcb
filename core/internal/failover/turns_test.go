package failover

import (
	"fmt"
	"strings"
	"testing"
)

// TestContact: links that fail, return for a beat in one direction and then in the other, and
// fail again, some time after the first turns. Of the two nodes one is cut, never both (S6).
func TestContact(t *testing.T) {
	cut := 0
	for _, ways := range [][2]string{{"beta>alpha", "alpha>beta"}, {"alpha>beta", "beta>alpha"}} {
		for ms := 300; ms < 9000; ms += 50 {
			out, err := RunScenario(strings.NewReader(fmt.Sprintf(`policy off-time=1m
start alpha active
start beta standby
fence-path alpha broken
fence-path beta broken
run 3s
cut cable
cut lan
run %dms
mend cable %[2]s
run 60ms
cut cable %[2]s
mend cable %[3]s
run 60ms
cut cable
fence-path alpha works
fence-path beta works
hand alpha fence-off ups-beta ok 480ms
hand beta fence-off ups-alpha ok 480ms
run 12s
view alpha
view beta
`, ms, ways[0], ways[1])))
			if err != nil {
				t.Fatal(err)
			}
			switch dead := strings.Count(out, "has no daemon"); dead {
			case 1:
				cut++
			case 2:
				t.Errorf("contact by %s after %d ms: both are cut", ways[0], ms)
			}
		}
	}
	if cut < 200 {
		t.Errorf("a node was cut in %d runs only", cut)
	}
}
