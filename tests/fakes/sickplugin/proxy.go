package sickplugin

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// proxy passes on what the core and the real plugin say to each other, until it
// is sick.
type proxy struct {
	socket  string
	illness Illness
	sick    atomic.Bool
	listen  net.Listener
	plugin  *grpc.ClientConn

	toCore, toPlugin *beatsock.Conn

	mu          sync.Mutex
	connections []net.Conn
}

func newProxy(real string, toCore, toPlugin *beatsock.Conn, illness Illness) (*proxy, error) {
	p := &proxy{socket: filepath.Join(filepath.Dir(real), "sick"), illness: illness, toCore: toCore, toPlugin: toPlugin}
	var err error
	if p.listen, err = (&net.ListenConfig{}).Listen(context.Background(), "unix", p.socket); err != nil {
		return nil, err
	}
	p.plugin, err = grpc.NewClient("unix://"+real,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	return p, err
}

// ail makes it sick from now on.
func (p *proxy) ail() {
	p.sick.Store(true)
	if p.illness != Bytes {
		return
	}
	_ = p.toCore.Send(noise{}.bytes(64))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.connections {
		_, _ = c.Write(nil)
	}
}

func (p *proxy) serve() error {
	go func() {
		_ = beats(p.toCore, p.toPlugin, func(message []byte) ([]byte, error) { return message, nil })
	}()
	go func() { _ = beats(p.toPlugin, p.toCore, p.spoilBeat) }()
	server := grpc.NewServer(append(sdk.ServerOptions(), grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(p.pass))...)
	return server.Serve(listener{p.listen, p})
}

// listener gives connections that may be sick.
type listener struct {
	net.Listener
	proxy *proxy
}

func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := connection{accepted, l.proxy}
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	l.proxy.connections = append(l.proxy.connections, c)
	return c, nil
}

type connection struct {
	net.Conn
	proxy *proxy
}

// Write writes noise where the bytes are sick.
func (c connection) Write(b []byte) (int, error) {
	if !c.proxy.sick.Load() || c.proxy.illness != Bytes {
		return c.Conn.Write(b)
	}
	_, err := c.Conn.Write(noise{}.bytes(4096))
	return len(b), err
}

// beats passes on what travels beside gRPC, in one direction.
func beats(from, to *beatsock.Conn, change func([]byte) ([]byte, error)) error {
	buffer := make([]byte, beatsock.MaxSize)
	for {
		n, err := from.Receive(buffer)
		if err != nil {
			return err
		}
		message, err := change(buffer[:n])
		if err != nil {
			return err
		}
		if err := to.Send(message); err != nil {
			return err
		}
	}
}

// spoilBeat is spoil for a message of a link.
func (p *proxy) spoilBeat(message []byte) ([]byte, error) {
	r := &sdkpb.LinkReply{}
	if !p.sick.Load() {
		return message, nil
	}
	if p.illness == Bytes {
		return noise{}.bytes(len(message)), nil
	}
	return p.change(message, r,
		func() { r.State = &sdkpb.LinkState{Status: noSuch, Taken: int64(sdk.Monotonic())} },
		func() { r.Packet = &sdkpb.Packet{Data: noise{}.bytes(64), From: "nobody", Taken: future()} })
}

// pass is one call, of whatever kind: messages both ways, then the plugin's status.
func (p *proxy) pass(_ any, core grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(core)
	ctx, cancel := context.WithCancel(core.Context())
	defer cancel()
	plugin, err := p.plugin.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		for {
			var message []byte
			if core.RecvMsg(&message) != nil {
				_ = plugin.CloseSend()
				return
			}
			if plugin.SendMsg(&message) != nil {
				return
			}
		}
	}()
	for {
		var message []byte
		if err := plugin.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if p.sick.Load() {
			if message, err = p.spoil(method, message); err != nil {
				return err
			}
		}
		if err := core.SendMsg(&message); err != nil {
			return err
		}
	}
}

// noSuch is a status, and a power, that does not exist.
const noSuch = 77

// spoil changes an answer into one that cannot be; those that have nothing to
// spoil stay as they are.
func (p *proxy) spoil(method string, message []byte) ([]byte, error) {
	nothing := func() {}
	switch method {
	case sdkpb.Plugin_Ping_FullMethodName:
		r := &sdkpb.PingReply{}
		return p.change(message, r, nothing, func() { r.Taken = future() })
	case sdkpb.Plugin_Probes_FullMethodName:
		r := &sdkpb.ProbeReply{}
		return p.change(message, r, func() { r.Error, r.Status = "", noSuch }, nothing)
	case sdkpb.Plugin_Monitor_FullMethodName:
		r := &sdkpb.State{}
		return p.change(message, r, func() { r.Error, r.Status = "", noSuch }, nothing)
	case sdkpb.Plugin_PowerStatus_FullMethodName:
		r := &sdkpb.Reading{}
		return p.change(message, r, func() { r.Power = noSuch }, func() { r.Power, r.Taken = sdkpb.Power_POWER_OFF, future() })
	default:
		return message, nil
	}
}

// change applies to a message what the illness does to it.
func (p *proxy) change(message []byte, reply proto.Message, status, taken func()) ([]byte, error) {
	if err := proto.Unmarshal(message, reply); err != nil {
		return nil, err
	}
	if p.illness == Status {
		status()
	} else {
		taken()
	}
	return proto.Marshal(reply)
}

func future() int64 { return int64(sdk.Monotonic() + time.Hour) }

// noise reads as bytes without any sense, and lines of them.
type noise struct{}

func (noise) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(rand.Uint32()) //nolint:gosec // noise
	}
	return len(b), nil
}

func (n noise) bytes(count int) []byte {
	b := make([]byte, count)
	_, _ = n.Read(b)
	return b
}

// raw leaves messages as they are on the wire.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = slices.Clone(data)
	return nil
}
