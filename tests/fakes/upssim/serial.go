package upssim

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// SerialPort is the port at the back of a UPS, which speaks while the output is off
// too. It has one output, outlet 1.
type SerialPort struct {
	device *Device
	port   io.ReadWriter
	speak  protocol
	orders atomic.Int32
}

// protocol is a state machine that takes what arrives byte by byte.
type protocol interface {
	// hear returns what the device sends when a byte has arrived.
	hear(b byte) string
}

// Serials names the protocols of NewSerialPort.
func Serials() []string { return []string{"apcsmart", "megatec"} }

// NewSerialPort gives a device a serial port, as its protocol's end of a line.
func NewSerialPort(d *Device, name string, port io.ReadWriter) (*SerialPort, error) {
	s := &SerialPort{device: d, port: port}
	switch name {
	case "apcsmart":
		s.speak = &smart{SerialPort: s}
	case "megatec":
		s.speak = &megatec{SerialPort: s}
	default:
		return nil, errors.New("no protocol " + name)
	}
	return s, nil
}

// Orders counts the orders to switch off that arrived.
func (s *SerialPort) Orders() int { return int(s.orders.Load()) }

// Serve answers until the port is closed.
func (s *SerialPort) Serve() error {
	one := make([]byte, 1)
	for {
		if _, err := s.port.Read(one); err != nil {
			if errors.Is(err, fs.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return err
		}
		if s.device.deaf() {
			continue
		}
		out := s.speak.hear(one[0])
		if out == "" {
			continue
		}
		if slow := s.device.Behaviour().Slow; slow > 0 {
			<-time.After(slow)
		}
		if _, err := io.WriteString(s.port, out); err != nil && !errors.Is(err, fs.ErrClosed) {
			return err
		}
	}
}

// order lets f act, unless an illness of the device is in the way; false: it refuses.
func (s *SerialPort) order(off bool, f func()) bool {
	d := s.device
	if off {
		s.orders.Add(1)
	}
	d.mu.Lock()
	b := d.behaviour
	if b.Reboot > 0 {
		d.behaviour.Reboot = 0 // once
		d.restartCard(b.Reboot)
	}
	d.mu.Unlock()
	if b.Refuse != "" {
		return false
	}
	if b.Reboot == 0 || !b.Lost {
		f()
	}
	return true
}

// face is what a serial protocol tells of the device, read at once.
type face struct {
	on, onBattery, low, worn bool
	returns                  bool // off, and on again by itself
	due                      bool // on, and about to go off
	charge, minutes          int64
	sticky                   bool
}

func (d *Device) face() face {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.outlets[0]
	return face{
		on: o.on, onBattery: d.onBattery, low: d.low() != 2, worn: d.behaviour.Worn,
		returns: !o.on && o.onAt != nil, due: o.on && o.offAt != nil,
		charge: d.charge(), minutes: int64(d.left() / time.Minute), sticky: d.behaviour.Sticky,
	}
}

// volts is what an output, or the mains, measures.
func volts(present bool) string {
	if present {
		return "230.4"
	}
	return "000.0"
}
