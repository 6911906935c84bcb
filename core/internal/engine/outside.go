package engine

import (
	"context"
	"errors"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/sdk"
)

// errNotOpen says that a plugin's instance has not opened yet, or is away.
var errNotOpen = errors.New("the plugin is not open yet")

// ErrPluginAway marks an answer that a plugin could not give because its process
// is being restarted.
var ErrPluginAway = errors.New("the plugin is being restarted")

// Plugins opens instances of plugins; the host package implements it.
type Plugins interface {
	Open(ctx context.Context, plugin, instance string, section []byte) (Instance, error)
	Status() []*api.PluginStatus
	// Secrets are the settings that a plugin calls secret (see config.Config.HideSecrets).
	Secrets(ctx context.Context, plugin string) []string
}

// Instance is one open instance with the methods of every role; a method of a
// role that the plugin does not offer answers with an error.
type Instance interface {
	sdk.Prober
	sdk.Promoter
	sdk.Sleeper
	sdk.Link
	sdk.Evidence
	Roles() sdk.Roles
	// Unanswered tells for how long a link's plugin has left beats lying.
	Unanswered() time.Duration
	Close() error
}

// Watchdog resets the machine unless it is fed.
type Watchdog interface {
	// Alive says that the loop came round at now, late by so much. It never waits.
	Alive(now, late time.Duration)
	// Reset has the machine reset. It never waits.
	Reset()
	// Close disarms it, unless a reset is wanted.
	Close() error
}

// Journal is the node's durable state.
type Journal interface {
	// SaveState returns when the text is on the disk.
	SaveState(text []byte) error
	// Input adds one line to the bounded ring of decision inputs.
	Input(line string) error
	// Inputs returns the ring's lines, oldest first.
	Inputs() ([]string, error)
}

// Records are small documents that outlive the daemon: what was measured and
// shown, never what a decision stands on.
type Records interface {
	// Load returns nil where there is none.
	Load(name string) ([]byte, error)
	Save(name string, text []byte) error
}

// Evidence gathers what explains a failure.
type Evidence interface {
	// Sample is the flight recorder's newest second.
	Sample() *api.Sample
	// Recorded is Sample as it was recorded: encoded.
	Recorded() []byte
	// Snapshot gathers this node's evidence until ctx ends; the samples around the moment come with it.
	Snapshot(ctx context.Context, moment time.Time, status *api.Status, sources []Source) *api.Snapshot
	// Around has the flight recorder's samples around a moment, as far as they go by now.
	Around(moment time.Time) []*api.Sample
	// LastServed is when this node, before its daemon started, last knew a node active:
	// itself or its peer; the zero time where nothing is known of it.
	LastServed() time.Time
	// Digest is a light snapshot, cheap enough for every few seconds.
	Digest() *api.Snapshot
	// KeepPeer takes the peer's newest second.
	KeepPeer(news *peerpb.News)
	// OfPeer is what the peer sent last, as a snapshot with its flight samples; nil without any.
	OfPeer(moment time.Time) *api.Snapshot
	// Findings draws conclusions from an incident and its snapshots.
	Findings(incident *api.Incident, signs Signs) []*api.Finding
}

// Signs are what was found of the peer when it fell silent, before any order to a
// fence device.
type Signs struct {
	Power, Carrier, ICMP, ARP, Services beat.Tri
	// Said is the peer as its last beat showed it; nil: it was never heard.
	Said *failover.PeerView
}

// Source is an instance that contributes evidence.
type Source struct {
	Name     string
	Evidence sdk.Evidence
}

// Peer is the second channel.
type Peer interface {
	Latest() (*peerpb.News, time.Time)
	Snapshot(ctx context.Context, moment time.Time) (*api.Snapshot, error)
	Command(ctx context.Context, request *peerpb.CommandRequest) (*peerpb.CommandReply, error)
	Configuration(ctx context.Context, request *peerpb.ConfigurationRequest) (*peerpb.Settings, error)
}
