package ups

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func openTest(t *testing.T, a *agent, dir string, change func(*Config)) *instance {
	t.Helper()
	cfg := DefaultConfig().(*Config)
	cfg.Address, cfg.Community = a.address(), sdk.NewSecret("private")
	cfg.Timeout, cfg.Poll = sdk.Duration(20*time.Millisecond), sdk.Duration(2*time.Millisecond)
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	got, err := open(t.Context(), sdk.Env{Instance: "ups-beta", StateDir: dir, Log: quiet()}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return got.(*instance)
}

// orderTime is enough for an order on a busy machine.
const orderTime = 8 * time.Second

func order(life time.Duration) sdk.Order {
	return sdk.Order{ID: "7", Expiry: sdk.Monotonic() + life, Mark: "cut by beta, generation 7"}
}

func TestOffIsReadBackAndAutoRestartRestored(t *testing.T) {
	for _, test := range []struct {
		name   string
		agent  func(*agent)
		config func(*Config)
		note   string
	}{
		{name: "quick device"},
		{name: "slow device", agent: func(a *agent) { a.cutAfter = 60 * time.Millisecond }},
		{name: "one object a packet", agent: func(a *agent) { a.onlySingles = true }},
		{name: "no answer to the order", agent: func(a *agent) { a.muteSets = 1 }},
		{name: "no answer and slow", agent: func(a *agent) { a.muteSets = 2; a.cutAfter = 50 * time.Millisecond }},
		{name: "no mark", agent: func(a *agent) { a.refuse[oidAttached] = struct{}{} }, note: "refused the mark"},
		{name: "version 1", config: func(c *Config) { c.Version = "1" }},
		{name: "no auto-restart", agent: func(a *agent) { delete(a.objects, oidAutoRestart) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAgent(t)
			if test.agent != nil {
				a.with(func() { test.agent(a) })
			}
			before := a.integer(oidAutoRestart)
			u := openTest(t, a, t.TempDir(), test.config)
			reading, err := u.Off(t.Context(), order(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if reading.Power != sdk.PowerOff || a.integer(oidSource) != 2 || reading.Taken > sdk.Monotonic() {
				t.Errorf("reading %+v of an output that reads %d", reading, a.integer(oidSource))
			}
			if got := a.integer(oidAutoRestart); got != before {
				t.Errorf("auto-restart is %d after the cut, it was %d", got, before)
			}
			if !strings.Contains(reading.Message, test.note) {
				t.Errorf("message %q lacks %q", reading.Message, test.note)
			}
			if test.note == "" && a.mark() != "cut by beta, generation 7" {
				t.Errorf("mark reads %q", a.mark())
			}
		})
	}
}

func TestCutUsesOnePacketForTheOrder(t *testing.T) {
	a := newAgent(t)
	u := openTest(t, a, t.TempDir(), nil)
	if _, err := u.Off(t.Context(), order(time.Second)); err != nil {
		t.Fatal(err)
	}
	first := a.firstSet()
	if len(first) != 4 || first[3].Name != oidShutdownDelay || first[1].Value != autoRestartOff {
		t.Errorf("the order's packet holds %v", first)
	}
	if gets, sets := a.packets(); gets != 4 || sets != 2 { // who is it, before, after, auto-restart
		t.Errorf("%d reads and %d orders, want 4 and 2", gets, sets)
	}
}

func TestUnconfirmedIsAnError(t *testing.T) {
	for _, test := range []struct {
		name  string
		agent func(*agent)
		want  string
	}{
		{"a device that lies", func(a *agent) { a.lies = true }, "acknowledged the order and still the output reads normal(3)"},
		{"a device that refuses", func(a *agent) { a.refuse[oidShutdownDelay] = struct{}{} }, "refused: NotWritable"},
		{"a device that is silent", func(a *agent) { a.mute = true }, "no answer"},
		{"a source that tells nothing", func(a *agent) { a.objects[oidSource] = number(oidSource, 1); a.lies = true }, "still the output reads other(1)"},
		{"no UPS-MIB", func(a *agent) { delete(a.objects, oidSource) }, "has object .1.3.6.1.2.1.33.1.4.1.0: the device has none"},
		{"a source of a wrong type", func(a *agent) { a.objects[oidSource] = text(oidSource, "none") }, "has object .1.3.6.1.2.1.33.1.4.1.0: the device has none"},
		{
			"an output that comes back", func(a *agent) {
				a.objects[oidStartupDelay], a.refuse[oidStartupDelay] = number(oidStartupDelay, 30), struct{}{}
			},
			"the output reads none(2), a command is pending",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAgent(t)
			a.with(func() { test.agent(a) })
			u := openTest(t, a, t.TempDir(), nil)
			begin, life := sdk.Monotonic(), 500*time.Millisecond
			reading, err := u.Off(t.Context(), order(life))
			if err == nil || reading.Power == sdk.PowerOff {
				t.Fatalf("reading %+v, error %v", reading, err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q lacks %q", err, test.want)
			}
			if took := sdk.Monotonic() - begin; took > life+250*time.Millisecond {
				t.Errorf("answered after %v, the order lived %v", took, life)
			}
		})
	}
}

func TestNoPacketAfterExpiry(t *testing.T) {
	a := newAgent(t)
	a.with(func() { a.mute = true })
	u := openTest(t, a, t.TempDir(), nil)
	for _, expiry := range []time.Duration{0, sdk.Monotonic(), sdk.Monotonic() - time.Second} {
		if _, err := u.Off(t.Context(), sdk.Order{ID: "late", Expiry: expiry}); !errors.Is(err, sdk.ErrExpired) {
			t.Errorf("expiry %v: %v", expiry, err)
		}
	}
	if gets, sets := a.packets(); gets+sets != 0 {
		t.Errorf("%d packets were sent for orders that had expired", gets+sets)
	}
	expired := false
	c, err := u.dial(t.Context(), func() bool { return expired })
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	expired = true
	if _, err := c.set(number(oidShutdownDelay, 0)); !errors.Is(err, sdk.ErrExpired) {
		t.Errorf("a packet at expiry: %v", err)
	}
	if gets, sets := a.packets(); gets+sets != 0 {
		t.Error("a packet left after expiry")
	}
}

func TestOffOfAnOutputThatIsOff(t *testing.T) {
	a := newAgent(t)
	a.with(func() { a.objects[oidSource] = number(oidSource, 2); a.refuse[oidShutdownDelay] = struct{}{} })
	u := openTest(t, a, t.TempDir(), nil)
	for range 2 {
		reading, err := u.Off(t.Context(), order(time.Second))
		if err != nil || reading.Power != sdk.PowerOff {
			t.Fatalf("reading %+v, error %v", reading, err)
		}
	}
	if a.mark() != "cut by beta, generation 7" {
		t.Error("the node cannot learn that its peer goes on alone: no mark")
	}
}

func TestAutoRestartIsRestoredLater(t *testing.T) {
	a := newAgent(t)
	a.with(func() { a.stickyAuto = true })
	dir := t.TempDir()
	u := openTest(t, a, dir, nil)
	reading, err := u.Off(t.Context(), order(time.Second))
	if err != nil || !strings.Contains(reading.Message, "not restored yet") {
		t.Fatalf("reading %+v, error %v", reading, err)
	}
	if result, err := u.Probe(t.Context()); err != nil || result.Status != sdk.Degraded {
		t.Errorf("health %+v, error %v", result, err)
	}
	a.with(func() { a.stickyAuto = false })
	restarted := openTest(t, a, dir, nil) // another process of the plugin
	if _, err := restarted.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.integer(oidAutoRestart); got != autoRestartOn {
		t.Errorf("auto-restart reads %d", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "auto-restart")); !os.IsNotExist(err) {
		t.Errorf("the note of what to restore is still there: %v", err)
	}
}

func TestOn(t *testing.T) {
	a := newAgent(t)
	a.with(func() {
		a.objects[oidSource] = number(oidSource, 2)
		a.objects[oidAutoRestart] = number(oidAutoRestart, 2)
	})
	u := openTest(t, a, t.TempDir(), nil)
	for range 2 {
		reading, err := u.On(t.Context(), order(time.Second))
		if err != nil || reading.Power != sdk.PowerOn {
			t.Fatalf("reading %+v, error %v", reading, err)
		}
	}
	if a.integer(oidAutoRestart) != autoRestartOn || a.integer(oidSource) != 3 {
		t.Errorf("auto-restart %d, source %d", a.integer(oidAutoRestart), a.integer(oidSource))
	}
	a.with(func() { a.lies = true; a.objects[oidSource] = number(oidSource, 2) })
	if _, err := u.On(t.Context(), order(100*time.Millisecond)); err == nil {
		t.Error("a device that stays off was taken for on")
	}
}

// TestOnWithoutAnAnswer: an output that is on all the time proves nothing; one that
// comes on proves that the order arrived.
func TestOnWithoutAnAnswer(t *testing.T) {
	a := newAgent(t)
	u := openTest(t, a, t.TempDir(), nil)
	a.with(func() { a.dropSets = true })
	reading, err := u.On(t.Context(), order(300*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "unconfirmed: the order had no answer and the output reads normal(3)") {
		t.Errorf("what takes no orders: %+v, %v", reading, err)
	}
	a.with(func() { a.dropSets, a.muteSets = false, 1 })
	if reading, err := u.On(t.Context(), order(time.Second)); err != nil || reading.Power != sdk.PowerOn {
		t.Errorf("one answer lost: %+v, %v", reading, err)
	}
	a.with(func() { a.objects[oidSource], a.muteSets = number(oidSource, sourceNone), 1000 })
	if reading, err := u.On(t.Context(), order(time.Second)); err != nil || reading.Power != sdk.PowerOn {
		t.Errorf("what came on without an answer: %+v, %v", reading, err)
	}
}

func TestStatusAndHealth(t *testing.T) {
	a := newAgent(t)
	u := openTest(t, a, t.TempDir(), nil)
	for _, test := range []struct {
		source, battery int
		power           sdk.Power
		status          sdk.Status
		condition       string
	}{
		{1, 2, sdk.PowerUnknown, sdk.Degraded, "output-unknown"},
		{2, 2, sdk.PowerOff, sdk.Degraded, ""},
		{3, 2, sdk.PowerOn, sdk.OK, ""},
		{4, 2, sdk.PowerOn, sdk.OK, ""},
		{5, 2, sdk.PowerOn, sdk.Degraded, "on-battery"},
		{3, 3, sdk.PowerOn, sdk.Degraded, "battery-low"},
		{7, 2, sdk.PowerOn, sdk.OK, ""},
		{8, 2, sdk.PowerUnknown, sdk.Degraded, "output-unknown"},
	} {
		a.with(func() {
			a.objects[oidSource] = number(oidSource, test.source)
			a.objects[oidBatteryStatus] = number(oidBatteryStatus, test.battery)
		})
		reading, err := u.Status(t.Context())
		if err != nil || reading.Power != test.power {
			t.Errorf("source %d: reading %+v, error %v", test.source, reading, err)
		}
		if named := len(reading.Conditions) > 0; named != (test.condition != "") || named && reading.Conditions[0].Key != test.condition {
			t.Errorf("source %d, battery %d: conditions %v, want %q", test.source, test.battery, reading.Conditions, test.condition)
		}
		if result, err := u.Probe(t.Context()); err != nil || result.Status != test.status {
			t.Errorf("source %d, battery %d: %+v, error %v", test.source, test.battery, result, err)
		}
	}
	reading, err := u.Status(t.Context())
	if err != nil || reading.Values["battery_charge_ratio"] != 0.93 || reading.Values["battery_seconds_remaining"] != 1020 || reading.Values["load_ratio"] != 0.42 {
		t.Errorf("values %v, error %v", reading.Values, err)
	}
	device, err := u.Describe(t.Context())
	if err != nil || device.Kind != "RFC 1628 UPS, Anvil 700, sysObjectID .1.3.6.1.2.1.33" {
		t.Errorf("device %+v, error %v", device, err)
	}
	a.with(func() { a.mute = true })
	if _, err := u.Probe(t.Context()); err == nil {
		t.Error("silence has a health")
	}
}

// TestTargets: an outlet is another one than its neighbour, and the same for whoever asks.
func TestTargets(t *testing.T) {
	for want, c := range map[string]Config{
		"192.0.2.11:161": {Address: "192.0.2.11:161", User: "a"},
		"outlet 3 of 192.0.2.11:161, outlet till of 192.0.2.11:161": {Address: "192.0.2.11:161", Outlets: []string{"3", "till"}, User: "b"},
		"outlet 3 of pdu2 at 192.0.2.11:161":                        {Address: "192.0.2.11:161", Outlets: []string{"3"}, Context: "pdu2"},
	} {
		if got := strings.Join(c.Targets(), ", "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := func() *Config {
		cfg := DefaultConfig().(*Config)
		cfg.Address, cfg.Community = "192.0.2.11:161", sdk.NewSecret("private")
		return cfg
	}
	secure := func(c *Config) {
		c.Version, c.User, c.AuthPassword, c.PrivacyPassword = "3", "storeward", sdk.NewSecret("authentic1"), sdk.NewSecret("private-1")
	}
	for _, test := range []struct {
		change func(*Config)
		fault  string // "": none
	}{
		{func(*Config) {}, ""},
		{secure, ""},
		{func(c *Config) { secure(c); c.Security, c.AuthPassword = "noAuthNoPriv", sdk.Secret{} }, ""},
		{func(c *Config) {
			c.Kind, c.Outlets, c.TimedOff = "rpdu", []string{"1", "2:3", "till"}, sdk.Duration(time.Second)
		}, ""},
		{func(c *Config) { c.Address = "nowhere" }, "address: "},
		{func(c *Config) { c.Address = "" }, "address: is missing"},
		{func(c *Config) { c.Address = "ups:0" }, "address: port"},
		{func(c *Config) { c.Community = sdk.Secret{} }, "community: is missing"},
		{func(c *Config) { c.Version = "2" }, "version: "},
		{func(c *Config) { c.Timeout = 0 }, "timeout: "},
		{func(c *Config) { c.Poll = 0 }, "poll: "},
		{func(c *Config) { c.LowCharge = 2 }, "low_charge: "},
		{func(c *Config) { c.Kind = "toaster" }, "kind: \"toaster\" is not known"},
		{func(c *Config) { c.Kind = "rpdu" }, "outlets: is missing"},
		{func(c *Config) { c.Kind, c.Outlets = "apcups", []string{"1"} }, "outlets: kind apcups switches as a whole"},
		{func(c *Config) { c.Kind, c.TimedOff = "apcups", sdk.Duration(time.Second) }, "timed_off: "},
		{func(c *Config) { c.Outlets = []string{"1", "1"} }, "outlets[1]: outlet 1 is listed twice"},
		{func(c *Config) { c.Outlets = []string{"0"} }, "outlets[0]: "},
		{func(c *Config) { c.Outlets = []string{" "} }, "outlets[0]: is empty"},
		{func(c *Config) { c.Outlets = make([]string, 9) }, "outlets: are 9"},
		{func(c *Config) { secure(c); c.User = "" }, "user: is missing"},
		{func(c *Config) { secure(c); c.Security = "some" }, "security: "},
		{func(c *Config) { secure(c); c.AuthProtocol = "sha3" }, "auth_protocol: "},
		{func(c *Config) { secure(c); c.PrivacyPassword = sdk.Secret{} }, "privacy_password: is missing"},
	} {
		cfg := good()
		test.change(cfg)
		err := cfg.Validate()
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%+v: %v, want %q", cfg, err, test.fault)
		}
	}
}
