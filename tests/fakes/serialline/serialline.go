// Package serialline is a null-modem cable between two serial ports, made of two
// pseudo terminals and a relay: it takes bytes at the line's rate, throws them away
// while the far port is not open, as a wire does, and can be cut, garbled, crossed,
// or made to hoard old bytes and deliver them much later. Modem lines it has none.
package serialline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Behaviour is what is wrong with the line; the zero value is a good one at full speed.
type Behaviour struct {
	Baud    int     // bits per second, 10 for each byte; 0: as fast as it can
	Stuck   bool    // the line takes nothing: the ports' buffers fill up
	Cut     bool    // nothing arrives
	Crossed bool    // what a port sends comes back to it
	Garble  float64 // share of bytes that change on the way
	Hoard   bool    // nothing arrives, and nothing is lost: it comes with Deliver
}

// hoardBound is how much the line hoards in each direction, in bytes: a minute at 115200 baud.
const hoardBound = 60 * 11520

const (
	// slice is how much of the line's time one read takes at most, maxSlice how many bytes.
	slice    = 5 * time.Millisecond
	maxSlice = 4096
	// mostLate is the longest delay that the relay catches up with.
	mostLate = 50 * time.Millisecond
	// reopened is how often a port that nobody has open is looked at.
	reopened = 5 * time.Millisecond
)

// Line is a cable with a port at each end.
type Line struct {
	ends [2]*end
	done chan struct{}
	work sync.WaitGroup

	mu        sync.Mutex
	behaviour Behaviour
	rng       *rand.Rand
	hoard     [2][]byte // by the end that it is for
	taken     [2]int    // bytes by the end that sent them
}

// end is the relay's side of a port.
type end struct {
	file *os.File
	raw  syscall.RawConn
	port string
}

// New lays a line; Close takes it away.
func New(b Behaviour) (*Line, error) {
	l := &Line{behaviour: b, done: make(chan struct{}), rng: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // noise, the same in every run
	for i := range l.ends {
		e, err := openEnd()
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.ends[i] = e
	}
	for i := range l.ends {
		l.work.Go(func() { l.carry(i) })
	}
	return l, nil
}

// openEnd makes a pseudo terminal, see pts(4).
func openEnd() (*end, error) {
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	e := &end{file: file}
	if e.raw, err = file.SyscallConn(); err == nil {
		err = e.settle()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pseudo terminal: %w", err), file.Close())
	}
	return e, nil
}

// settle unlocks the port, and opens and closes it once: from then on the relay can
// tell whether anybody has it open.
func (e *end) settle() error {
	var number int
	var numberErr, lockErr error
	err := e.raw.Control(func(fd uintptr) {
		number, numberErr = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		lockErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
	})
	if err := errors.Join(err, numberErr, lockErr); err != nil {
		return err
	}
	e.port = fmt.Sprintf("/dev/pts/%d", number)
	port, err := os.OpenFile(e.port, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	return port.Close()
}

// waits tells whether more bytes than were read have been sent.
func (e *end) waits() bool {
	n := 0
	_ = e.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n > 0
}

// put writes into the port if somebody has it open; what there is no room for is lost.
func (e *end) put(data []byte) {
	_ = e.raw.Control(func(fd uintptr) {
		if opened(fd) {
			_, _ = unix.Write(int(fd), data)
		}
	})
}

// opened tells whether somebody has the port at the far side of a pseudo terminal open.
func opened(fd uintptr) bool {
	look := []unix.PollFd{{Fd: int32(fd)}} //nolint:gosec // a descriptor
	for {
		if _, err := unix.Poll(look, 0); !errors.Is(err, unix.EINTR) { // the runtime's own signals
			return look[0].Revents&unix.POLLHUP == 0
		}
	}
}

// Port names the port at an end, 0 or 1.
func (l *Line) Port(i int) string { return l.ends[i].port }

// Opened tells whether a program has the port at an end open.
func (l *Line) Opened(i int) (open bool) {
	_ = l.ends[i].raw.Control(func(fd uintptr) { open = opened(fd) })
	return open
}

// Plug opens the port at an end as a plain wire, for a device that is simulated there.
func (l *Line) Plug(i int) (*os.File, error) {
	f, err := os.OpenFile(l.Port(i), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		mode, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err == nil {
			mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
			err = unix.IoctlSetTermios(int(fd), unix.TCSETS, mode)
		}
		setErr = err
	})
	if err := errors.Join(err, setErr); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Set changes the line's behaviour.
func (l *Line) Set(b Behaviour) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behaviour = b
}

// Behaviour returns what Set was given last.
func (l *Line) Behaviour() Behaviour {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behaviour
}

// HangUp takes the port at an end away from whoever has it open, for good.
func (l *Line) HangUp(i int) { _ = l.ends[i].file.Close() }

// Deliver lets the hoarded bytes out at the line's rate, and ends the hoarding.
func (l *Line) Deliver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behaviour.Hoard = false
	for i, old := range l.hoard {
		l.hoard[i] = nil
		l.work.Go(func() {
			for len(old) > 0 {
				n := min(len(old), l.perSlice())
				if !l.rest(l.takes(n)) {
					return
				}
				l.ends[i].put(old[:n])
				old = old[n:]
			}
		})
	}
}

// Hoarded is how many bytes wait for the port at an end.
func (l *Line) Hoarded(i int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.hoard[i])
}

// Taken is how many bytes the line has taken from the port at an end, whatever became of them.
func (l *Line) Taken(i int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken[i]
}

// Close takes the line away; whoever has a port open finds it hung up.
func (l *Line) Close() error {
	close(l.done)
	var errs []error
	for _, e := range l.ends {
		if e == nil {
			continue
		}
		if err := e.file.Close(); !errors.Is(err, os.ErrClosed) { // it may be hung up
			errs = append(errs, err)
		}
	}
	l.work.Wait()
	return errors.Join(errs...)
}

// carry takes what an end sends, at the line's rate, until the line is taken away.
func (l *Line) carry(from int) {
	buffer := make([]byte, maxSlice)
	var free time.Time // when the line has carried what it took
	busy := false      // more waited already when that was taken
	for {
		if l.Behaviour().Stuck {
			if !l.rest(reopened) {
				return
			}
			continue
		}
		n, err := l.ends[from].file.Read(buffer[:l.perSlice()])
		if err != nil { // nobody has the port open, or the line is gone
			if !l.rest(reopened) {
				return
			}
			continue
		}
		if now := time.Now(); !busy || now.Sub(free) > mostLate {
			free = now
		} // else a relay that a busy machine woke late catches up: a wire is never late
		free, busy = free.Add(l.takes(n)), l.ends[from].waits()
		if !l.rest(time.Until(free)) {
			return
		}
		l.pass(from, buffer[:n])
	}
}

func (l *Line) perSlice() int {
	baud := l.Behaviour().Baud
	if baud == 0 {
		return maxSlice
	}
	return min(max(1, int(slice*time.Duration(baud)/10/time.Second)), maxSlice)
}

func (l *Line) takes(n int) time.Duration {
	baud := l.Behaviour().Baud
	if baud == 0 {
		return 0
	}
	return time.Duration(n) * 10 * time.Second / time.Duration(baud)
}

// rest waits; false once the line is taken away.
func (l *Line) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.done:
		return false
	case <-timer.C:
		return true
	}
}

// pass does to the bytes what the line does to them.
func (l *Line) pass(from int, data []byte) {
	l.mu.Lock()
	b, to := l.behaviour, 1-from
	if b.Crossed {
		to = from
	}
	for i := range data {
		if b.Garble > 0 && l.rng.Float64() < b.Garble {
			data[i] ^= byte(1 + l.rng.IntN(255))
		}
	}
	if b.Hoard && !b.Cut && len(l.hoard[to])+len(data) <= hoardBound {
		l.hoard[to] = append(l.hoard[to], data...)
	}
	l.mu.Unlock()
	if !b.Cut && !b.Hoard {
		l.ends[to].put(data)
	}
	l.mu.Lock()
	l.taken[from] += len(data)
	l.mu.Unlock()
}
