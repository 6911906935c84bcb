package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
)

// TestStoppingActiveHandsOver: a daemon that is asked to stop on the active node
// gives the right away first, and nobody is cut (S7).
func TestStoppingActiveHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		alpha.stop()
		<-alpha.done
		w.until("beta serves", 5*time.Second, func() bool {
			return beta.engine.viewOf().Role == beat.Active && w.runs("beta", "db")
		})
		if w.runs("alpha", "db") {
			t.Error("the data run on alpha, too")
		}
		<-time.After(5 * time.Second)
		if kinds := beta.sink.kinds(); strings.Contains(kinds, api.KindFenceOrdered) {
			t.Errorf("a node that left as planned was cut:\n%s", kinds)
		}
	})
}

// TestStoppingActiveWithoutPeer: with nobody to hand over to, the daemon ends at once and its service stays.
func TestStoppingActiveWithoutPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha := w.boot("alpha")
		w.boot("beta")
		w.whole("alpha")
		w.cut("beta")
		w.until("beta is off", 20*time.Second, func() bool { return alpha.engine.viewOf().Peer.Off })
		began := time.Now()
		alpha.stop()
		<-alpha.done
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the daemon took %v to end", took)
		}
		if !w.runs("alpha", "db") {
			t.Error("the service was stopped although nobody else serves")
		}
	})
}
