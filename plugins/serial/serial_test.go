package serial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/tty"
	"github.com/storeward/storeward/tests/fakes/serialline"
)

// patience bounds every wait for something that is expected to happen.
const patience = 10 * time.Second

func lay(t *testing.T, b serialline.Behaviour) *serialline.Line {
	t.Helper()
	l, err := serialline.New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestConformance(t *testing.T) {
	cable := lay(t, serialline.Behaviour{})
	sdktest.Run(t, sdktest.Case{
		Plugin: New(),
		Config: fmt.Sprintf("device: %s\n", cable.Port(0)),
		Check: func(t *testing.T, i *sdktest.Instance) {
			if i.Roles().String() != "link" {
				t.Errorf("roles: %s", i.Roles())
			}
		},
	})
}

func TestConfigurationFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                                     "device: missing",
		"{device: ttyS0}":                        "want the port's full path below /dev",
		"{device: /dev/ttyS0, baud: 9601}":       "1:22: baud: 9601: want one of [1200 2400",
		"{device: /dev/ttyS0, carrier: dtr}":     `carrier: "dtr": want none, dcd, cts or dsr`,
		"{device: /dev/ttyS0, bauds: 9600}":      `did you mean "baud"?`,
		"{device: /dev/ttyS0, baud: 115200 8N1}": "baud",
	} {
		if _, err := New().Configure([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// end is one end of a line under test.
type end struct {
	*line
	packets chan sdk.Packet
	states  chan sdk.LinkState
}

func run(t *testing.T, device string, baud int) *end {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.DebugLevel)
	c := DefaultConfig()
	c.Device, c.Baud = device, baud
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	e := &end{line: newLine(log, c), packets: make(chan sdk.Packet, 4096), states: make(chan sdk.LinkState, 1024)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- e.Run(ctx, func(p sdk.Packet) {
			p.Data = bytes.Clone(p.Data)
			e.packets <- p
		}, func(s sdk.LinkState) { e.states <- s })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// until waits for a state that fits.
func (e *end) until(t *testing.T, what string, fits func(sdk.LinkState) bool) sdk.LinkState {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s := <-e.states:
			if fits(s) {
				return s
			}
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

func isOK(s sdk.LinkState) bool { return s.Status == sdk.OK }

func says(status sdk.Status, words string) func(sdk.LinkState) bool {
	return func(s sdk.LinkState) bool { return s.Status == status && strings.Contains(s.Message, words) }
}

func (e *end) packet(t *testing.T) sdk.Packet {
	t.Helper()
	select {
	case p := <-e.packets:
		return p
	case <-time.After(patience):
		t.Fatal("no packet")
		return sdk.Packet{}
	}
}

// beats sends one beat after the other, as the core does, until the test is over.
func (e *end) beats(t *testing.T, interval time.Duration, size int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n := 0
		every(ctx, interval, func() {
			n++
			beat := append([]byte(fmt.Sprintf("%s %d ", e.config.Device, n)), bytes.Repeat([]byte{7}, size)...)
			_ = e.Send(beat[:size])
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

// pair is a line with a working end on each side.
func pair(t *testing.T, b serialline.Behaviour, baud int) (cable *serialline.Line, one, two *end) {
	t.Helper()
	cable = lay(t, b)
	one, two = run(t, cable.Port(0), baud), run(t, cable.Port(1), baud)
	one.until(t, "one works", isOK)
	two.until(t, "two works", isOK)
	return cable, one, two
}

func TestBeatsArriveUnchangedWithTheirTime(t *testing.T) {
	t.Parallel()
	_, one, two := pair(t, serialline.Behaviour{}, 921600)
	for _, data := range []string{"beat", "\x00\xff\x00", strings.Repeat("x", 1000), strings.Repeat("\x00", 1000), "\x11\x13\x03\x04\x1a\r\n"} {
		before := sdk.Monotonic()
		send(t, one, data)
		p := two.packet(t)
		if string(p.Data) != data || p.From != two.config.Device || p.Taken < before || p.Taken > sdk.Monotonic() {
			t.Errorf("%q: got %+v", data, p)
		}
	}
	if err := one.Send(make([]byte, maxBeat+1)); err == nil {
		t.Error("sent more than a frame holds")
	}
}

// send sends as soon as the line is free.
func send(t *testing.T, e *end, data string) {
	t.Helper()
	limit, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := e.Send([]byte(data))
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("cannot send: %v", err)
		}
	}
}

// A line at 9600 baud carries what it can of 20 beats a second, and queues none.
func TestSlowLineDropsAndSaysSo(t *testing.T) {
	t.Parallel()
	_, one, two := pair(t, serialline.Behaviour{Baud: 9600}, 9600)
	began := sdk.Monotonic()
	one.beats(t, 50*time.Millisecond, 300)
	s := one.until(t, "too slow", says(sdk.Degraded, "a beat takes"))
	if !strings.Contains(s.Message, "320ms at 9600 baud") {
		t.Errorf("says %q", s.Message)
	}
	for range 2 { // it may have said so before the second one was through
		two.packet(t)
	}
	arrived := 2 + len(two.packets)
	if carried := int((sdk.Monotonic()-began)/one.takes(300)) + 1; arrived > carried {
		t.Errorf("%d beats arrived, the line can have carried %d", arrived, carried)
	}
}

func TestBeatOf1000BytesTakesItsTime(t *testing.T) {
	t.Parallel()
	_, one, two := pair(t, serialline.Behaviour{Baud: 115200}, 115200)
	for range 5 {
		began := sdk.Monotonic()
		send(t, one, strings.Repeat("b", 1000))
		if took := two.packet(t).Taken - began; took < 80*time.Millisecond {
			t.Errorf("1000 bytes took %v at 115200 baud, 90ms is right", took)
		}
	}
}

// Nobody has the far port open, and nobody takes what is sent: Send never waits.
func TestSendNeverWaits(t *testing.T) {
	t.Parallel()
	cable := lay(t, serialline.Behaviour{Stuck: true})
	one := run(t, cable.Port(0), 921600)
	one.until(t, "it works", isOK)
	beat := bytes.Repeat([]byte{7}, 1000)
	limit, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for stuck := false; !stuck; <-tick.C {
		began := time.Now()
		_ = one.Send(beat)
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("Send took %v", took)
		}
		select {
		case s := <-one.states:
			stuck = says(sdk.Unknown, "takes no bytes")(s)
		case <-limit:
			t.Fatal("a full port is never noticed")
		default:
		}
	}
}

func TestCutAndMended(t *testing.T) {
	t.Parallel()
	cable, one, two := pair(t, serialline.Behaviour{}, 921600)
	cable.Set(serialline.Behaviour{Cut: true})
	taken := cable.Taken(0)
	send(t, one, "lost")
	wait(t, "the line took it", func() bool { return cable.Taken(0) > taken })
	cable.Set(serialline.Behaviour{})
	send(t, one, "found")
	if p := two.packet(t); string(p.Data) != "found" {
		t.Errorf("got %q", p.Data)
	}
}

func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	limit, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

func TestOwnBytesComeBack(t *testing.T) {
	t.Parallel()
	cable, one, two := pair(t, serialline.Behaviour{}, 921600)
	cable.Set(serialline.Behaviour{Crossed: true})
	one.beats(t, 50*time.Millisecond, 300)
	s := one.until(t, "the loop is seen", says(sdk.Unknown, "our own bytes come back"))
	if s.Foreign == 0 || len(one.packets) != 0 {
		t.Errorf("own beats were delivered: %+v", s)
	}
	cable.Set(serialline.Behaviour{})
	two.beats(t, 50*time.Millisecond, 300)
	one.until(t, "it is well again", isOK)
	if !strings.HasPrefix(string(one.packet(t).Data), two.config.Device) {
		t.Error("an own beat was delivered")
	}
}

func TestNoiseIsFoundAndNeverDelivered(t *testing.T) {
	t.Parallel()
	cable, one, two := pair(t, serialline.Behaviour{}, 921600)
	one.beats(t, 20*time.Millisecond, 300)
	cable.Set(serialline.Behaviour{Garble: 0.0015})
	two.until(t, "some are damaged", says(sdk.Degraded, "arrive damaged"))
	cable.Set(serialline.Behaviour{Garble: 0.2})
	two.until(t, "all are damaged", says(sdk.Unknown, "no beat is whole"))
	cable.Set(serialline.Behaviour{})
	two.until(t, "it is well again", isOK)
	for len(two.packets) > 0 {
		if p := <-two.packets; !strings.HasPrefix(string(p.Data), one.config.Device) || len(p.Data) != 300 {
			t.Errorf("noise was delivered: %q", p.Data)
		}
	}
}

// A far port that was closed for a while is given nothing old when it is opened.
func TestOldBytesInThePortAreThrownAway(t *testing.T) {
	t.Parallel()
	cable := lay(t, serialline.Behaviour{})
	holder, err := os.OpenFile(cable.Port(1), os.O_RDWR|unix.O_NOCTTY, 0) // the port is open and nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	one := run(t, cable.Port(0), 921600)
	one.until(t, "it works", isOK)
	taken := cable.Taken(0)
	send(t, one, "old")
	wait(t, "the line took it", func() bool { return cable.Taken(0) > taken })
	two := run(t, cable.Port(1), 921600)
	two.until(t, "it works", isOK)
	send(t, one, "new")
	if p := two.packet(t); string(p.Data) != "new" {
		t.Errorf("got %q", p.Data)
	}
}

func TestPortThatGoesAndComes(t *testing.T) {
	t.Parallel()
	// A name that can be pointed at one port and then another, as udev does.
	name := filepath.Join(t.TempDir(), "port")
	first, second := lay(t, serialline.Behaviour{}), lay(t, serialline.Behaviour{})
	c := DefaultConfig()
	c.Device = name
	l := newLine(logrus.New(), c)
	ctx, cancel := context.WithCancel(t.Context())
	states := make(chan sdk.LinkState, 64)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, func(sdk.Packet) {}, func(s sdk.LinkState) { states <- s }) }()
	e := &end{line: l, states: states}
	s := e.until(t, "no port", says(sdk.Unknown, "no such file"))
	if s.Carrier != sdk.PowerUnknown {
		t.Errorf("got %+v", s)
	}
	if err := l.Send([]byte("x")); err == nil {
		t.Error("sent without a port")
	}
	if err := os.Symlink(first.Port(0), name); err != nil {
		t.Fatal(err)
	}
	e.until(t, "it works", isOK)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(second.Port(0), name); err != nil {
		t.Fatal(err)
	}
	first.HangUp(0)
	e.until(t, "it is gone", says(sdk.Unknown, "the link does not work"))
	e.until(t, "the other one works", isOK)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestTwoProgramsOnOnePort(t *testing.T) {
	t.Parallel()
	cable := lay(t, serialline.Behaviour{})
	one := run(t, cable.Port(0), 115200)
	one.until(t, "it works", isOK)
	other := run(t, cable.Port(0), 115200)
	other.until(t, "it is taken", says(sdk.Unknown, "another program uses it"))
}

func TestNoSerialPort(t *testing.T) {
	one := run(t, "/dev/null", 115200)
	one.until(t, "no port", says(sdk.Unknown, "it is no serial port"))
}

// A pseudo terminal has no modem lines: what they would say can be shown of the
// judgement alone.
func TestCarrier(t *testing.T) {
	cable := lay(t, serialline.Behaviour{})
	c := DefaultConfig()
	c.Device, c.Carrier = cable.Port(0), "dcd"
	l := newLine(logrus.New(), c)
	p, err := tty.Open(c.Device, c.Baud)
	if err != nil {
		t.Fatal(err)
	}
	if !l.use(p) {
		t.Fatal("closed")
	}
	defer l.Close()
	if s := l.state(); s.Carrier != sdk.PowerUnknown || s.Status != sdk.Degraded || !strings.Contains(s.Message, "cannot tell dcd") {
		t.Errorf("a port without modem lines: %+v", s)
	}
	for name, bits := range map[string]int{"dcd": unix.TIOCM_CAR, "cts": unix.TIOCM_CTS, "dsr": unix.TIOCM_DSR} {
		c.Carrier = name
		l.update(func() { l.hearLines(bits, nil) })
		if s := l.state(); s.Carrier != sdk.PowerOn || s.Status != sdk.OK {
			t.Errorf("%s is on: %+v", name, s)
		}
		l.update(func() { l.hearLines(^bits, nil) })
		if s := l.state(); s.Carrier != sdk.PowerOff || s.Status != sdk.Down {
			t.Errorf("%s is off: %+v", name, s)
		}
	}
}

// A port that is opened again may be another one: what the one before said of the
// peer's power is not told of it.
func TestCarrierOfThePortBeforeIsForgotten(t *testing.T) {
	c := DefaultConfig()
	c.Carrier = "dcd"
	l := newLine(logrus.New(), c)
	defer l.Close()
	open := func() {
		t.Helper()
		c.Device = lay(t, serialline.Behaviour{}).Port(0)
		p, err := tty.Open(c.Device, c.Baud)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		if !l.use(p) {
			t.Fatal("closed")
		}
	}
	for name, before := range map[string]func(){
		"its carrier was lost":  func() { l.hearLines(0, nil) },
		"it could tell nothing": func() { l.hearLines(0, unix.ENOTTY) },
	} {
		t.Run(name, func(t *testing.T) {
			open()
			l.update(before)
			l.update(func() { l.broken = errors.New("unplugged") })
			var told []sdk.LinkState
			l.teller.Begin(func(s sdk.LinkState) { told = append(told, s) })
			open()
			if len(told) == 0 || told[0].Status != sdk.OK || told[0].Carrier != sdk.PowerUnknown {
				t.Errorf("told %+v", told)
			}
		})
	}
}
