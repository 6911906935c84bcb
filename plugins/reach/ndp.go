package reach

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

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
	var receiving sync.WaitGroup
	receiving.Go(s.receive)
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	release := func() {
		stop()
		_ = socket.Close()
		receiving.Wait()
	}
	return s.ask, release, nil
}

// askable finds an interface on which somebody can be asked.
func askable(name string) (*net.Interface, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	if device.Flags&net.FlagRunning == 0 {
		return nil, fmt.Errorf("%s is down or has no carrier: nobody can be asked", name)
	}
	return device, nil
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
