package peers

import (
	"testing"
	"time"

	"github.com/storeward/storeward/tests/fakes/serialline"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// newSerial is a simulated UPS at the far end of a serial line of 2400 baud.
func newSerial(t *testing.T, protocol string) (device *upssim.Device, port string) {
	t.Helper()
	device, err := upssim.NewDevice(upssim.Options{Name: "judged", Supply: &upssim.Load{}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	cable, err := serialline.New(serialline.Behaviour{Baud: 2400})
	if err != nil {
		t.Fatal(err)
	}
	end, err := cable.Plug(1)
	if err != nil {
		t.Fatal(err)
	}
	ups, err := upssim.NewSerialPort(device, protocol, end)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- ups.Serve() }()
	t.Cleanup(func() {
		_ = end.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = cable.Close()
		device.Close()
	})
	return device, cable.Port(0)
}

// TestNUTAgreesAboutSerialUPSes: its drivers detect them on the line, read them,
// switch them off and read that, and on again.
func TestNUTAgreesAboutSerialUPSes(t *testing.T) {
	for _, test := range []struct {
		protocol, driver, model string
		// variable tells whether the output is on: blazer_ser has no word for off.
		variable, on, off string
	}{
		{"apcsmart", "apcsmart", "SMART-UPS 1500", "ups.status", "OL", "OFF"},
		{"megatec", "blazer_ser", "Simulated", "output.voltage", "230.4", "0.0"},
	} {
		t.Run(test.driver, func(t *testing.T) {
			t.Parallel()
			device, port := newSerial(t, test.protocol)
			n := startNUT(t, test.driver, "port = "+port+"\npollinterval = 1\n")
			n.reads("ups.model", test.model)
			n.reads("ups.status", "OL")
			n.reads(test.variable, test.on)
			for _, on := range []bool{false, true} {
				n.switches(on, device)
				n.reads(test.variable, map[bool]string{false: test.off, true: test.on}[on])
			}
			_ = device.SetMains(false)
			n.reads("ups.status", "OB")
		})
	}
}

// switches orders until it is done: apcsmart takes an order only the second time, 3
// to 15 s after the first.
func (n *nut) switches(on bool, device *upssim.Device) {
	n.t.Helper()
	var next time.Time
	until(n.t, 60*time.Second, "the output is switched", func() (string, bool) {
		if now := time.Now(); now.After(next) {
			n.orders(map[bool]string{false: "load.off", true: "load.on"}[on])
			next = now.Add(5 * time.Second)
		}
		return "", device.On() == on
	})
}
