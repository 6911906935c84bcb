package reach

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcpAsker asks by connecting. A refused connection is an answer too: somebody's
// kernel is alive to refuse.
func tcpAsker(device string) asker {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		if device == "" {
			return nil
		}
		var err error
		controlErr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
		})
		return errors.Join(controlErr, err)
	}}
	return func(ctx context.Context, target string) reply {
		began := time.Now()
		conn, err := dialer.DialContext(ctx, "tcp", target)
		rtt := time.Since(began)
		var timeout net.Error
		switch {
		case err == nil:
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // no TIME_WAIT per question
			}
			_ = conn.Close()
			return reply{target: target, rtt: rtt, how: "accepted the connection"}
		case errors.Is(err, unix.ECONNREFUSED):
			return reply{target: target, rtt: rtt, how: "refused the connection"}
		case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EHOSTDOWN),
			errors.Is(err, unix.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded),
			errors.As(err, &timeout) && timeout.Timeout():
			return reply{target: target, err: errSilence}
		default:
			return reply{target: target, err: err, unasked: true}
		}
	}
}
