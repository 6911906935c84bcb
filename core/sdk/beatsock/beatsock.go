// Package beatsock is the path of beats between the core and a plugin's process: a
// pair of connected SOCK_SEQPACKET sockets (unix(7)) for each direction, whose far
// ends the process inherits. A message arrives whole or not at all; giving one away
// never waits and wakes nobody but the reader. The package knows nothing of what
// the messages say.
//
// There is a pair for each direction because the runtime would wake a process for
// every message that the other side takes from a socket it also reads from.
package beatsock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MaxSize bounds a message in bytes; a beat and what is said around it is far less.
const MaxSize = 4096

// ErrFull means that the other side does not keep up.
var ErrFull = errors.New("the other side does not take messages")

// Conn is one end of both directions. Its methods may be called from any number of
// goroutines.
type Conn struct {
	in  net.Conn
	out *os.File // blocking, and so not watched by the runtime
	raw syscall.RawConn
}

// Pair makes both ends; the files are what New makes the plugin's end of, and are
// the caller's to close. What waits for the plugin is bounded to a few messages: a
// beat that waited says nothing any more.
func Pair() (core *Conn, in, out *os.File, err error) {
	var files [4]*os.File
	for i := 0; i < len(files); i += 2 {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, nil, nil, errors.Join(fmt.Errorf("make beat sockets: %w", err), closeAll(files[:i]))
		}
		files[i], files[i+1] = os.NewFile(uintptr(ends[0]), "beats"), os.NewFile(uintptr(ends[1]), "beats") //nolint:gosec // descriptors
	}
	err = unix.SetsockoptInt(int(files[0].Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF, 0) // the kernel's least
	if err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("bound beat socket: %w", err), closeAll(files[:]))
	}
	core, err = New(files[3], files[0])
	if err != nil {
		return nil, nil, nil, errors.Join(err, closeAll(files[1:3]))
	}
	return core, files[1], files[2], nil
}

// New makes an end of the files to receive from and to send to, which it takes over.
func New(in, out *os.File) (*Conn, error) {
	conn, err := net.FileConn(in)
	err = errors.Join(err, in.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open beat socket: %w", err), out.Close())
	}
	raw, err := out.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open beat socket: %w", err), conn.Close(), out.Close())
	}
	return &Conn{conn, out, raw}, nil
}

func closeAll(files []*os.File) (err error) {
	for _, file := range files {
		err = errors.Join(err, file.Close())
	}
	return err
}

// Offer gives a message away at once, or fails: ErrFull if there is no room.
func (c *Conn) Offer(message []byte) error { return c.send(message, unix.MSG_DONTWAIT) }

// Send gives a message away and waits for room.
func (c *Conn) Send(message []byte) error { return c.send(message, 0) }

func (c *Conn) send(message []byte, flags int) error {
	var sent error
	err := c.raw.Control(func(fd uintptr) {
		sent = unix.Sendto(int(fd), message, flags|unix.MSG_NOSIGNAL, nil)
	})
	if errors.Is(sent, unix.EAGAIN) {
		return ErrFull
	}
	return errors.Join(err, sent)
}

// Receive waits for a message; it returns io.EOF when the other end is gone.
func (c *Conn) Receive(buffer []byte) (int, error) {
	n, err := c.in.Read(buffer)
	if errors.Is(err, unix.ECONNRESET) { // the other end went with messages unread
		err = io.EOF
	}
	return n, err
}

// Unread tells whether the other side has yet to take a message that was given
// away (SIOCOUTQ).
func (c *Conn) Unread() bool {
	waiting := 0
	err := c.raw.Control(func(fd uintptr) { waiting, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return err == nil && waiting > 0
}

// Close ends both directions; a Receive or a Send under way returns.
func (c *Conn) Close() error {
	err := c.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	return errors.Join(err, c.in.Close(), c.out.Close())
}
