package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
)

// TestNodeThatCannotStopIsReset: a switchover whose stop hangs, and a fence device that
// refuses to help: the watchdog ends it, and the store serves again.
func TestNodeThatCannotStopIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.mu.Lock()
		w.stuck, w.refuse = "alpha", true
		w.mu.Unlock()
		if _, err := alpha.engine.Command(t.Context(), control.Command{Name: "switchover", Operator: "kim"}); err != nil {
			t.Fatal(err)
		}
		w.until("the watchdog resets alpha", 2*time.Minute, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.resets["alpha"] > 0
		})
		if kinds := alpha.sink.kinds(); !strings.Contains(kinds, api.KindNodeReset) {
			t.Errorf("the reset was not told:\n%s", kinds)
		}
		w.mu.Lock()
		w.stuck, w.refuse = "", false
		w.mu.Unlock()
		w.until("one of them serves", time.Minute, func() bool {
			return w.runs("alpha", "db") != w.runs("beta", "db") && (w.at("alpha").engine.viewOf().Redundant || w.at("beta").engine.viewOf().Redundant)
		})
	})
}

// TestLoopFeedsItsWatchdog while it is at work, and lets go of it in the end.
func TestLoopFeedsItsWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		beta.stop()
		<-beta.done
		if age := w.clock().Now() - beta.dog.alive; age > time.Second || beta.dog.late > 200*time.Millisecond {
			t.Errorf("the loop came round %v ago, at worst %v late", age, beta.dog.late)
		}
		if !beta.dog.closed {
			t.Error("a daemon that stopped in order left its watchdog armed")
		}
		if role := w.at("alpha").engine.viewOf().Role; role != beat.Active {
			t.Errorf("alpha is %v", role)
		}
	})
}
