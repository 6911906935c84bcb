package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk/beatsock"
)

// Handshake is what the core and a plugin agree on before they speak gRPC. The
// cookie only tells people that a plugin is not meant to be run by hand.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "STOREWARD_PLUGIN",
	MagicCookieValue: "8a1f60f4-52b6-4e0c-a7e1-storeward-plugin",
}

// ServiceName is the one entry of go-plugin's plugin set.
const ServiceName = "storeward"

// Main serves one of the plugins until the core ends the process. With several,
// the program's name or its first argument says which one; "list" as the first
// argument prints them, and so does --help. It never returns.
func Main(plugins ...Plugin) {
	if len(os.Args) > 1 && slices.Contains([]string{"list", "help", "-h", "--help"}, os.Args[1]) {
		if os.Args[1] != "list" {
			fmt.Printf("%s PLUGIN serves a plugin to the Storeward daemon, which starts it; \"list\" lists what there is:\n\n", filepath.Base(os.Args[0]))
		}
		for _, p := range plugins {
			fmt.Printf("%-12s %-8s %s\n", p.Name, p.Version, p.Summary)
		}
		os.Exit(0)
	}
	p, err := choose(plugins, os.Args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(serve(p))
}

func choose(plugins []Plugin, args []string) (Plugin, error) {
	if len(plugins) == 1 {
		return plugins[0], nil
	}
	names := []string{filepath.Base(args[0])}
	if len(args) > 1 {
		names = append(names, args[1])
	}
	for _, name := range names {
		for _, p := range plugins {
			if p.Name == name {
				return p, nil
			}
		}
	}
	return Plugin{}, errors.New(`want the plugin's name as program name or first argument; "list" lists them`)
}

func serve(p Plugin) int {
	log := newLog(os.Stderr) // go-plugin replaces os.Stderr later
	logrus.SetOutput(log.Out)
	logrus.SetFormatter(log.Formatter)
	logrus.SetLevel(log.Level)
	settle(p, log)
	server := NewServer(p, log)
	beats, err := inheritedBeats()
	if err != nil {
		log.WithField("error", err).Error("no beat socket")
		return 1
	}
	go server.ServeBeats(beats)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         plugin.PluginSet{ServiceName: &goPlugin{server: server}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, ServerOptions()...)...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: log.Out, JSONFormat: true}),
	})
	if err := errors.Join(server.Close(), beats.Close()); err != nil {
		log.WithField("error", err).Warn("instance did not close")
		return 1
	}
	return 0
}

// inheritedBeats opens the beat socket that the core left to this process.
func inheritedBeats() (*beatsock.Conn, error) {
	var in, out uintptr
	text := os.Getenv(EnvBeats)
	if _, err := fmt.Sscanf(text, "%d,%d", &in, &out); err != nil {
		return nil, fmt.Errorf("%s=%q: want the numbers of two descriptors", EnvBeats, text)
	}
	unix.CloseOnExec(int(out)) //nolint:gosec // a descriptor
	return beatsock.New(os.NewFile(in, "beats"), os.NewFile(out, "beats"))
}

// ServerOptions keep a connection small: all traffic is little and local.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.WriteBufferSize(8 << 10), grpc.ReadBufferSize(8 << 10),
		grpc.InitialWindowSize(256 << 10), grpc.InitialConnWindowSize(1 << 20), // fixed: no bandwidth probing
	}
}

// settle makes the process small, recognisable and, where wished, timely.
func settle(p Plugin, log logrus.FieldLogger) {
	// A plugin waits most of its life. With more than one processor the runtime
	// wakes and parks a second thread for every message, which is most of what an
	// idle plugin would cost.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	// Started through an open file descriptor, the process would be called by its number.
	_ = os.WriteFile("/proc/self/comm", []byte("sw-"+p.Name), 0)
	wish := os.Getenv(EnvRealtime)
	if wish == "" {
		return
	}
	priority, err := strconv.Atoi(wish)
	if err == nil {
		_, err = Timely(priority)
	}
	if err != nil {
		log.WithFields(logrus.Fields{"plugin": p.Name, "error": err}).Debug("no real-time scheduling")
	}
}

// goPlugin is the form in which go-plugin takes a server.
type goPlugin struct {
	plugin.NetRPCUnsupportedPlugin

	server *Server
}

// GRPCServer registers the service; the broker is not used.
func (g *goPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	g.server.Register(s)
	return nil
}

// GRPCClient is never called: the core dials by itself.
func (g *goPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("served here, not called")
}
