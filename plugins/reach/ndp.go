package reach

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/storeward/storeward/plugins/internal/ndp"
)

// ndpSocket is one socket for the questions of one probe: "who has" in IPv6.
type ndpSocket struct {
	waiters

	socket *ndp.Socket
	source netip.Addr
}

// ndpAsker opens a socket on the interface; release ends it.
func ndpAsker(ctx context.Context, name string) (asker, func(), error) {
	device, err := askable(name)
	if err != nil {
		return nil, nil, err
	}
	source, err := ndp.Source(device)
	if err != nil {
		return nil, nil, err
	}
	socket, err := ndp.Open(device)
	if err != nil {
		return nil, nil, err
	}
	s := &ndpSocket{newWaiters(), socket, source}
	return s.ask, hear(ctx, socket, socket.SetDeadline, s.receive), nil
}

func (s *ndpSocket) ask(ctx context.Context, target string) reply {
	return s.askFor(ctx, target, func(address netip.Addr) error {
		if err := s.socket.Solicit(address, s.source); err != nil {
			return fmt.Errorf("send neighbour solicitation: %w", err)
		}
		return nil
	})
}

// receive marks the targets that answer until the socket ends.
func (s *ndpSocket) receive() {
	for {
		m, _, err := s.socket.Receive()
		if err != nil {
			return // the probe is over, or the interface went: the questions then end by their deadline
		}
		if m.Kind == ndp.Advertisement {
			s.mark(m.Target)
		}
	}
}
