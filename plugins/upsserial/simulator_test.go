package upsserial

import (
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/serialline"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// simulator is a UPS at the far end of a serial line. It shares no table with this plugin.
type simulator struct {
	*upssim.Device
	cable    *serialline.Line
	port     *upssim.SerialPort
	load     *upssim.Load
	protocol string
}

func newSimulator(t testing.TB, protocol string, b serialline.Behaviour) *simulator {
	t.Helper()
	log, _ := test.NewNullLogger()
	s := &simulator{load: &upssim.Load{}, protocol: protocol}
	var err error
	if s.Device, err = upssim.NewDevice(upssim.Options{Name: "beta", Supply: s.load, Log: log}); err != nil {
		t.Fatal(err)
	}
	if s.cable, err = serialline.New(b); err != nil {
		t.Fatal(err)
	}
	end, err := s.cable.Plug(1)
	if err != nil {
		t.Fatal(err)
	}
	if s.port, err = upssim.NewSerialPort(s.Device, protocol, end); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.port.Serve() }()
	t.Cleanup(func() {
		_ = end.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = s.cable.Close()
		s.Close()
	})
	return s
}

// section is the YAML of an instance for it.
func (s *simulator) section() string {
	return "device: " + s.cable.Port(0) + "\nprotocol: " + s.protocol + "\n"
}

// open makes an instance with further options.
func (s *simulator) open(t testing.TB, options string) *instance {
	t.Helper()
	config, err := New().Configure([]byte(s.section() + options))
	if err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	u := newInstance(log, config.(*Config))
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

func within(life time.Duration) sdk.Order {
	return sdk.Order{ID: "order-1", Expiry: sdk.Monotonic() + life, Mark: "cut by alpha, generation 7"}
}

// orderTime is enough for an order on a busy machine.
const orderTime = 8 * time.Second
