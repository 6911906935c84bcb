// Package heartbeat carries beats over UDP, straight or by multicast, and watches the carrier of the
// link's interface. It never looks into a beat: whether one is authentic, new or
// meant for this cluster is the core's to say. What cannot be sent at once is
// dropped.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/linkstate"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name: "heartbeat", Version: "1.0.0", Summary: "Carries beats over UDP and watches the carrier of the link.",
		DefaultConfig: func() any { return &Config{} },
		New: func(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
			return newLink(env.Log, config.(*Config))
		},
	}
}

const (
	// packetBytes is more than any beat; what is longer is foreign.
	packetBytes = 2048
	// retry is how often a link that does not work is tried again.
	retry = 200 * time.Millisecond
	// foreignEvery bounds how often a growing count of foreign packets is told.
	foreignEvery = time.Second
)

// link is one UDP path to the peer. Run does the work; Send may be called any time.
type link struct {
	config        *Config
	address, peer netip.AddrPort
	group         netip.Addr // the zero Addr: none

	socket  atomic.Pointer[socket] // nil while the link does not work
	foreign atomic.Uint64
	sending atomic.Pointer[string] // why the last beat could not be sent; nil: it could

	mu     sync.Mutex
	closed bool
	wire   wireState
	broken error // why there is no socket
	teller linkstate.Teller
}

func newLink(log logrus.FieldLogger, c *Config) (*link, error) {
	address, err := end("address", c.Address)
	if err != nil {
		return nil, err
	}
	peer, err := end("peer", c.Peer)
	if err != nil {
		return nil, err
	}
	l := &link{teller: linkstate.New(log), config: c, address: address, peer: peer, broken: errors.New("not opened yet")}
	if c.Group != "" {
		if l.group, err = netip.ParseAddr(c.Group); err != nil {
			return nil, err
		}
	}
	if c.Interface != "" {
		l.wire.problem = fmt.Sprintf("nothing is known of %s yet", c.Interface)
	}
	return l, nil
}

// Close ends a link whose Run has returned.
func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if s := l.socket.Swap(nil); s != nil {
		return s.conn.Close()
	}
	return nil
}

// Send carries one beat; it never waits for room.
func (l *link) Send(beat []byte) error {
	socket := l.socket.Load()
	if socket == nil {
		return errors.New("send beat: the link does not work")
	}
	if err := socket.send(beat); err != nil {
		text := err.Error()
		l.sending.Store(&text)
		return fmt.Errorf("send beat to %s: %w", l.peer, err)
	}
	l.sending.Store(nil)
	return nil
}

// Run delivers packets and changes of state until ctx ends.
func (l *link) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	l.mu.Lock()
	l.teller.Begin(state)
	l.mu.Unlock()
	changed := make(chan struct{}, 1) // the interface came, went or was replaced
	var watching sync.WaitGroup
	defer watching.Wait()
	if l.config.Interface != "" {
		_ = l.readLink(changed) // watch says why it cannot be read
		watching.Go(func() { l.watch(ctx, changed) })
	}
	watching.Go(func() { l.tellRegularly(ctx) })
	for ctx.Err() == nil {
		l.serve(ctx, packet)
		pause := time.NewTimer(retry)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-pause.C:
		}
		pause.Stop()
	}
	return nil
}

// serve opens the socket and delivers packets until it breaks or ctx ends.
func (l *link) serve(ctx context.Context, packet func(sdk.Packet)) {
	socket, err := l.open()
	if err != nil {
		l.update(func() { l.broken = err })
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.conn.Close() })
	defer stop()
	if !l.use(socket) {
		return
	}
	err = l.receive(socket, packet)
	l.socket.CompareAndSwap(socket, nil)
	_ = socket.conn.Close() // it has just failed
	l.update(func() { l.broken = err })
}

// use publishes the socket unless the link was closed meanwhile.
func (l *link) use(socket *socket) bool {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.socket.Store(socket)
	}
	l.mu.Unlock()
	if closed {
		_ = socket.conn.Close()
		return false
	}
	l.sending.Store(nil)
	l.update(func() { l.broken = nil })
	return true
}

// receive delivers packets from the peer until the socket breaks.
func (l *link) receive(socket *socket, packet func(sdk.Packet)) error {
	buffer := make([]byte, packetBytes)
	for {
		n, from, err := socket.conn.ReadFromUDPAddrPort(buffer)
		taken := sdk.Monotonic()
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !l.isPeer(from) || n == len(buffer) {
			l.foreign.Add(1)
			continue
		}
		packet(sdk.Packet{Data: buffer[:n], From: from.String(), Taken: taken})
	}
}

// isPeer compares without the zone: the socket is bound where it matters.
func (l *link) isPeer(from netip.AddrPort) bool {
	return from.Port() == l.peer.Port() && from.Addr().WithZone("") == l.peer.Addr().WithZone("")
}

// tellRegularly passes on what changes without an event: the count of foreign
// packets and whether beats can be sent.
func (l *link) tellRegularly(ctx context.Context) {
	due := time.NewTimer(sdk.UntilTick(foreignEvery))
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			due.Reset(sdk.UntilTick(foreignEvery))
			l.update(func() {})
		}
	}
}

// update changes what is known and tells it if it differs from what was told.
func (l *link) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.teller.Tell(l.state())
}

// state sums up. l.mu is held.
func (l *link) state() sdk.LinkState {
	s := sdk.LinkState{Carrier: l.wire.carrier, Taken: sdk.Monotonic(), Foreign: l.foreign.Load()}
	sending := l.sending.Load()
	switch {
	case l.config.Interface != "" && l.wire.problem != "":
		s.Message = l.wire.problem
	case l.wire.carrier == sdk.PowerOff:
		s.Status, s.Message = sdk.Down, fmt.Sprintf("%s has no carrier", l.config.Interface)
	case l.broken != nil:
		s.Message = "the link does not work: " + l.broken.Error()
	case sending != nil:
		s.Message = "beats cannot be sent: " + *sending
	default:
		s.Status, s.Message = sdk.OK, fmt.Sprintf("beats go from %s to %s", l.address, l.peer)
		if l.group.IsValid() {
			s.Message = fmt.Sprintf("beats go from %s to the group %s", l.address, l.group)
		}
	}
	return s
}
