// Package serial carries beats over a serial line: a null-modem cable from node to
// node, which shares nothing with the network. It never looks into a beat, never
// waits for the line and never queues: a beat that comes while the line still sends
// the one before is dropped.
package serial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/linkstate"
	"github.com/storeward/storeward/plugins/internal/tty"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name: "serial", Version: "1.0.0", Summary: "Carries beats over a serial line.",
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
			return newLine(env.Log, config.(*Config)), nil
		},
	}
}

const (
	// retry is how often a port that cannot be opened, or went away, is tried again.
	retry = 200 * time.Millisecond
	// carrierEvery is the pace of reading the modem lines.
	carrierEvery = 100 * time.Millisecond
)

// carriers are the modem lines that a null-modem cable crosses with the far end's
// DTR (dcd, dsr) or RTS (cts), which fall with its power.
var carriers = map[string]int{"dcd": unix.TIOCM_CD, "cts": unix.TIOCM_CTS, "dsr": unix.TIOCM_DSR}

var errBusy = errors.New("send beat: the line still sends the one before")

// line is one serial line to the peer. Run does the work; Send may be called any time.
type line struct {
	config *Config
	now    func() time.Duration
	port   atomic.Pointer[tty.Port] // nil while there is none

	sending   sync.Mutex
	frame     []byte
	busyUntil time.Duration

	mu      sync.Mutex
	closed  bool
	broken  error // why there is no port
	carrier sdk.Power
	mute    bool // the port cannot tell its modem lines
	traffic traffic
	verdict verdict // of the last period
	foreign uint64
	teller  linkstate.Teller
}

func newLine(log logrus.FieldLogger, c *Config) *line {
	return &line{teller: linkstate.New(log), config: c, now: sdk.Monotonic, broken: errors.New("not opened yet")}
}

// Close ends a line whose Run has returned.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if p := l.port.Swap(nil); p != nil {
		return p.Close()
	}
	return nil
}

// Send carries one beat, or drops it: it never waits.
func (l *line) Send(beat []byte) error {
	p := l.port.Load()
	if p == nil {
		return errors.New("send beat: the link does not work")
	}
	if len(beat) > maxBeat {
		return fmt.Errorf("send beat: %d bytes are too long for one", len(beat))
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	now := l.now()
	if now < l.busyUntil || p.Unsent() > 0 {
		l.count(func(t *traffic) { t.offered++; t.busy++ })
		return errBusy
	}
	l.frame = appendFrame(l.frame[:0], beat)
	l.count(func(t *traffic) { t.remember(beat, len(l.frame)) }) // a loop is faster than the next line
	n, err := p.Write(l.frame)
	l.busyUntil = now + l.takes(n)
	if n < len(l.frame) {
		l.count(func(t *traffic) { t.offered++; t.refused++ }) // at once: a period may end at any moment
		return fmt.Errorf("send beat: the port took %d of %d bytes: %w", n, len(l.frame), cmp.Or(err, io.ErrShortWrite))
	}
	l.count(func(t *traffic) { t.offered++ })
	return nil
}

// takes is how long the line is busy with a number of bytes.
func (l *line) takes(n int) time.Duration {
	return tty.Takes(n, l.config.Baud)
}

func (l *line) count(add func(*traffic)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.traffic)
}

// Run delivers beats and changes of state until ctx ends.
func (l *line) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	l.mu.Lock()
	l.teller.Begin(state)
	l.mu.Unlock()
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { every(ctx, lookEvery, func() { l.update(l.look) }) })
	if l.config.Carrier != "none" {
		watching.Go(func() { every(ctx, carrierEvery, l.readCarrier) })
	}
	for ctx.Err() == nil {
		l.serve(ctx, packet)
		pause := time.NewTimer(retry)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
	return nil
}

// every works together with the node's other processes (sdk.UntilTick) until ctx ends.
func every(ctx context.Context, period time.Duration, do func()) {
	due := time.NewTimer(sdk.UntilTick(period))
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			due.Reset(sdk.UntilTick(period))
			do()
		}
	}
}

// serve opens the port and delivers beats until it breaks or ctx ends.
func (l *line) serve(ctx context.Context, packet func(sdk.Packet)) {
	p, err := tty.Open(l.config.Device, l.config.Baud)
	if err != nil {
		l.update(func() { l.broken = err })
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = p.Close() })
	defer stop()
	if !l.use(p) {
		return
	}
	err = l.receive(p, packet)
	l.port.CompareAndSwap(p, nil)
	_ = p.Close() // it has just failed
	l.update(func() { l.broken = err })
}

// use publishes the port unless the line was closed meanwhile.
func (l *line) use(p *tty.Port) bool {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.port.Store(p)
	}
	l.mu.Unlock()
	if closed {
		_ = p.Close()
		return false
	}
	l.update(func() { // another port may be behind the name
		l.broken, l.traffic, l.verdict = nil, traffic{}, well
		l.carrier, l.mute = sdk.PowerUnknown, false
	})
	if l.config.Carrier != "none" {
		l.readCarrier()
	}
	return true
}

// receive delivers beats until the port breaks.
func (l *line) receive(p *tty.Port, packet func(sdk.Packet)) error {
	var frames deframer
	buffer := make([]byte, 4096)
	for {
		n, err := p.Read(buffer)
		taken := l.now()
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		frames.feed(buffer[:n], func(beat []byte) {
			if l.isOurs(beat) {
				return
			}
			packet(sdk.Packet{Data: beat, From: l.config.Device, Taken: taken})
		}, func() { l.count(func(t *traffic) { t.damaged++; l.foreign++ }) })
	}
}

// isOurs counts a frame that arrived and tells whether it is one of those that this
// node sent: a line whose ends are crossed, or a loop.
func (l *line) isOurs(beat []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.traffic.sent(beat) {
		l.traffic.echoed++
		l.foreign++
		return true
	}
	l.traffic.whole++
	return false
}

// readCarrier reads the modem line that stands for the peer's power.
func (l *line) readCarrier() {
	p := l.port.Load()
	if p == nil {
		return
	}
	bits, err := p.Lines()
	l.update(func() { l.hearLines(bits, err) })
}

// hearLines takes what the modem lines say. l.mu is held.
func (l *line) hearLines(bits int, err error) {
	l.mute = err != nil
	switch {
	case err != nil:
		l.carrier = sdk.PowerUnknown
	case bits&carriers[l.config.Carrier] != 0:
		l.carrier = sdk.PowerOn
	default:
		l.carrier = sdk.PowerOff
	}
}

// update changes what is known and tells it if it differs from what was told.
func (l *line) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.teller.Tell(l.state())
}

// state sums up. l.mu is held.
func (l *line) state() sdk.LinkState {
	s := sdk.LinkState{Taken: l.now(), Foreign: l.foreign}
	if l.broken != nil {
		s.Message = "the link does not work: " + l.broken.Error()
		return s
	}
	s.Carrier = l.carrier
	if l.carrier == sdk.PowerOff {
		s.Status = sdk.Down
		s.Message = fmt.Sprintf("%s of %s is off: the peer's port has no power, or the cable is out", l.config.Carrier, l.config.Device)
		return s
	}
	s.Status, s.Message = l.verdict.told(l)
	if s.Status == sdk.OK && l.mute {
		s.Status, s.Message = sdk.Degraded, fmt.Sprintf("%s cannot tell %s: use carrier: none", l.config.Device, l.config.Carrier)
	}
	return s
}
