package ups

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// bench is a supply that takes no time.
type bench struct{}

func (bench) Off() error { return nil }
func (bench) On() error  { return nil }

// newSimulator starts a device whose agent shares no code with this plugin's library.
func newSimulator(t *testing.T) (*upssim.Device, string) {
	t.Helper()
	log, _ := test.NewNullLogger()
	device := upssim.NewDevice("beta", bench{}, log)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := upssim.NewAgent(device, "private").Serve(conn); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-served
		device.Close()
	})
	return device, conn.LocalAddr().String()
}

func TestConformanceWithSimulator(t *testing.T) {
	device, address := newSimulator(t)
	for _, version := range []string{"2c", "1"} {
		t.Run("version "+version, func(t *testing.T) {
			sdktest.Run(t, sdktest.Case{
				Plugin: New(),
				Config: fmt.Sprintf("address: %s\ncommunity: private\nversion: %q\n", address, version),
				Fence: &sdktest.Fence{
					Output: func(on bool) {
						if err := device.Switch(on); err != nil {
							t.Error(err)
						}
					},
					Obey:   func(obey bool) { device.SetBehaviour(upssim.Behaviour{LieOn: !obey}) },
					Answer: func(answer bool) { device.SetBehaviour(upssim.Behaviour{Silent: !answer}) },
				},
			})
		})
	}
}

// TestConditions: what a device tells of itself is named, each thing once, whoever
// tells it; that its output is off is none of them.
func TestConditions(t *testing.T) {
	device, address := newSimulator(t)
	mains := func(present bool) {
		if err := device.SetMains(present); err != nil {
			t.Fatal(err)
		}
	}
	for version, worn := range map[string]string{"2c": "replace-battery", "1": ""} { // SNMPv1 has no packet for the table
		cfg := DefaultConfig().(*Config)
		cfg.Address, cfg.Community, cfg.Version = address, sdk.NewSecret("private"), version
		u := openInstance(t, cfg)
		found := func() string {
			t.Helper()
			reading, err := u.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, c := range reading.Conditions {
				if c.Message == "" {
					t.Errorf("%s says nothing", c.Key)
				}
				keys = append(keys, c.Key)
			}
			return strings.Join(keys, " ")
		}
		if got := found(); got != "" {
			t.Errorf("v%s: a healthy device: %s", version, got)
		}
		device.SetBehaviour(upssim.Behaviour{Worn: true})
		if got := found(); got != worn {
			t.Errorf("v%s: a worn battery: %q, want %q", version, got, worn)
		}
		mains(false)
		if got, want := found(), strings.TrimSpace("on-battery "+worn); got != want {
			t.Errorf("v%s: a worn battery without mains: %q, want %q", version, got, want)
		}
		mains(true)
		device.SetBehaviour(upssim.Behaviour{})
		if err := device.Switch(false); err != nil {
			t.Fatal(err)
		}
		if got := found(); got != "" {
			t.Errorf("v%s: an output that is off: %s", version, got)
		}
		if err := device.Switch(true); err != nil {
			t.Fatal(err)
		}
	}
}

func openInstance(t *testing.T, cfg *Config) *instance {
	t.Helper()
	log, _ := test.NewNullLogger()
	opened, err := open(t.Context(), sdk.Env{StateDir: t.TempDir(), Log: log}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*instance)
}

func TestSimulatorIsCutMarkedAndComesBack(t *testing.T) {
	device, address := newSimulator(t)
	cfg := DefaultConfig().(*Config)
	cfg.Address, cfg.Community = address, sdk.NewSecret("private")
	u := openInstance(t, cfg)
	reading, err := u.Off(t.Context(), order(time.Second))
	if err != nil || reading.Power != sdk.PowerOff || device.On() || device.Attached() != "cut by beta, generation 7" {
		t.Fatalf("reading %+v, error %v, on %v, attached %q", reading, err, device.On(), device.Attached())
	}
	if reading, err = u.On(t.Context(), order(time.Second)); err != nil || reading.Power != sdk.PowerOn || !device.On() {
		t.Errorf("reading %+v, error %v, on %v", reading, err, device.On())
	}
	device.SetBehaviour(upssim.Behaviour{Refuse: true})
	if reading, err = u.Off(t.Context(), order(time.Second)); err == nil || reading.Power == sdk.PowerOff || !device.On() {
		t.Errorf("a device that refuses: reading %+v, error %v", reading, err)
	}
}

func BenchmarkOff(b *testing.B) {
	log, _ := test.NewNullLogger()
	device := upssim.NewDevice("beta", bench{}, log)
	defer device.Close()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _ = upssim.NewAgent(device, "private").Serve(conn) }()
	cfg := DefaultConfig().(*Config)
	cfg.Address, cfg.Community = conn.LocalAddr().String(), sdk.NewSecret("private")
	u, err := open(b.Context(), sdk.Env{StateDir: b.TempDir(), Log: log}, cfg)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		if err := device.Switch(true); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := u.(*instance).Off(b.Context(), order(time.Second)); err != nil {
			b.Fatal(err)
		}
	}
}
