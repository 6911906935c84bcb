package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/storeward/storeward/plugins/internal/ndp"
)

// ndpSegment speaks Neighbor Discovery on one interface.
type ndpSegment struct{ socket *ndp.Socket }

// openNDP opens a segment that hears what is asked about one address.
func openNDP(name string, address netip.Addr) (*ndpSegment, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	socket, err := ndp.Open(device)
	if err != nil {
		return nil, err
	}
	if err := socket.Join(address); err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return &ndpSegment{socket}, nil
}

func (s *ndpSegment) close() { _ = s.socket.Close() }

// announce sends an unsolicited advertisement, RFC 4861 section 7.2.6.
func (s *ndpSegment) announce(address netip.Addr) error { return s.socket.Announce(address) }

// ask sends the question of RFC 4862 section 5.4, which comes from no address: its
// owner answers all nodes, and who is about to take it asks the same.
func (s *ndpSegment) ask(address netip.Addr) error {
	return s.socket.Solicit(address, netip.IPv6Unspecified())
}

func (s *ndpSegment) listen(address netip.Addr, deadline time.Time) (net.HardwareAddr, error) {
	if err := s.socket.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	for {
		m, sender, err := s.socket.Receive()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil
		case err != nil:
			return nil, err
		case m.Claims(address):
			return sender, nil
		}
	}
}
