package daemon

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/plugins/internal/sandbox"
)

func TestOnce(t *testing.T) {
	sandbox.Need(t)
	for name, c := range map[string]struct {
		spec   Spec
		code   int
		output string
	}{
		"its end is told":               {Spec{Command: []string{"sh", "-c", "echo out; echo err >&2; exit 7"}}, 7, "out\nerr\n"},
		"its surroundings":              {Spec{Command: []string{"sh", "-c", "echo $LC_ALL $PWD"}, Environment: []string{"LC_ALL=C"}}, 0, "C /\n"},
		"it is no daemon":               {Spec{Instance: "x", Command: []string{"sh", "-c", "echo $STOREWARD_INSTANCE"}}, 0, "\n"},
		"the end of its output":         {Spec{Command: []string{"seq", "1", "2000"}, OutputLimit: 10}, 0, "1999\n2000\n"},
		"more than is kept unasked":     {Spec{Command: []string{"printf", "%05000d", "1"}, OutputLimit: 6000}, 0, strings.Repeat("0", 4999) + "1"},
		"what is kept unasked":          {Spec{Command: []string{"printf", "%05000d", "1"}}, 0, strings.Repeat("0", 4095) + "1"},
		"a child holds its output open": {Spec{Command: []string{"sh", "-c", "sleep 1000 & echo done"}}, 0, "done\n"},
	} {
		code, output, err := Once(t.Context(), c.spec)
		if err != nil || code != c.code || output != c.output {
			t.Errorf("%s: code %d, error %v, output %q", name, code, err, output)
		}
	}
	if _, _, err := Once(t.Context(), Spec{Command: []string{"/nowhere/at/all"}}); err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("error %v", err)
	}
}

// A command that nobody waits for any more is ended with its children.
func TestOnceIsKilledWithItsChildren(t *testing.T) {
	sandbox.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mark := "ONCE_OF=" + t.Name()
	ended := make(chan error, 1)
	go func() {
		_, _, err := Once(ctx, Spec{Command: []string{"sh", "-c", "sleep 1000 & sleep 1001; echo"}, Environment: []string{mark}})
		ended <- err
	}()
	are := func(n int) func() bool {
		return func() bool {
			all, err := family(mark, Process{})
			return err == nil && len(all) == n
		}
	}
	eventually(t, "three processes", are(3))
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it is waited for")
	}
	eventually(t, "none is left", are(0))
}
