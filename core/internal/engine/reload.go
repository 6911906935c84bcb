package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

// secretsBound bounds the question to all plugins which of a file's settings are secret.
const secretsBound = 5 * time.Second

// use has a configuration count from now on.
func (e *Engine) use(cfg *config.Config) {
	sum := cfg.Digest()
	e.sum.Store(&sum)
	e.cfg.Store(cfg)
}

// needsRestart names the parts that differ and that a running daemon cannot change.
func needsRestart(old, next *config.Config) (out []string) {
	for _, c := range config.Diff(old, next) {
		name := config.Part(c.Path)
		if name == "timing" {
			name = c.Path
		}
		if c.Restart && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Difference answers the control socket: what a file would change. Nothing is changed.
func (e *Engine) Difference(ctx context.Context, file control.File) (control.Difference, error) {
	next, err := config.Parse(file.Name, []byte(file.Text))
	if err != nil {
		return control.Difference{}, fmt.Errorf("%w: %w", control.ErrRefused, err)
	}
	ctx, cancel := context.WithTimeout(ctx, secretsBound)
	defer cancel()
	next.HideSecrets(func(plugin string) []string { return e.Plugins.Secrets(ctx, plugin) })
	running := e.cfg.Load()
	return control.Difference{
		From: "running on " + e.Node, To: file.Name,
		Changes: config.Diff(running, next), Restart: needsRestart(running, next), Digests: running.Digest() != next.Digest(),
	}, nil
}

// PeerDifference answers the control socket: how the peer's running configuration
// differs from this node's. The peer tells it without its secrets.
func (e *Engine) PeerDifference(ctx context.Context) (control.Difference, error) {
	if e.Peer == nil {
		return control.Difference{}, fmt.Errorf("%w: this node has no peer channel", control.ErrRefused)
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	theirs, err := e.Peer.Configuration(ctx, &peerpb.ConfigurationRequest{Salt: salt})
	if err != nil {
		return control.Difference{}, fmt.Errorf("%w: %w", control.ErrRefused, err)
	}
	running := e.cfg.Load()
	peer := running.PeerOf(e.Node).Name
	return control.Difference{
		From: "running on " + e.Node, To: "running on " + peer,
		Changes: config.DiffSettings(running.Settings(salt), settingsOf(theirs)), Digests: running.Digest() != theirs.GetDigest(),
	}, nil
}

// Configuration tells the peer what runs here; of secrets only their marks.
func (p PeerSide) Configuration(r *peerpb.ConfigurationRequest) *peerpb.Settings {
	running := p.e.cfg.Load()
	out := &peerpb.Settings{Digest: running.Digest()}
	for _, s := range running.Settings(r.GetSalt()) {
		out.Settings = append(out.Settings, &peerpb.Setting{Path: s.Path, Value: s.Value, Mark: []byte(s.Mark), Entry: s.Entry})
	}
	return out
}

func settingsOf(c *peerpb.Settings) []config.Setting {
	out := make([]config.Setting, 0, len(c.GetSettings()))
	for _, s := range c.GetSettings() {
		out = append(out, config.Setting{Path: s.GetPath(), Value: s.GetValue(), Mark: string(s.GetMark()), Entry: s.GetEntry()})
	}
	return out
}
