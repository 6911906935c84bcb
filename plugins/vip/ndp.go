package vip

import (
	"context"
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

func openNDP(name string) (*ndpSegment, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	socket, err := ndp.Open(device)
	if err != nil {
		return nil, err
	}
	return &ndpSegment{socket}, nil
}

func (s *ndpSegment) close() { _ = s.socket.Close() }

// announce sends an unsolicited advertisement, RFC 4861 section 7.2.6.
func (s *ndpSegment) announce(address netip.Addr) error { return s.socket.Announce(address) }

// conflict is the duplicate address check of RFC 4862 section 5.4: the question comes
// from no address; its owner answers all nodes, and who is about to take it asks
// the same.
func (s *ndpSegment) conflict(ctx context.Context, address netip.Addr, probe Probe) (net.HardwareAddr, error) {
	if probe.Count > 0 {
		if err := s.socket.Join(address); err != nil {
			return nil, fmt.Errorf("check for a duplicate: %w", err)
		}
	}
	for range probe.Count {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("check for a duplicate of %s: %w", address, ctx.Err())
		}
		if err := s.socket.Solicit(address, netip.IPv6Unspecified()); err != nil {
			return nil, fmt.Errorf("check for a duplicate of %s: %w", address, err)
		}
		who, err := s.listen(address, time.Now().Add(probe.Wait.Std()))
		if err != nil || who != nil {
			return who, err
		}
	}
	return nil, nil
}

// listen returns the MAC of whoever claims the address before the deadline, nil if nobody does.
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
