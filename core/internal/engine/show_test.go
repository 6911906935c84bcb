package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

func TestConfigurationIsShownWithoutSecrets(t *testing.T) {
	text := strings.Replace(storeFile, "plugin: ups, feeds: [alpha], order_life: 500ms, monitor: 1s, with: {}",
		"plugin: ups, feeds: [alpha], order_life: 500ms, monitor: 1s, with: {address: 10.0.0.11, community: hush, auth_password: 'hush it', url: \"http://u:hush@h/\", token: {file: /etc/t}}", 1)
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
	for _, want := range []string{"store: s0001", "interval: 50ms", "<secret>", "address: 10.0.0.11", "file: /etc/t"} {
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

// otherEnd is the peer channel of a node whose peer runs another configuration.
type otherEnd struct {
	Peer
	theirs PeerSide
	err    error
}

func (o otherEnd) Configuration(_ context.Context, r *peerpb.ConfigurationRequest) (*peerpb.Settings, error) {
	return o.theirs.Configuration(r), o.err
}

// TestDifference of a file, and of the peer's running configuration, whose secrets are
// compared without being told.
func TestDifference(t *testing.T) {
	running := func(change ...string) *Engine {
		cfg, err := config.Parse("store.yaml", []byte(strings.NewReplacer(change...).Replace(storeFile)))
		if err != nil {
			t.Fatal(err)
		}
		e := &Engine{Options: Options{Node: "alpha", Plugins: fakePlugins{}}}
		e.use(cfg)
		return e
	}
	e := running()
	key := []string{"0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdee"}
	file := control.File{Name: "new.yaml", Text: strings.NewReplacer(append(key, "off_time: 3s", "off_time: 4s")...).Replace(storeFile)}
	got, err := e.Difference(t.Context(), file)
	if err != nil || len(got.Changes) != 2 || got.Changes[0].Path != "key" || got.Changes[1].Will != "4s" || !slices.Equal(got.Restart, []string{"key"}) || !got.Digests {
		t.Errorf("difference %+v, error %v", got, err)
	}
	file.Text = strings.Replace(storeFile, "order_life: 500ms, monitor: 1s, with: {}", "order_life: 500ms, monitor: 1s, with: {login: hush}", 1)
	got, err = e.Difference(t.Context(), file)
	if err != nil || len(got.Changes) != 1 || got.Changes[0].Path != "fencing[ups-alpha].with.login" || got.Changes[0].Will != "<secret>" {
		t.Errorf("difference of what the plugin calls secret %+v, error %v", got, err)
	}
	if _, err := e.Difference(t.Context(), control.File{Name: "new.yaml", Text: "store: s1\n"}); !errors.Is(err, control.ErrRefused) {
		t.Errorf("a bad file: %v", err)
	}

	if _, err := e.PeerDifference(t.Context()); !errors.Is(err, control.ErrRefused) {
		t.Errorf("without a channel: %v", err)
	}
	e.Peer = otherEnd{theirs: PeerSide{running(append(key, "deadtime: 200ms", "deadtime: 300ms")...)}}
	got, err = e.PeerDifference(t.Context())
	if err != nil || len(got.Changes) != 2 || got.Changes[0].Path != "key" || got.Changes[1].Path != "timing.deadtime" || !got.Digests || got.To != "running on beta" {
		t.Errorf("difference to the peer %+v, error %v", got, err)
	}
	e.Peer = otherEnd{theirs: PeerSide{running()}}
	if got, err := e.PeerDifference(t.Context()); err != nil || len(got.Changes) != 0 || got.Digests {
		t.Errorf("difference to the same %+v, error %v", got, err)
	}
	e.Peer = otherEnd{theirs: PeerSide{running()}, err: errors.New("away")}
	if _, err := e.PeerDifference(t.Context()); err == nil {
		t.Error("a peer that is away has no difference")
	}
}
