package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/internal/control"
)

// TestWhatLeftTheConfiguration: a daemon that starts beside what a former configuration had is
// told of it, until an operator says that it is gone; a machine that booted runs nothing of it.
func TestWhatLeftTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		kept := func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			return string(w.records["alpha/"+heldRecord])
		}
		if want := `"resources":["ip","db","cache"]}`; !strings.HasSuffix(kept(), want) {
			t.Fatalf("kept %s, want %s", kept(), want)
		}
		had := func() { // once more than the file has now
			w.mu.Lock()
			defer w.mu.Unlock()
			text := strings.Replace(string(w.records["alpha/"+heldRecord]), `["ip"`, `["former","ip"`, 1)
			w.records["alpha/"+heldRecord] = []byte(text)
		}
		had()
		w.again("alpha")
		alpha = w.at("alpha")
		w.until("it is told", 5*time.Second, func() bool { return alpha.stands("resource/former", "unconfigured") })
		w.until("the file's are kept", 5*time.Second, func() bool { return !strings.Contains(kept(), "former") })
		w.again("alpha")
		alpha = w.at("alpha")
		w.until("it is told by the next daemon", 5*time.Second, func() bool { return alpha.stands("resource/former", "unconfigured") })
		say := func(name, target string) string {
			_, err := alpha.engine.Command(t.Context(), control.Command{Name: name, Target: target, Operator: "ann"})
			return errText(err)
		}
		if err := say("switchover", ""); !strings.Contains(err, "former left the configuration") {
			t.Errorf("switchover: %q", err)
		}
		if err := say("cleanup", "former"); err != "" {
			t.Errorf("cleanup: %q", err)
		}
		w.until("it ends", 5*time.Second, func() bool { return !alpha.stands("resource/former", "unconfigured") })
		had()
		w.stayOff()
		w.fall("alpha")
		w.until("beta serves", 5*time.Second, func() bool { return w.runs("beta", "db") })
		alpha = w.boot("alpha")
		w.whole("beta")
		if alpha.stands("resource/former", "unconfigured") {
			t.Error("what ran before a power cut is told to run")
		}
	})
}
