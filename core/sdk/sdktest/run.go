package sdktest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/remote"
)

// callTime bounds a call against Case.Config, which is expected to work.
const callTime = 10 * time.Second

// slack is how much later than its deadline a call may return on a busy machine.
const slack = 500 * time.Millisecond

// Run examines a plugin. Call it once in the plugin's test.
func Run(t *testing.T, c Case) {
	t.Helper()
	c.fill()
	t.Run("description", func(t *testing.T) { checkDescription(t, c.Plugin) })
	t.Run("configuration", func(t *testing.T) { checkConfiguration(t, c) })
	t.Run("readme", func(t *testing.T) { checkReadme(t, c) })
	t.Run("open and close", func(t *testing.T) { served(t, c, c.Config, checkOpen) })
	t.Run("close twice", func(t *testing.T) { checkCloseTwice(t, c) })
	t.Run("roles", func(t *testing.T) { served(t, c, c.Config, checkRoles) })
	t.Run("sixteen calls at once", func(t *testing.T) { served(t, c, c.Config, checkConcurrent) })
	if c.BlackHole != "" {
		t.Run("black hole", func(t *testing.T) { served(t, c, c.BlackHole, checkBlackHole) })
	}
	if c.Fence != nil {
		runFence(t, c)
	}
	if c.Check != nil {
		t.Run("check", func(t *testing.T) {
			served(t, c, c.Config, func(t *testing.T, c Case, i *Instance) { c.Check(t, i) })
		})
	}
}

func (c *Case) fill() {
	if c.Deadline == 0 {
		c.Deadline = 300 * time.Millisecond
	}
	if c.Readme == "" {
		c.Readme = "README.md"
	}
	if c.Node == "" {
		c.Node, c.Peer = "alpha", "beta"
	}
}

// served opens an instance through real gRPC on a unix socket, runs f on it and
// then looks for goroutines that stayed and for secrets that were logged.
func served(t *testing.T, c Case, yaml string, f func(*testing.T, Case, *Instance)) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	var lines lockedBuffer
	log := logrus.New()
	log.SetOutput(&lines)
	log.SetLevel(logrus.TraceLevel)

	server := sdk.NewServer(c.Plugin, log)
	wire := grpc.NewServer(sdk.ServerOptions()...)
	server.Register(wire)
	dir, err := os.MkdirTemp("", "sdktest") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = wire.Serve(listener) })
	near, far := beatSockets(t)
	serving.Go(func() { server.ServeBeats(far) })
	client, err := remote.Dial(path, near)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		ctx, cancel := context.WithTimeout(t.Context(), callTime)
		defer cancel()
		instance, err := client.Open(ctx, []byte(yaml), sdk.Env{
			Instance: "under-test", Node: c.Node, Peer: c.Peer, StateDir: t.TempDir(),
		})
		if err != nil {
			t.Errorf("open: %v\n%s", err, lines.String())
			return
		}
		f(t, c, instance)
		if err := instance.CloseWithin(ctx); err != nil && !errors.Is(err, remote.ErrBroken) {
			t.Errorf("close: %v", err)
		}
	}()
	if err := client.Close(); err != nil {
		t.Errorf("close connection: %v", err)
	}
	wire.Stop()
	if err := far.Close(); err != nil {
		t.Error(err)
	}
	serving.Wait()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := goleak.Find(before, goleak.IgnoreTopFunction("testing.(*T).Run")); err != nil {
		t.Errorf("goroutines stayed: %v", err)
	}
	checkSecrets(t, c, yaml, lines.String())
}

// beatSockets are the core's and the plugin's end.
func beatSockets(t *testing.T) (near, far *beatsock.Conn) {
	t.Helper()
	near, in, out, err := beatsock.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if far, err = beatsock.New(in, out); err != nil {
		t.Fatal(err)
	}
	return near, far
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// checkSecrets looks for every secret of the configuration in the log.
func checkSecrets(t *testing.T, c Case, yaml, log string) {
	config, err := c.Plugin.Configure([]byte(yaml))
	if err != nil {
		return
	}
	for _, secret := range secretsIn(config) {
		text, err := secret.Reveal()
		if err == nil && len(text) > 2 && strings.Contains(log, text) {
			t.Errorf("a secret was logged:\n%s", strings.ReplaceAll(log, text, "<SECRET>"))
		}
	}
}

func checkOpen(t *testing.T, c Case, i *Instance) {
	if i.Roles() == (sdk.Roles{}) {
		t.Error("the instance offers no role")
	}
	config, err := c.Plugin.Configure([]byte(c.Config))
	if err != nil {
		t.Fatal(err)
	}
	promotable, _ := config.(sdk.Promotable)
	if says := promotable != nil && promotable.Promotable(); says != i.Roles().Promoter {
		t.Errorf("the configuration says promotable %v, and the instance's roles are %s", says, i.Roles())
	}
}

// checkCloseTwice uses the plugin directly: over the wire a second Close never
// reaches the instance.
func checkCloseTwice(t *testing.T, c Case) {
	config, err := c.Plugin.Configure([]byte(c.Config))
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(&lockedBuffer{})
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	instance, err := c.Plugin.New(ctx, sdk.Env{
		Instance: "under-test", Node: c.Node, Peer: c.Peer, StateDir: t.TempDir(), Log: log,
	}, config)
	cancel() // an instance outlives the context of its making
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	for range 2 {
		if err := instance.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}
