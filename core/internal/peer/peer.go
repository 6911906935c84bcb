// Package peer is the ordinary channel between a store's two nodes, beside the
// beats: gRPC over mutual TLS on the store's network. Once a second each node
// tells the other its flight sample and what else is new of it, so that a
// survivor holds a dead node's last minutes; snapshots and operators' commands
// travel the same way.
//
// The failover policy never depends on it: everything here may be away for any
// time, and nothing here says that a peer lives or died.
package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/sdk"
)

const (
	// newsEvery is the pace of the news.
	newsEvery = time.Second
	// quiet is how long a stream may say nothing before it is opened anew.
	quiet = 5 * time.Second
	// snapshotBound bounds one question for a snapshot; partial rather than late.
	snapshotBound = 2 * time.Second
	// maxMessage bounds one message: a snapshot with five minutes of flight samples stays well below.
	maxMessage = 16 << 20
	// window is how much may be on its way unacknowledged.
	window = 1 << 20
)

// ErrAway says that the peer's end of the channel does not answer.
var ErrAway = errors.New("the peer channel is away")

// Node is what the channel asks of its own node.
type Node interface {
	// News is what this node tells its peer, asked once a second; it returns at once.
	// A status or digest that is the one of the news before goes out once a stream.
	News() *peerpb.News
	// Snapshot gathers this node's evidence until ctx ends, partial rather than late.
	Snapshot(ctx context.Context, moment time.Time) *api.Snapshot
	// Command hands over an operator's command that reached the other node.
	Command(ctx context.Context, request *peerpb.CommandRequest) *peerpb.CommandReply
	// Configuration tells what this node runs; it returns at once.
	Configuration(request *peerpb.ConfigurationRequest) *peerpb.Settings
	// Heard takes the peer's news, with its newest status; it returns at once.
	Heard(news *peerpb.News)
}

// Options say who talks to whom.
type Options struct {
	Log logrus.FieldLogger
	// Node and Peer are the names in the two certificates.
	Node, Peer string
	// Listen and Dial are host:port of this node's end and the peer's.
	Listen, Dial string
	TLS          *tls.Config
	Own          Node
}

// Channel is this node's end. Make it with New, let it Run once.
type Channel struct {
	options Options
	client  peerpb.PeerClient
	conn    *grpc.ClientConn

	mu     sync.Mutex
	latest *peerpb.News
	taken  time.Time
}

// New prepares the channel; it opens nothing but a lazy client.
func New(o Options) (*Channel, error) {
	conn, err := grpc.NewClient("passthrough:///"+o.Dial,
		grpc.WithTransportCredentials(credentials.NewTLS(clientTLS(o))),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: .2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithDisableServiceConfig(),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window), // fixed: no bandwidth probing
	)
	if err != nil {
		return nil, fmt.Errorf("prepare peer channel to %s: %w", o.Dial, err)
	}
	return &Channel{options: o, conn: conn, client: peerpb.NewPeerClient(conn)}, nil
}

// Run serves the peer and listens to it until ctx ends.
func (c *Channel) Run(ctx context.Context) error {
	defer func() { _ = c.conn.Close() }()
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { c.listen(ctx) })
	return c.serve(ctx)
}

// Latest is the peer's last news and when it came; nil when there was none since the start.
func (c *Channel) Latest() (*peerpb.News, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest, c.taken
}

// Snapshot asks the peer for its evidence around a moment.
func (c *Channel) Snapshot(ctx context.Context, moment time.Time) (*api.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotBound)
	defer cancel()
	snapshot, err := c.client.Snapshot(ctx, &peerpb.SnapshotRequest{MomentUnixNano: moment.UnixNano()})
	if err != nil {
		return nil, fmt.Errorf("ask %s for a snapshot: %w", c.options.Peer, err)
	}
	return snapshot, nil
}

// Command hands an operator's command to the peer. A channel that is just being opened
// anew is waited for: an operator asks.
func (c *Channel) Command(ctx context.Context, request *peerpb.CommandRequest) (*peerpb.CommandReply, error) {
	ctx, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	reply, err := c.client.Command(ctx, request, grpc.WaitForReady(true))
	if err != nil {
		return nil, fmt.Errorf("hand command %s to %s: %w: %w", request.GetName(), c.options.Peer, ErrAway, err)
	}
	return reply, nil
}

// Configuration asks the peer what it runs. The channel is waited for as by Command.
func (c *Channel) Configuration(ctx context.Context, request *peerpb.ConfigurationRequest) (*peerpb.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	reply, err := c.client.Configuration(ctx, request, grpc.WaitForReady(true))
	switch {
	case status.Code(err) == codes.Unimplemented:
		return nil, fmt.Errorf("the daemon of %s is of an older version and does not tell its configuration", c.options.Peer)
	case err != nil:
		return nil, fmt.Errorf("ask %s for its configuration: %w: %w", c.options.Peer, ErrAway, err)
	}
	return reply, nil
}

// serve answers the peer. An address that is not there yet (a network card
// still coming up after boot) is tried again for ever.
func (c *Channel) serve(ctx context.Context) error {
	listener := c.bind(ctx)
	if listener == nil {
		return nil // asked to end before the address came
	}
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(serverTLS(c.options))),
		grpc.ConnectionTimeout(handshakeBound),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	)
	peerpb.RegisterPeerServer(server, &endpoint{own: c.options.Own, stop: ctx.Done()})
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(newCrowd(listener)); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve peer channel on %s: %w", c.options.Listen, err)
	}
	return nil
}

func (c *Channel) bind(ctx context.Context) net.Listener {
	var lc net.ListenConfig
	warned := false
	for {
		listener, err := lc.Listen(ctx, "tcp", c.options.Listen)
		if err == nil {
			return listener
		}
		if !warned {
			c.options.Log.WithError(err).Warn("peer channel cannot listen yet")
			warned = true
		}
		if !sdk.Pause(ctx, time.Second) {
			return nil
		}
	}
}

// listen keeps the peer's news coming.
func (c *Channel) listen(ctx context.Context) {
	away := false
	for ctx.Err() == nil {
		heard, err := c.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard || !away {
			c.options.Log.WithError(err).Info("peer channel away")
		}
		away = true
		sdk.Pause(ctx, 500*time.Millisecond)
	}
}

func (c *Channel) watch(ctx context.Context) (heard bool, _ error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(quiet, cancel)
	defer silence.Stop()
	stream, err := c.client.Watch(ctx, &peerpb.WatchRequest{Node: c.options.Node}, grpc.WaitForReady(true))
	if err != nil {
		return false, err
	}
	for {
		news, err := stream.Recv()
		if err != nil {
			return heard, err
		}
		silence.Reset(quiet)
		if news.GetNode() != c.options.Peer {
			return heard, fmt.Errorf("news of node %q on the channel of %q", news.GetNode(), c.options.Peer)
		}
		if !heard {
			c.options.Log.WithField("node", c.options.Peer).Info("peer channel up")
		}
		heard = true
		c.keep(news)
		c.options.Own.Heard(news)
	}
}

// keep completes the news by the status that still holds.
func (c *Channel) keep(news *peerpb.News) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if news.GetStatus() == nil {
		news.Status = c.latest.GetStatus()
	}
	c.latest, c.taken = news, time.Now()
}
