// Package remote is the caller's side of the wire: it turns the socket of a
// plugin process into typed handles. It starts no process, restarts nothing and
// sets no deadline of its own; the host does that.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// Errors of a call. Anything else is the plugin's own text.
var (
	// ErrRole: the instance does not offer the role.
	ErrRole = errors.New("the plugin does not offer this role")
	// ErrGarbage: the plugin answered, but with something that cannot be an answer.
	ErrGarbage = errors.New("the plugin answered garbage")
	// ErrBroken: the connection to the plugin has ended.
	ErrBroken = errors.New("connection to the plugin broken")
)

// Description is what a plugin says about itself.
type Description struct {
	Name, Version, Summary string
	// Secrets are the paths of its settings that are secret, as InfoReply says.
	Secrets []string
}

// Client is the connection to one plugin process. Probes have a stream of their
// own; beats a socket of their own, so that they share no lock with anything else.
type Client struct {
	conn  *grpc.ClientConn
	calls sdkpb.PluginClient

	life context.Context
	end  context.CancelCauseFunc

	links *links

	mu     sync.Mutex
	probes *probes
}

// Dial makes a client for the unix socket at path, which it connects to with the
// first call, and for the beat socket, which is its own from now on.
func Dial(path string, beats *beatsock.Conn) (*Client, error) {
	life, end := context.WithCancelCause(context.Background())
	c := &Client{life: life, end: end}
	c.links = &links{client: c, socket: beats, listeners: map[uint64]listener{}}
	conn, err := dial(path)
	if err != nil {
		end(err)
		return nil, errors.Join(err, c.links.close())
	}
	c.conn, c.calls = conn, sdkpb.NewPluginClient(conn)
	return c, nil
}

func dial(path string) (*grpc.ClientConn, error) {
	dialer := func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dialer),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithWriteBufferSize(8<<10), grpc.WithReadBufferSize(8<<10),
		grpc.WithInitialWindowSize(256<<10), grpc.WithInitialConnWindowSize(1<<20),
		grpc.WithIdleTimeout(0),
	)
	if err != nil {
		return nil, fmt.Errorf("dial plugin: %w", err)
	}
	return conn, nil
}

// Done is closed when a stream or the beat socket broke or Close was called; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.life.Done() }

// Err says why Done is closed.
func (c *Client) Err() error { return context.Cause(c.life) }

// Close ends the connection. The plugin's instances stay open in its process.
func (c *Client) Close() error {
	c.end(ErrBroken)
	c.mu.Lock()
	probes := c.probes
	c.mu.Unlock()
	err := errors.Join(c.conn.Close(), c.links.close())
	if probes != nil {
		probes.wait()
	}
	return err
}

// Info asks the plugin who it is.
func (c *Client) Info(ctx context.Context) (Description, error) {
	r, err := c.calls.Info(ctx, &sdkpb.InfoRequest{})
	if err != nil {
		return Description{}, wireError(err)
	}
	return Description{Name: r.GetName(), Version: r.GetVersion(), Summary: r.GetSummary(), Secrets: r.GetSecrets()}, nil
}

// Ping asks the plugin for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	asked := sdk.Monotonic()
	r, err := c.calls.Ping(ctx, &sdkpb.PingRequest{})
	if err != nil {
		return wireError(err)
	}
	if taken := time.Duration(r.GetTaken()); taken < asked || taken > sdk.Monotonic() {
		return fmt.Errorf("%w: a time outside of the question", ErrGarbage)
	}
	return nil
}

// Checked is what a plugin says of a configuration before an instance is opened.
type Checked struct {
	// Promoter: an instance would offer that role.
	Promoter bool
	// Targets is what an instance would act on (sdk.Targeted); nil where the plugin does not say.
	Targets []string
}

// Check has the plugin decode and validate a configuration. Faults are *sdk.ConfigError,
// several joined.
func (c *Client) Check(ctx context.Context, yaml []byte) (Checked, error) {
	r, err := c.calls.Check(ctx, &sdkpb.CheckRequest{Yaml: yaml})
	if err != nil {
		return Checked{}, wireError(err)
	}
	return Checked{Promoter: r.GetPromoter(), Targets: r.GetTargets()}, faultsIn(r.GetFaults())
}

// Open makes an instance. Faults of the configuration are *sdk.ConfigError.
func (c *Client) Open(ctx context.Context, yaml []byte, env sdk.Env) (*Instance, error) {
	r, err := c.calls.Open(ctx, &sdkpb.OpenRequest{
		Instance: env.Instance, Yaml: yaml, Node: env.Node, Peer: env.Peer, StateDir: env.StateDir,
	})
	if err != nil {
		return nil, wireError(err)
	}
	if err := faultsIn(r.GetFaults()); err != nil {
		return nil, err
	}
	if r.GetError() != "" {
		return nil, errors.New(r.GetError())
	}
	if r.GetHandle() == 0 {
		return nil, fmt.Errorf("%w: an instance without a handle", ErrGarbage)
	}
	return &Instance{client: c, handle: r.GetHandle(), name: env.Instance, roles: rolesIn(r.GetRoles())}, nil
}

// wireError turns an error of gRPC into one of ours. An answer that cannot be
// decoded is garbage; a deadline is context.DeadlineExceeded.
func wireError(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	case codes.Canceled:
		return fmt.Errorf("no answer awaited: %w", context.Canceled)
	case codes.Unavailable:
		return fmt.Errorf("%w: %s", ErrBroken, s.Message())
	default: // the service itself answers with no other code
		return fmt.Errorf("%w: %s", ErrGarbage, s.Message())
	}
}
