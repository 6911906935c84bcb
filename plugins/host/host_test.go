package host

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
)

func openTest(t *testing.T, change func(*Config)) *instance {
	t.Helper()
	cfg := &Config{Mounts: []string{"/"}} // no thresholds: the test's machine may be busy
	change(cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	got, err := open(t.Context(), sdk.Env{Instance: "machine", Log: log}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return got.(*instance)
}

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*Config)
		want    sdk.Status
		message string
	}{
		{"well", func(*Config) {}, sdk.OK, "of memory in use"},
		{"no memory", func(c *Config) { c.Warn.Memory = 0.0001 }, sdk.Degraded, "memory is"},
		{"disk full", func(c *Config) { c.Warn.Filesystem = 0.000001 }, sdk.Degraded, "/ is"},
		{"mount that is not there", func(c *Config) { c.Mounts = []string{"/no/such/place"} }, sdk.Degraded, "not measured: read space of /no/such/place"},
		{"interface that is not there", func(c *Config) { c.Interfaces = []string{"nowhere0"} }, sdk.OK, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := openTest(t, test.change)
			result, err := h.Probe(t.Context())
			if err != nil || result.Status != test.want || !strings.Contains(result.Message, test.message) {
				t.Errorf("%v %q, error %v; want %v %q", result.Status, result.Message, err, test.want, test.message)
			}
			if used := result.Values["memory_used_ratio"]; used <= 0 || used >= 1 {
				t.Errorf("memory_used_ratio %v", used)
			}
		})
	}
}

func TestValuesOfFilesystems(t *testing.T) {
	result, err := openTest(t, func(*Config) {}).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"load1", "memory_available_bytes", "filesystem_root_used_ratio", "filesystem_root_free_bytes"} {
		if _, ok := result.Values[name]; !ok {
			t.Errorf("no %s in %v", name, result.Values)
		}
	}
}

func TestShares(t *testing.T) {
	before := cpu.TimesStat{User: 100, System: 50, Idle: 800, Iowait: 50}
	now := cpu.TimesStat{User: 104, System: 51, Idle: 804, Iowait: 51}
	used, wait, steal, ok := shares(before, now)
	if !ok || math.Abs(used-0.5) > 1e-9 || math.Abs(wait-0.1) > 1e-9 || steal != 0 {
		t.Errorf("used %v, wait %v, steal %v, %v", used, wait, steal, ok)
	}
	if _, _, _, ok := shares(cpu.TimesStat{}, now); ok {
		t.Error("the first reading has a share")
	}
	if _, _, _, ok := shares(now, now); ok {
		t.Error("no time has a share")
	}
}

func TestHangingFilesystemIsNotAskedTwice(t *testing.T) {
	s := &space{pending: map[string]bool{}}
	s.hang("/srv")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := s.of(ctx, "/srv"); err == nil || !strings.Contains(err.Error(), "no answer yet") {
		t.Errorf("error %v", err)
	}
	s.end("/srv")
	if _, err := s.of(ctx, "/"); err != nil {
		t.Error(err)
	}
}

func TestFieldName(t *testing.T) {
	for text, want := range map[string]string{"/": "root", "/var/lib": "var_lib", "eth0": "eth0", "br-LAN": "br_lan"} {
		if got := fieldName(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	cfg := &Config{Mounts: []string{"srv/"}, Interfaces: []string{""}, Warn: Warn{CPU: 90, Memory: -1, Load: -1, BusyFor: -1}}
	err := cfg.Validate()
	for _, path := range []string{"mounts[0]: ", "interfaces[0]: ", "warn.cpu: ", "warn.memory: ", "warn.load: ", "warn.busy_for: "} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("no fault at %s in %v", path, err)
		}
	}
}

func TestConformance(t *testing.T) {
	sdktest.Run(t, sdktest.Case{Plugin: New(), Config: "mounts: [/]\n"})
}

// TestBusyFor: a burst between two probes is no shortage, a minute of it is.
func TestBusyFor(t *testing.T) {
	h := &instance{cfg: DefaultConfig().(*Config)}
	at := func(s int, user, idle float64) reading {
		return reading{at: time.Duration(s) * time.Second, times: cpu.TimesStat{User: user, Idle: idle}}
	}
	if _, begin := h.remember(at(0, 0, 100)); begin.at != 0 || begin.times.Idle != 0 {
		t.Errorf("the first reading is compared with %+v", begin)
	}
	for s := 10; s < 60; s += 10 {
		before, begin := h.remember(at(s, float64(s), 100))
		if before.at != time.Duration(s-10)*time.Second || begin.times.Idle != 0 {
			t.Errorf("after %d s: before %v, begin %+v", s, before.at, begin)
		}
	}
	if _, begin := h.remember(at(60, 60, 100)); begin.at != 0 || begin.times.Idle != 100 {
		t.Errorf("after a minute the beginning is %+v", begin)
	}
	if _, begin := h.remember(at(75, 60, 100)); begin.at != 10*time.Second {
		t.Errorf("after 75 s the beginning is at %v, want 10s", begin.at)
	}
	for s := range 5000 {
		h.remember(at(100, float64(s), 100))
	}
	if len(h.past) > maxReadings {
		t.Errorf("%d readings are remembered", len(h.past))
	}
}
