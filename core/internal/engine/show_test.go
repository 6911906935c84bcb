package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/storeward/storeward/core/config"
)

func TestConfigurationIsShownWithoutSecrets(t *testing.T) {
	text := strings.Replace(storeFile, "plugin: ups, feeds: [alpha], order_life: 500ms, monitor: 1s, with: {}",
		"plugin: ups, feeds: [alpha], order_life: 500ms, monitor: 1s, with: {address: 10.0.0.11, community: hush}", 1)
	cfg, err := config.Parse("store.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{}
	e.use(cfg)
	shown, err := e.Configuration(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"store: s0001", "interval: 50ms", "<secret>", "address: 10.0.0.11"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "0123456789abcdef") || strings.Contains(shown, "hush") {
		t.Errorf("a secret is shown in\n%s", shown)
	}
}

// TestStatusTellsWhatWaits: an operator at the node sees that reports do not get away.
func TestStatusTellsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		state, err := w.boot("alpha").engine.State(t.Context())
		if err != nil || state.Status.GetOutboxPending() != 3 || state.Status.GetOutboxDroppedPoints() != 4 {
			t.Errorf("status %v: %v", state.Status, err)
		}
	})
}
