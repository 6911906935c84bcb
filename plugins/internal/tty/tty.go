// Package tty is a serial port as a plain wire: raw, 8 data bits, no parity, 1 stop
// bit, no flow control. It never waits for the line: not in opening, not in
// writing, not in closing, and in reading only as long as it was told.
package tty

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bitsPerByte on the line: start, 8 data, stop.
const bitsPerByte = 10

// Port is an open serial port, this process's alone.
type Port struct {
	file *os.File
	raw  syscall.RawConn
}

// speeds are the rates in bits per second that a port may be set to.
var speeds = map[int]uint32{
	1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400,
	57600: unix.B57600, 115200: unix.B115200, 230400: unix.B230400, 460800: unix.B460800, 921600: unix.B921600,
}

// Rates lists the rates that a port may be set to, the lowest first.
func Rates() []int { return slices.Sorted(maps.Keys(speeds)) }

// Takes is how long a line is busy with a number of bytes.
func Takes(bytes, baud int) time.Duration {
	return time.Duration(bytes) * bitsPerByte * time.Second / time.Duration(baud)
}

// Open opens and sets a port, and throws away what its buffers held.
func Open(device string, baud int) (*Port, error) {
	// O_NONBLOCK: the open does not wait for a carrier, nor a write for room.
	file, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p := &Port{file, raw}
	var setErr error
	if err := raw.Control(func(fd uintptr) { setErr = set(int(fd), speeds[baud]) }); err != nil || setErr != nil {
		return nil, errors.Join(fmt.Errorf("set %s: %w", device, errors.Join(err, setErr)), file.Close())
	}
	return p, nil
}

// set makes a terminal a plain wire, see termios(3).
func set(fd int, speed uint32) error {
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock: another program uses it: %w", err)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("it is no serial port: %w", err)
	}
	t.Iflag, t.Oflag, t.Lflag = unix.IGNBRK, 0, 0
	// Without HUPCL the end of this process leaves DTR as it is: the peer, which may
	// see it as its carrier, must not take a plugin's restart for a lost machine.
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | speed
	t.Ispeed, t.Ospeed = speed, speed
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return fmt.Errorf("set terminal: %w", err)
	}
	if now, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil || now.Cflag&unix.CBAUD != speed {
		return errors.New("it does not take this baud rate")
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
}

// Read waits for bytes until Close, or until the deadline that ReadBy set has passed:
// then the error is os.ErrDeadlineExceeded.
func (p *Port) Read(buffer []byte) (int, error) { return p.file.Read(buffer) }

// ReadBy sets the deadline of Read.
func (p *Port) ReadBy(deadline time.Time) error { return p.file.SetReadDeadline(deadline) }

// Write gives the port what it takes at once.
func (p *Port) Write(data []byte) (n int, err error) {
	controlErr := p.raw.Control(func(fd uintptr) { n, err = unix.Write(int(fd), data) })
	return max(n, 0), errors.Join(controlErr, err)
}

// Unsent is how many bytes wait in the port's buffer, 0 where it cannot tell.
func (p *Port) Unsent() (n int) {
	_ = p.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return n
}

// Forget throws away what arrived and was not read.
func (p *Port) Forget() { p.flush(unix.TCIFLUSH) }

// Revoke throws away what was not sent yet.
func (p *Port) Revoke() { p.flush(unix.TCOFLUSH) }

func (p *Port) flush(queue int) {
	_ = p.raw.Control(func(fd uintptr) { _ = unix.IoctlSetInt(int(fd), unix.TCFLSH, queue) })
}

// Lines reads the modem lines, TIOCM_CD and so on, see tty_ioctl(4).
func (p *Port) Lines() (bits int, err error) {
	controlErr := p.raw.Control(func(fd uintptr) { bits, err = unix.IoctlGetInt(int(fd), unix.TIOCMGET) })
	return bits, errors.Join(controlErr, err)
}

// Close throws away what was not sent: the kernel would wait for it, up to 30 s.
func (p *Port) Close() error {
	p.Revoke()
	return p.file.Close()
}
