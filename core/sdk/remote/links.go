package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// ErrDropped means that the plugin does not take what is on the way to its link.
var ErrDropped = errors.New("dropped: the plugin does not keep up")

// links is the path of beats to and from one process.
type links struct {
	client *Client
	socket *beatsock.Conn
	start  sync.Once // of the receiving goroutine
	ended  sync.WaitGroup

	mu        sync.RWMutex
	listeners map[uint64]listener
	since     time.Duration // when the last message was given to a plugin that had taken all; CLOCK_MONOTONIC
}

type listener struct {
	packet func(sdk.Packet)
	state  func(sdk.LinkState)
}

// Unanswered tells for how long the plugin has left beats lying that it was
// given; 0: it took them all. A link whose plugin takes none for longer than a
// beat needs tells nothing about the peer.
func (i *Instance) Unanswered() time.Duration { return i.client.links.unread() }

// Send carries one beat and never waits: ErrDropped if there is no room. Beats are
// carried while Run is active.
func (i *Instance) Send(beat []byte) error {
	if err := need(i.roles.Link, "link"); err != nil {
		return err
	}
	return i.client.links.offer(&sdkpb.LinkRequest{Handle: i.handle, Beat: beat})
}

// Run delivers what arrives until ctx ends or the connection breaks. The
// callbacks run on the socket's own goroutine, one at a time.
func (i *Instance) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	if err := need(i.roles.Link, "link"); err != nil {
		return err
	}
	l := i.client.links
	if err := l.add(i.handle, listener{packet, state}); err != nil {
		return err
	}
	defer l.drop(i.handle)
	if err := l.offer(&sdkpb.LinkRequest{Handle: i.handle, Listen: true}); err != nil {
		return err
	}
	select {
	case <-i.client.Done():
		return i.client.Err()
	case <-ctx.Done():
	}
	_ = l.offer(&sdkpb.LinkRequest{Handle: i.handle, Stop: true}) // a plugin that is stuck is ended otherwise
	return nil
}

// Nudge gives the plugin a message that says nothing, unless one still lies there or
// one, such as a beat, was taken within the time of enough; it returns for how long the
// plugin has left messages lying: a process that is at work takes them at once.
func (c *Client) Nudge(enough time.Duration) time.Duration {
	owed := c.links.unread()
	if owed == 0 && c.links.quiet() > enough {
		_ = c.links.offer(&sdkpb.LinkRequest{Nudge: true}) // a socket that broke says so itself
	}
	return owed
}

func (l *links) add(handle uint64, who listener) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.listeners[handle]; taken {
		return errors.New("the link runs already")
	}
	l.listeners[handle] = who
	l.start.Do(func() { l.ended.Go(l.receive) })
	return nil
}

func (l *links) drop(handle uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.listeners, handle)
}

// offer gives the plugin a message at once, or fails.
func (l *links) offer(r *sdkpb.LinkRequest) error {
	message, err := proto.Marshal(r)
	if err != nil {
		return fmt.Errorf("tell plugin of its link: %w", err)
	}
	l.mu.Lock()
	if !l.socket.Unread() {
		l.since = sdk.Monotonic()
	}
	l.mu.Unlock()
	switch err := l.socket.Offer(message); {
	case errors.Is(err, beatsock.ErrFull):
		return ErrDropped
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBroken, err)
	default:
		return nil
	}
}

func (l *links) unread() time.Duration {
	if !l.socket.Unread() {
		return 0
	}
	return l.quiet()
}

// quiet is the time since the last message that the plugin took or owes.
func (l *links) quiet() time.Duration {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return sdk.Monotonic() - l.since
}

func (l *links) close() error {
	err := l.socket.Close()
	l.ended.Wait()
	return err
}

// receive delivers messages until the socket ends.
func (l *links) receive() {
	buffer := make([]byte, beatsock.MaxSize)
	for {
		n, err := l.socket.Receive(buffer)
		if errors.Is(err, io.EOF) {
			err = errors.New("the plugin closed its beat socket")
		}
		if err != nil {
			l.client.end(fmt.Errorf("%w: %w", ErrBroken, err))
			return
		}
		if err := l.deliver(buffer[:n]); err != nil {
			l.client.end(err)
			return
		}
	}
}

func (l *links) deliver(message []byte) error {
	reply := &sdkpb.LinkReply{}
	if err := proto.Unmarshal(message, reply); err != nil {
		return fmt.Errorf("%w: on the beat socket: %w", ErrGarbage, err)
	}
	l.mu.RLock()
	who, ok := l.listeners[reply.GetHandle()]
	l.mu.RUnlock()
	if !ok {
		return nil // the last of a link that stopped
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
