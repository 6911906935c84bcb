package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// The test binary is its own plugin: with this as first argument it serves one.
const serveArgument = "serve"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == serveArgument {
		serveTestPlugin(os.Args[2])
		return
	}
	if len(os.Args) == 2 && os.Getenv(sdk.Handshake.MagicCookieKey) != "" { // as a third party's, by its name alone
		serveTestPlugin(os.Args[1])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "host" {
		hostUntilKilled(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func serveTestPlugin(name string) {
	switch name {
	case "mumbles": // no handshake
		fmt.Println("what is a handshake?")
		select {}
	case "dies":
		fmt.Fprintln(os.Stderr, "panic: no reason")
		os.Exit(3)
	case "mute":
		select {}
	case "speaks-http":
		fakeServer(func(l net.Listener) {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte("HTTP/1.1 400 this is no gRPC at all\r\n\r\n"))
				_ = c.Close()
			}
		})
	case "lies":
		fakeServer(func(l net.Listener) {
			s := grpc.NewServer()
			sdkpb.RegisterPluginServer(s, liar{})
			_ = s.Serve(l)
		})
	case "raves": // well until SIGUSR1, then it talks nonsense
		raving := make(chan os.Signal, 1)
		signal.Notify(raving, syscall.SIGUSR1)
		go func() { // it takes its nudges all the same
			in, buffer := os.NewFile(firstExtra, "beats"), make([]byte, beatsock.MaxSize)
			for {
				if _, err := in.Read(buffer); err != nil {
					return
				}
			}
		}()
		fakeServer(func(l net.Listener) {
			s := grpc.NewServer()
			sdkpb.RegisterPluginServer(s, liar{})
			go func() { _ = s.Serve(l) }()
			<-raving
			path := l.Addr().String()
			s.Stop()
			l, err := net.Listen("unix", path)
			if err != nil {
				panic(err)
			}
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(strings.Repeat("nonsense", 100)))
			}
		})
	case "impostor":
		p := testPlugin("somebody-else")
		sdk.Main(p)
	default:
		sdk.Main(testPlugin(name))
	}
}

// fakeServer does go-plugin's handshake by hand.
func fakeServer(serve func(net.Listener)) {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	fmt.Printf("1|%d|unix|%s|grpc|\n", sdk.Handshake.ProtocolVersion, path)
	serve(l)
}

// liar answers in the right form with what cannot be.
type liar struct {
	sdkpb.UnimplementedPluginServer
}

func (liar) Info(context.Context, *sdkpb.InfoRequest) (*sdkpb.InfoReply, error) {
	return &sdkpb.InfoReply{Name: os.Args[2]}, nil
}

func (liar) Ping(context.Context, *sdkpb.PingRequest) (*sdkpb.PingReply, error) {
	return &sdkpb.PingReply{Taken: int64(sdk.Monotonic())}, nil
}

func (liar) Open(context.Context, *sdkpb.OpenRequest) (*sdkpb.OpenReply, error) {
	return &sdkpb.OpenReply{Handle: 1, Roles: &sdkpb.Roles{Prober: true, Fencer: true}}, nil
}

func (liar) Describe(context.Context, *sdkpb.InstanceRequest) (*sdkpb.Device, error) {
	return &sdkpb.Device{Kind: "liar"}, nil
}

func (liar) PowerStatus(context.Context, *sdkpb.InstanceRequest) (*sdkpb.Reading, error) {
	return &sdkpb.Reading{Power: sdkpb.Power_POWER_OFF, Taken: int64(sdk.Monotonic() + time.Hour)}, nil
}

type testConfig struct {
	// Fail makes New fail while this file exists.
	Fail string `yaml:"fail"`
	// Echo makes the link send every beat back.
	Echo bool `yaml:"echo"`
}

func testPlugin(name string) sdk.Plugin {
	return sdk.Plugin{
		Name: name, Version: "1.2", Summary: "For tests.",
		DefaultConfig: func() any { return &testConfig{} },
		New: func(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
			c := config.(*testConfig)
			if c.Fail != "" {
				if _, err := os.Stat(c.Fail); err == nil {
					return nil, errors.New("the device is not there")
				}
			}
			env.Log.WithField("resource", "r").Warn("instance opened")
			return &testInstance{echo: c.Echo, echoes: make(chan sdk.Packet, 16)}, nil
		},
	}
}

type testInstance struct {
	echo   bool
	echoes chan sdk.Packet
}

func (i *testInstance) Close() error { return nil }

func (i *testInstance) Probe(context.Context) (sdk.Result, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return sdk.Result{
		Status: sdk.OK, Message: strconv.Itoa(os.Getpid()),
		Values: map[string]float64{"cpu_seconds": float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9},
	}, err
}

func (i *testInstance) Evidence(context.Context) ([]sdk.Item, error) {
	comm, err := os.ReadFile("/proc/self/comm")
	return []sdk.Item{{Name: "comm", Text: strings.TrimSpace(string(comm))}}, err
}

func (i *testInstance) Send(beat []byte) error {
	if string(beat) == "panic" {
		go panic("a goroutine nobody watches")
	}
	if i.echo {
		i.echoes <- sdk.Packet{Data: beat, From: "echo", Taken: sdk.Monotonic()}
	}
	return nil
}

func (i *testInstance) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	state(sdk.LinkState{Status: sdk.OK, Taken: sdk.Monotonic()})
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-i.echoes:
			packet(p)
		case <-ticker.C:
			if i.echo {
				continue
			}
			packet(sdk.Packet{Data: []byte("beat"), From: "peer", Taken: sdk.Monotonic()})
		}
	}
}

func (i *testInstance) Describe(context.Context) (sdk.Device, error) {
	return sdk.Device{Kind: "test"}, nil
}

func (i *testInstance) Off(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	if o.Mark == "hang" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		select {} // the stop takes a moment
	}
	if o.Mark == "slow" {
		<-ctx.Done()
	}
	return sdk.Reading{Power: sdk.PowerOff, Taken: sdk.Monotonic()}, ctx.Err()
}

func (i *testInstance) On(context.Context, sdk.Order) (sdk.Reading, error) {
	return sdk.Reading{Power: sdk.PowerOn, Taken: sdk.Monotonic()}, nil
}

func (i *testInstance) Status(context.Context) (sdk.Reading, error) {
	return sdk.Reading{Power: sdk.PowerOn, Taken: sdk.Monotonic()}, nil
}

// rig is a host with a record of what it said.
type rig struct {
	t      *testing.T
	host   *Host
	log    *record
	events chan PluginEvent
}

type record struct {
	mu    sync.Mutex
	lines []*logrus.Entry
}

func (r *record) Levels() []logrus.Level { return logrus.AllLevels }

func (r *record) Fire(e *logrus.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, e)
	return nil
}

func (r *record) find(message string) *logrus.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.lines {
		if e.Message == message {
			return e
		}
	}
	return nil
}

func newRig(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, log: &record{}, events: make(chan PluginEvent, 256)}
	log := logrus.New()
	log.SetOutput(testWriter{t})
	log.AddHook(r.log)
	options := Options{
		Log: log, Dir: shortDir(t), Command: testCommand, Hook: func(e PluginEvent) { r.events <- e },
		Silence: time.Minute, StartTimeout: 5 * time.Second, Backoff: 10 * time.Millisecond,
	}
	if change != nil {
		change(&options)
	}
	h, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	r.host = h
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func testCommand(plugin string) (string, []string) {
	if plugin == "forbidden" {
		return "", nil
	}
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path, []string{serveArgument, plugin}
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "sw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (r *rig) open(plugin, name string) *Instance {
	r.t.Helper()
	in, err := r.host.Open(r.context(), plugin, name, nil, Env{Node: "alpha", Peer: "beta"})
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	return in
}

func (r *rig) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

// wait returns the next event of the kind and gives up after a bounded time.
func (r *rig) wait(kind Kind) PluginEvent {
	r.t.Helper()
	for {
		e := r.next()
		if e.Kind == kind {
			return e
		}
		r.t.Logf("event %s: %v, and not %s", e.Kind, e.Err, kind)
	}
}

// next returns the next event and gives up after a bounded time.
func (r *rig) next() PluginEvent {
	r.t.Helper()
	select {
	case e := <-r.events:
		return e
	case <-time.After(15 * time.Second):
		r.t.Fatal("no event")
		return PluginEvent{}
	}
}

// pid asks the plugin itself for its process number.
func (r *rig) pid(in *Instance) int {
	r.t.Helper()
	result, err := in.Probe(r.context())
	if err != nil {
		r.t.Fatalf("probe: %v", err)
	}
	pid, err := strconv.Atoi(result.Message)
	if err != nil {
		r.t.Fatal(err)
	}
	return pid
}
