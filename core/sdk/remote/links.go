package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// beatsWaiting bounds beats of all links that wait for the plugin to take them.
const beatsWaiting = 16

// ErrDropped means that the beat path was full.
var ErrDropped = errors.New("beat dropped: the plugin does not keep up")

// links is the one beat stream of a process, on a connection of its own.
type links struct {
	conn     *grpc.ClientConn
	requests chan *sdkpb.LinkRequest
	ended    sync.WaitGroup

	mu        sync.RWMutex
	listeners map[uint64]listener
}

type listener struct {
	packet  func(sdk.Packet)
	state   func(sdk.LinkState)
	receipt func(uint64)
}

// receipts compares the beats of one link that were handed over with those
// that the plugin has dealt with.
type receipts struct {
	mu          sync.Mutex
	sent, dealt uint64
	since       time.Duration // since when it owes one; CLOCK_MONOTONIC
}

func (r *receipts) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent, r.dealt = 0, 0
}

func (r *receipts) hand() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent <= r.dealt {
		r.since = sdk.Monotonic()
	}
	r.sent++
}

func (r *receipts) take(dealt uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dealt, r.since = dealt, sdk.Monotonic()
}

func (r *receipts) owed() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent <= r.dealt {
		return 0
	}
	return sdk.Monotonic() - r.since
}

// Unanswered tells for how long the plugin has owed a sign that it deals with the
// beats it is given; 0: it owes none. A link whose plugin owes one for longer
// than a beat takes tells nothing about the peer.
func (i *Instance) Unanswered() time.Duration { return i.beats.owed() }

// Send carries one beat and never waits: ErrDropped if the path is full. Beats are
// carried while Run is active.
func (i *Instance) Send(beat []byte) error {
	if err := need(i.roles.Link, "link"); err != nil {
		return err
	}
	l, err := i.client.linkStream()
	if err != nil {
		return err
	}
	select {
	case l.requests <- &sdkpb.LinkRequest{Handle: i.handle, Beat: beat}:
		i.beats.hand()
		return nil
	default:
		return ErrDropped
	}
}

// Run delivers what arrives until ctx ends or the connection breaks. The
// callbacks run on the stream's own goroutine, one at a time.
func (i *Instance) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	if err := need(i.roles.Link, "link"); err != nil {
		return err
	}
	l, err := i.client.linkStream()
	if err != nil {
		return err
	}
	i.beats.reset()
	if err := l.add(i.handle, listener{packet, state, i.beats.take}); err != nil {
		return err
	}
	defer l.drop(i.handle)
	if err := l.tell(ctx, i.client, &sdkpb.LinkRequest{Handle: i.handle, Listen: true}); err != nil {
		return err
	}
	select {
	case <-i.client.Done():
		return i.client.Err()
	case <-ctx.Done():
	}
	select { // best effort: the plugin may be stuck, and the stream's end ends this too
	case l.requests <- &sdkpb.LinkRequest{Handle: i.handle, Stop: true}:
	default:
	}
	return nil
}

func (l *links) add(handle uint64, who listener) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.listeners[handle]; taken {
		return errors.New("the link runs already")
	}
	l.listeners[handle] = who
	return nil
}

func (l *links) drop(handle uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.listeners, handle)
}

func (l *links) tell(ctx context.Context, c *Client, r *sdkpb.LinkRequest) error {
	select {
	case l.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.Done():
		return c.Err()
	}
}

func (c *Client) linkStream() (*links, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links != nil {
		return c.links, nil
	}
	if c.life.Err() != nil {
		return nil, c.Err()
	}
	conn, err := dial(c.path)
	if err != nil {
		return nil, err
	}
	l := &links{conn: conn, requests: make(chan *sdkpb.LinkRequest, beatsWaiting), listeners: map[uint64]listener{}}
	l.ended.Go(func() { l.carry(c) })
	c.links = l
	return l, nil
}

// carry opens the stream, which waits for the plugin, and serves it until it ends.
func (l *links) carry(c *Client) {
	stream, err := sdkpb.NewPluginClient(l.conn).Links(c.life)
	if err != nil {
		c.end(streamError(err))
		return
	}
	l.ended.Go(func() { l.send(c, stream) })
	l.receive(c, stream)
}

func (l *links) close() error {
	err := l.conn.Close()
	l.ended.Wait()
	return err
}

func (l *links) send(c *Client, stream grpc.BidiStreamingClient[sdkpb.LinkRequest, sdkpb.LinkReply]) {
	for {
		select {
		case <-c.Done():
			return
		case r := <-l.requests:
			if stream.Send(r) != nil {
				return // Recv says why
			}
		}
	}
}

func (l *links) receive(c *Client, stream grpc.BidiStreamingClient[sdkpb.LinkRequest, sdkpb.LinkReply]) {
	for {
		reply, err := stream.Recv()
		if err != nil {
			c.end(streamError(err))
			return
		}
		c.hear()
		if err := l.deliver(reply); err != nil {
			c.end(err)
			return
		}
	}
}

func (l *links) deliver(reply *sdkpb.LinkReply) error {
	l.mu.RLock()
	who, ok := l.listeners[reply.GetHandle()]
	l.mu.RUnlock()
	if !ok {
		return nil // the last of a link that stopped
	}
	if dealt := reply.GetReceipt(); dealt > 0 {
		who.receipt(dealt)
	}
	if p := reply.GetPacket(); p != nil {
		taken, err := takenIn(p.GetTaken())
		if err != nil {
			return fmt.Errorf("packet: %w", err)
		}
		who.packet(sdk.Packet{Data: p.GetData(), From: p.GetFrom(), Taken: taken})
	}
	if s := reply.GetState(); s != nil {
		state, err := linkStateIn(s)
		if err != nil {
			return fmt.Errorf("link state: %w", err)
		}
		who.state(state)
	}
	return nil
}
