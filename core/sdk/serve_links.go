package sdk

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// Bounds of the beat path. What does not fit is dropped and counted: a beat that
// waited would lie about when it was sent.
const (
	packetsWaiting = 64 // arrived, on the way to the core
	beatsWaiting   = 4  // per link, on the way out
	linkPause      = time.Second
)

// Links carries every beat of the process in both directions.
func (s *service) Links(stream grpc.BidiStreamingServer[sdkpb.LinkRequest, sdkpb.LinkReply]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	ports := &ports{
		service: s, ctx: ctx, open: map[uint64]*port{},
		packets: make(chan *sdkpb.LinkReply, packetsWaiting),
		states:  map[uint64]*sdkpb.LinkReply{}, dealt: map[uint64]uint64{}, changed: make(chan none, 1),
	}
	go func() {
		defer cancel()
		ports.pump(stream)
	}()
	defer ports.closeAll()
	defer cancel()
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the core has gone: the stream's ordinary end
		}
		ports.take(request)
	}
}

// ports are the links that listen on one stream.
type ports struct {
	service *service
	ctx     context.Context
	open    map[uint64]*port // used by the receiving goroutine alone
	running sync.WaitGroup

	packets chan *sdkpb.LinkReply
	dropped atomic.Uint64
	changed chan none
	mu      sync.Mutex
	states  map[uint64]*sdkpb.LinkReply // the newest of each link
	dealt   map[uint64]uint64           // receipts that the core has not had yet
}

// port is one link's way in and out.
type port struct {
	beats chan []byte
	end   context.CancelFunc
}

func (p *ports) take(r *sdkpb.LinkRequest) {
	handle := r.GetHandle()
	at, isOpen := p.open[handle]
	switch {
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
		select {
		case at.beats <- r.GetBeat():
		default:
			p.dropped.Add(1)
		}
	}
}

func (p *ports) closeAll() {
	for _, at := range p.open {
		at.end()
	}
	p.running.Wait()
}

func (p *ports) listen(handle uint64) {
	ctx, end := context.WithCancel(p.ctx)
	at := &port{beats: make(chan []byte, beatsWaiting), end: end}
	p.open[handle] = at
	p.running.Go(func() { p.receive(ctx, handle) })
	p.running.Go(func() { p.send(ctx, handle, at.beats) })
}

// receive keeps the link's Run going until ctx ends.
func (p *ports) receive(ctx context.Context, handle uint64) {
	packet := func(got Packet) {
		reply := &sdkpb.LinkReply{Handle: handle, Dropped: p.dropped.Load(), Packet: &sdkpb.Packet{
			Data: bytes.Clone(got.Data), From: clean(got.From), Taken: int64(got.Taken),
		}}
		select {
		case p.packets <- reply:
		default:
			p.dropped.Add(1)
		}
	}
	state := func(got LinkState) {
		p.report(&sdkpb.LinkReply{Handle: handle, Dropped: p.dropped.Load(), State: linkStateOut(got)})
	}
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
		pause := time.NewTimer(linkPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// send hands beats to the link; an error is logged when it begins and when it ends.
func (p *ports) send(ctx context.Context, handle uint64, beats <-chan []byte) {
	failing := false
	for dealt := uint64(1); ; dealt++ {
		var beat []byte
		select {
		case <-ctx.Done():
			return
		case beat = <-beats:
		}
		_, err := direct(p.service, handle, func(role Link) (none, error) { return none{}, role.Send(beat) })
		if (err != nil) != failing {
			failing = err != nil
			p.service.log.WithFields(logrus.Fields{"plugin": p.service.plugin.Name, "error": errText(err)}).
				Debug("sending of beats changed")
		}
		p.receipt(handle, dealt)
	}
}

// receipt tells the core that the plugin is at work.
func (p *ports) receipt(handle, dealt uint64) {
	p.mu.Lock()
	p.dealt[handle] = dealt
	p.mu.Unlock()
	p.signal()
}

// report keeps the newest state of each link: states are few and never lost.
func (p *ports) report(reply *sdkpb.LinkReply) {
	p.mu.Lock()
	p.states[reply.GetHandle()] = reply
	p.mu.Unlock()
	p.signal()
}

func (p *ports) signal() {
	select {
	case p.changed <- none{}:
	default:
	}
}

// news takes the states and receipts that the core has not had yet.
func (p *ports) news() []*sdkpb.LinkReply {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*sdkpb.LinkReply
	for handle, reply := range p.states {
		reply.Receipt = p.dealt[handle]
		delete(p.dealt, handle)
		all = append(all, reply)
	}
	clear(p.states)
	for handle, dealt := range p.dealt {
		all = append(all, &sdkpb.LinkReply{Handle: handle, Dropped: p.dropped.Load(), Receipt: dealt})
	}
	clear(p.dealt)
	return all
}

// pump writes what is waiting to the stream until it ends.
func (p *ports) pump(stream grpc.BidiStreamingServer[sdkpb.LinkRequest, sdkpb.LinkReply]) {
	for {
		select {
		case <-p.ctx.Done():
			return
		case reply := <-p.packets:
			if stream.Send(reply) != nil {
				return
			}
		case <-p.changed:
			for _, reply := range p.news() {
				if stream.Send(reply) != nil {
					return
				}
			}
		}
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
