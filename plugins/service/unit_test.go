package service

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// fakeSystemd holds one unit.
type fakeSystemd struct {
	active, outcome string
	load            string // "": loaded
	survives        bool   // a stop is done and it still runs
	pid, job        uint32
}

func (f *fakeSystemd) StartUnitContext(_ context.Context, _, _ string, result chan<- string) (int, error) {
	if f.outcome == "done" {
		f.active, f.pid = "active", 4711
	}
	result <- f.outcome
	return 1, nil
}

func (f *fakeSystemd) StopUnitContext(_ context.Context, _, _ string, result chan<- string) (int, error) {
	if !f.survives {
		f.active, f.pid = "inactive", 0
	}
	result <- "done"
	return 2, nil
}

func (f *fakeSystemd) ResetFailedUnitContext(context.Context, string) error {
	return errors.New("not failed")
}

func (f *fakeSystemd) GetUnitPropertyContext(_ context.Context, _, name string) (*dbus.Property, error) {
	if name == "Job" {
		return &dbus.Property{Name: name, Value: godbus.MakeVariant([]any{f.job, godbus.ObjectPath("/")})}, nil
	}
	value := map[string]string{"ActiveState": f.active, "SubState": "sub", "LoadState": cmp.Or(f.load, "loaded")}[name]
	return &dbus.Property{Name: name, Value: godbus.MakeVariant(value)}, nil
}

func (f *fakeSystemd) GetUnitTypePropertyContext(_ context.Context, _, _, name string) (*dbus.Property, error) {
	return &dbus.Property{Name: name, Value: godbus.MakeVariant(f.pid)}, nil
}

func (f *fakeSystemd) Close() {}

func TestUnit(t *testing.T) {
	fake := &fakeSystemd{active: "inactive", outcome: "done"}
	u := &unit{name: "till.service", connect: func(context.Context) (manager, error) { return fake, nil }}
	if _, err := u.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for active, want := range map[string]found{
		"active":       {running: true},
		"reloading":    {running: true},
		"activating":   {running: true, starting: true},
		"deactivating": {running: true, starting: true},
		"inactive":     {},
		"failed":       {},
	} {
		fake.active = active
		now, err := u.find(t.Context())
		if err != nil || now.running != want.running || now.starting != want.starting || now.pid != 4711 {
			t.Errorf("%s: %+v, error %v", active, now, err)
		}
	}
	if err := u.stop(t.Context()); err != nil {
		t.Error(err)
	}
	fake.outcome = "failed"
	if _, err := u.start(t.Context()); err == nil || !strings.Contains(err.Error(), `"failed"`) {
		t.Errorf("error %v", err)
	}
}

// TestUnitWithAWaitingJob: systemd may start it at any time, so that nobody can
// say that it does not run.
func TestUnitWithAWaitingJob(t *testing.T) {
	for _, active := range []string{"inactive", "failed"} {
		fake := &fakeSystemd{active: active, job: 17}
		u := &unit{name: "till.service", connect: func(context.Context) (manager, error) { return fake, nil }}
		if now, err := u.find(t.Context()); err != nil || !now.running || !now.starting {
			t.Errorf("%s: %+v, error %v", active, now, err)
		}
	}
}

// TestStopOfAUnitIsReadBack: a unit whose file was removed while it runs is not found
// and runs all the same.
func TestStopOfAUnitIsReadBack(t *testing.T) {
	for name, c := range map[string]struct {
		fake  fakeSystemd
		fault string
	}{
		"runs":                   {fake: fakeSystemd{active: "active", pid: 4711}},
		"runs on":                {fake: fakeSystemd{active: "active", pid: 4711, survives: true}, fault: "till.service is active"},
		"removed, and runs":      {fake: fakeSystemd{active: "active", load: "not-found", pid: 4711}},
		"removed, and runs on":   {fake: fakeSystemd{active: "active", load: "not-found", survives: true}, fault: "till.service is active"},
		"never was there":        {fake: fakeSystemd{active: "inactive", load: "not-found"}},
		"removed, and failed":    {fake: fakeSystemd{active: "failed", load: "not-found"}},
		"removed, a job waits":   {fake: fakeSystemd{active: "inactive", load: "not-found", job: 17}, fault: "has a job on it"},
		"in an unheard-of state": {fake: fakeSystemd{active: "maintenance", survives: true}, fault: "is not known"},
	} {
		u := &unit{name: "till.service", connect: func(context.Context) (manager, error) { return &c.fake, nil }}
		err := u.stop(t.Context())
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: error %v, want %q", name, err, c.fault)
		}
		if now, looked := u.find(t.Context()); err == nil && (looked != nil || now.running) {
			t.Errorf("%s: stopped, and it is %+v, error %v", name, now, looked)
		}
	}
}

func TestUnitWithoutSystemd(t *testing.T) {
	u := &unit{name: "till.service", connect: func(context.Context) (manager, error) { return nil, errors.New("no bus") }}
	if _, err := u.find(t.Context()); err == nil {
		t.Error("a unit was found without systemd")
	}
}
