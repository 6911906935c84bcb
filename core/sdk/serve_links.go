package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// EnvBeats names the environment variable that tells a plugin which descriptors it
// inherited are its beat socket: "3,4" receives from 3 and sends to 4.
const EnvBeats = "STOREWARD_BEATS"

// linkPause is how long a link that stopped by itself rests before it runs again.
const linkPause = time.Second

// ServeBeats carries every beat of the process in both directions until the socket
// ends. Each beat goes out before the next message is taken: the core sees in its
// own end of the socket whether a plugin keeps up.
func (s *Server) ServeBeats(socket *beatsock.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &ports{service: s.service, ctx: ctx, socket: socket, open: map[uint64]*port{}}
	defer p.running.Wait()
	defer cancel()
	buffer := make([]byte, beatsock.MaxSize)
	for {
		n, err := socket.Receive(buffer)
		if err != nil {
			return // the core has gone, or this process is ending
		}
		request := &sdkpb.LinkRequest{}
		if err := proto.Unmarshal(buffer[:n], request); err != nil {
			s.service.log.WithField("error", err).Error("message on the beat socket is none of ours")
			continue
		}
		p.take(request)
	}
}

// ports are the links that listen on one socket.
type ports struct {
	service *service
	ctx     context.Context
	socket  *beatsock.Conn
	open    map[uint64]*port // used by the receiving goroutine alone
	running sync.WaitGroup
	dropped atomic.Uint64
}

// port is one link at work.
type port struct {
	end     context.CancelFunc
	failing bool // the last beat could not be sent
}

func (p *ports) take(r *sdkpb.LinkRequest) {
	handle := r.GetHandle()
	at, isOpen := p.open[handle]
	switch {
	case r.GetNudge(): // was to be taken, and is
	case r.GetStop():
		if isOpen {
			at.end()
			delete(p.open, handle)
		}
	case r.GetListen():
		if !isOpen {
			p.listen(handle)
		}
	case isOpen:
		p.send(at, handle, r.GetBeat())
	}
}

func (p *ports) listen(handle uint64) {
	ctx, end := context.WithCancel(p.ctx)
	p.open[handle] = &port{end: end}
	p.running.Go(func() { p.run(ctx, handle) })
}

// send hands a beat to the link; an error is logged when it begins and when it ends.
func (p *ports) send(at *port, handle uint64, beat []byte) {
	_, err := direct(p.service, handle, func(role Link) (none, error) { return none{}, role.Send(beat) })
	if (err != nil) != at.failing {
		at.failing = err != nil
		p.service.log.WithFields(logrus.Fields{"plugin": p.service.plugin.Name, "error": errText(err)}).
			Debug("sending of beats changed")
	}
}

// run keeps the link's Run going until ctx ends.
func (p *ports) run(ctx context.Context, handle uint64) {
	packet := func(got Packet) {
		p.offer(&sdkpb.LinkReply{Handle: handle, Packet: &sdkpb.Packet{
			Data: bytes.Clone(got.Data), From: clean(got.From), Taken: int64(got.Taken),
		}})
	}
	state := func(got LinkState) { p.report(&sdkpb.LinkReply{Handle: handle, State: linkStateOut(got)}) }
	for ctx.Err() == nil {
		_, err := call(ctx, p.service, handle, func(ctx context.Context, role Link) (none, error) {
			return none{}, role.Run(ctx, packet, state)
		})
		if ctx.Err() != nil {
			return
		}
		message := "link stopped"
		if err != nil {
			message = fmt.Sprintf("link stopped: %v", err)
		}
		state(LinkState{Message: message, Taken: Monotonic()})
		Pause(ctx, linkPause)
	}
}

// offer passes a packet on at once or not at all: one that waited would say that
// it arrived later than it did.
func (p *ports) offer(reply *sdkpb.LinkReply) {
	reply.Dropped = p.dropped.Load()
	message, err := proto.Marshal(reply)
	if err != nil || len(message) > beatsock.MaxSize || p.socket.Offer(message) != nil {
		p.dropped.Add(1)
	}
}

// report passes on a state: those are few, and none is lost while the core lives.
func (p *ports) report(reply *sdkpb.LinkReply) {
	reply.Dropped = p.dropped.Load()
	message, err := proto.Marshal(reply)
	if err == nil && len(message) > beatsock.MaxSize {
		err = errors.New("too long")
	}
	if err == nil {
		err = p.socket.Send(message)
	}
	if err != nil && p.ctx.Err() == nil {
		p.service.log.WithField("error", err).Debug("state of link not told")
	}
}

// direct runs a call that returns at once, without a goroutine of its own.
func direct[R, T any](s *service, handle uint64, f func(R) (T, error)) (value T, err error) {
	sv, err := s.find(handle)
	if err != nil {
		return value, err
	}
	role, ok := sv.instance.(R)
	if !ok {
		return value, fmt.Errorf("%s does not offer this role", sv.name)
	}
	if err := sv.enter(); err != nil {
		return value, err
	}
	defer sv.leave()
	defer func() {
		if fault := recover(); fault != nil {
			err = s.panicked(sv.name, fault)
		}
	}()
	return f(role)
}
