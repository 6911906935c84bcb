package reach

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// identity tells our echoes from those of other processes on a raw socket.
var identity atomic.Uint32

// echoAsker asks by ICMP echo (RFC 792, RFC 4443), through an unprivileged ping
// socket where the kernel allows it (icmp(7), ping_group_range), else a raw one.
func echoAsker(device string) asker {
	return func(ctx context.Context, target string) reply {
		address, err := netip.ParseAddr(target)
		if err != nil {
			return reply{target: target, err: err, unasked: true}
		}
		socket, err := openEcho(address, device)
		if err != nil {
			return reply{target: target, err: err, unasked: true}
		}
		defer socket.Close()
		rtt, err := socket.ask(ctx)
		return reply{target: target, rtt: rtt, how: "answered", err: err, unasked: err != nil && !errors.Is(err, errSilence)}
	}
}

// echo is one socket for the questions to one target.
type echo struct {
	net.PacketConn

	target   netip.Addr
	raw      bool
	id       uint16
	sequence uint16
}

func openEcho(target netip.Addr, device string) (*echo, error) {
	target = target.Unmap()
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if target.Is6() {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	raw := false
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		raw = true
		fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	}
	if err != nil {
		return nil, fmt.Errorf("open ICMP socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "icmp") //nolint:gosec // a descriptor
	defer file.Close()
	if device != "" {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device); err != nil {
			return nil, fmt.Errorf("bind to %s: %w", device, err)
		}
	}
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("open ICMP socket: %w", err)
	}
	own := identity.Add(1)
	id := uint16(own) ^ uint16(os.Getpid()) //nolint:gosec // any number does
	return &echo{PacketConn: conn, target: target, raw: raw, id: id}, nil
}

// ask sends questions until one is answered or ctx ends.
func (e *echo) ask(ctx context.Context) (time.Duration, error) {
	deadline, _ := ctx.Deadline()
	if err := e.SetReadDeadline(deadline); err != nil {
		return 0, fmt.Errorf("set deadline: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = e.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	began := time.Now()
	sent := make(chan error, 1)
	go func() { sent <- repeat(ctx, e.send) }()
	err := e.receive()
	rtt := time.Since(began)
	cancel()
	if sendErr := <-sent; sendErr != nil {
		return 0, fmt.Errorf("send echo: %w", sendErr)
	}
	return rtt, err
}

func (e *echo) send() error {
	e.sequence++
	var kind icmp.Type = ipv4.ICMPTypeEcho
	if e.target.Is6() {
		kind = ipv6.ICMPTypeEchoRequest
	}
	message := icmp.Message{Type: kind, Body: &icmp.Echo{ID: int(e.id), Seq: int(e.sequence), Data: []byte("storeward")}}
	packet, err := message.Marshal(nil) // the kernel computes ICMPv6's checksum
	if err != nil {
		return fmt.Errorf("build echo: %w", err)
	}
	var to net.Addr = &net.IPAddr{IP: e.target.AsSlice(), Zone: e.target.Zone()}
	if !e.raw {
		to = &net.UDPAddr{IP: e.target.AsSlice(), Zone: e.target.Zone()}
	}
	_, err = e.WriteTo(packet, to)
	if isSilence(err) { // the answer to the question before
		return nil
	}
	if err != nil {
		e.fail()
	}
	return err
}

// fail ends a receive that waits for the answer to what was not sent.
func (e *echo) fail() {
	if e.sequence == 1 {
		_ = e.SetReadDeadline(time.Unix(1, 0))
	}
}

// isSilence: the question went out and the network says that nobody is there.
func isSilence(err error) bool {
	return errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EHOSTDOWN) || errors.Is(err, unix.ECONNREFUSED)
}

// receive waits for the target's echo reply.
func (e *echo) receive() error {
	buffer := make([]byte, 1500)
	for {
		n, from, err := e.ReadFrom(buffer)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errSilence
		case isSilence(err):
			continue
		case err != nil:
			return fmt.Errorf("receive echo: %w", err)
		}
		if e.isAnswer(buffer[:n], from) {
			return nil
		}
	}
}

// isAnswer checks type, sender and, on a raw socket, which sees everybody's echoes,
// the identity; the kernel has done so for a ping socket.
func (e *echo) isAnswer(packet []byte, from net.Addr) bool {
	var sender netip.Addr
	switch a := from.(type) {
	case *net.UDPAddr:
		sender = a.AddrPort().Addr().Unmap()
	case *net.IPAddr:
		sender, _ = netip.AddrFromSlice(a.IP)
		sender = sender.Unmap()
	}
	if len(packet) < 8 || sender.WithZone("") != e.target.WithZone("") {
		return false
	}
	isReply := packet[0] == byte(ipv4.ICMPTypeEchoReply)
	if e.target.Is6() {
		isReply = packet[0] == byte(ipv6.ICMPTypeEchoReply)
	}
	return isReply && (!e.raw || binary.BigEndian.Uint16(packet[4:]) == e.id)
}
