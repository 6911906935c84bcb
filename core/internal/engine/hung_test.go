package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
)

// TestHungLinkPluginIsNoDeadPeer: a plugin that hangs makes every link silent at
// once. The node whose plugin it is cuts nobody; its peer, for whom it really is
// silent, may.
func TestHungLinkPluginIsNoDeadPeer(t *testing.T) {
	for _, hung := range []string{"alpha", "beta"} {
		t.Run(hung, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close()
				w.boot("alpha")
				w.boot("beta")
				w.whole("alpha")
				w.mu.Lock()
				w.hung, w.hungAt = hung, w.clock().Now()
				w.mu.Unlock()
				daemon := w.at(hung)
				<-time.After(3 * time.Second) // many turns
				if kinds := daemon.sink.kinds(); strings.Contains(kinds, api.KindFenceOrdered) {
					t.Errorf("%s, whose plugin hung, cut its peer:\n%s", hung, kinds)
				}
			})
		})
	}
}
