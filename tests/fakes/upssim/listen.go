package upssim

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
)

// Load is a supply that takes no time; it counts what happened to it.
type Load struct{ Offs, Ons atomic.Int64 }

// Off counts a cut.
func (l *Load) Off() error { l.Offs.Add(1); return nil }

// On counts a start.
func (l *Load) On() error { l.Ons.Add(1); return nil }

// Listener is a device whose card answers on a port of loopback.
type Listener struct {
	*Device
	Load       *Load  // what hangs on it, unless Options.Supply names something else
	Address    string // host:port
	Host, Port string
	conn       net.PacketConn
	served     chan error
}

// Listen makes a device with a load of its own and lets its card answer until Close.
func Listen(ctx context.Context, o Options, a Access) (*Listener, error) {
	l := &Listener{Load: &Load{}, served: make(chan error, 1)}
	if o.Supply == nil {
		o.Supply = l.Load
	}
	var err error
	if l.Device, err = NewDevice(o); err != nil {
		return nil, err
	}
	if l.conn, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp4", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	l.Address = l.conn.LocalAddr().String()
	if l.Host, l.Port, err = net.SplitHostPort(l.Address); err != nil {
		return nil, errors.Join(err, l.conn.Close())
	}
	go func() { l.served <- NewAgent(l.Device, a).Serve(l.conn) }()
	return l, nil
}

// Close ends the card, then the device's pending orders; the error is the card's.
func (l *Listener) Close() error {
	err := l.conn.Close()
	err = errors.Join(err, <-l.served)
	l.Device.Close()
	return err
}
