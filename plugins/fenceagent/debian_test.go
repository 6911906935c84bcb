package fenceagent

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// newPDU is a simulated APC rack PDU on a loopback port.
func newPDU(t *testing.T) (device *upssim.Listener, section string) {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	device, err := upssim.Listen(t.Context(), upssim.Options{Name: "pdu", Kind: "rpdu", Feeds: []int{2}, Log: log}, upssim.Access{Write: "private"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	})
	secret := filepath.Join(t.TempDir(), "community")
	if err := os.WriteFile(secret, []byte("private\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return device, fmt.Sprintf("agent: fence_apc_snmp\ntimeout: 20s\noptions: {ip: %s, ipport: %s, plug: 2, snmp_version: 1}\nsecrets: {community: {file: %s}}\n", device.Host, device.Port, secret)
}

// TestDebiansAgent: the real thing against a device that switches.
func TestDebiansAgent(t *testing.T) {
	need(t, "fence_apc_snmp")
	device, section := newPDU(t)
	p := openSection(t, section)
	for range 2 { // an output that is off is fenced again
		if reading, err := p.Off(t.Context(), order(40*time.Second)); err != nil || reading.Power != sdk.PowerOff || device.On() {
			t.Fatalf("%+v, %v, on %v", reading, err, device.On())
		}
	}
	if reading, err := p.On(t.Context(), order(40*time.Second)); err != nil || reading.Power != sdk.PowerOn || !device.On() {
		t.Fatalf("%+v, %v, on %v", reading, err, device.On())
	}
	reading, err := p.Status(t.Context())
	if err != nil || reading.Power != sdk.PowerOn || reading.Message != "fence_apc_snmp reads on: Status: ON" {
		t.Errorf("%+v, %v", reading, err)
	}
	t.Logf("a reading took %.2f s", reading.Values["agent_seconds"])
	device.SetBehaviour(upssim.Behaviour{LieOn: true})
	if reading, err := p.Off(t.Context(), order(5*time.Second)); err == nil || reading.Power != sdk.PowerUnknown || !device.On() {
		t.Errorf("a device that lies: %+v, %v", reading, err)
	}
	device.SetBehaviour(upssim.Behaviour{Silent: true})
	o := order(2 * time.Second)
	if reading, err := p.Off(t.Context(), o); err == nil || reading.Power != sdk.PowerUnknown || sdk.Monotonic() > o.Expiry+time.Second {
		t.Errorf("a silent device: %+v, %v", reading, err)
	}
	device.SetBehaviour(upssim.Behaviour{})
	if !device.On() {
		t.Error("an order acted after its end")
	}
}

// TestDebiansAgentJudgesItsOptions by its own metadata.
func TestDebiansAgentJudgesItsOptions(t *testing.T) {
	for _, test := range []struct{ agent, options, want string }{
		{"fence_apc_snmp", "{ip: a, plug: 1}", ""},
		{"fence_apc_snmp", "{ip: a, plug: 1, outlet: 3}", "options.outlet: fence_apc_snmp has no such option: it has "},
		{"fence_apc_snmp", "{ip: a}", "options.plug: is missing"},
		{"fence_apc_snmp", "{ip: a, plug: 1, snmp_version: 2}", "want one of 1, 2c, 3"},
		{"fence_scsi", "{devices: /dev/sdb}", "something else than its power"},
		{"fence_ifmib", "{ip: a, plug: 1}", "something else than its power"},
		{"fence_heuristics_ping", "{ping_targets: a}", "could not be read"},
	} {
		t.Run(test.agent+" "+test.options, func(t *testing.T) {
			need(t, test.agent)
			_, err := New().Configure([]byte("agent: " + test.agent + "\noptions: " + test.options))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
