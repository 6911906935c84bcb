package sdktest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
)

// toy is a plugin with every role; bug makes it misbehave in one way.
type toyConfig struct {
	Target  string       `yaml:"target"`
	Secret  sdk.Secret   `yaml:"secret"`
	Timeout sdk.Duration `yaml:"timeout"`
}

// Promotable implements sdk.Promotable.
func (c *toyConfig) Promotable() bool { return c.Target != "unpromotable" }

type device struct {
	mu                sync.Mutex
	on, obeys, isMute bool
	orders            int
	bug               string
}

type toy struct {
	env    sdk.Env
	config *toyConfig
	device *device
	mu     sync.Mutex
	run    bool
	first  bool // promoted
	closed bool
}

func newToy(bug string) (sdk.Plugin, *device) {
	d := &device{on: true, obeys: true, bug: bug}
	return sdk.Plugin{
		Name: "toy", Version: "1.0", Summary: "Has every role.",
		DefaultConfig: func() any { return &toyConfig{Target: "here", Timeout: sdk.Duration(time.Second)} },
		New: func(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
			c := config.(*toyConfig)
			if bug == "secret" {
				text, _ := c.Secret.Reveal()
				env.Log.WithField("password", text).Info("opened")
			}
			if bug == "goroutine" {
				go func() { select {} }()
			}
			return &toy{env: env, config: c, device: d}, nil
		},
	}, d
}

func (y *toy) gone(ctx context.Context) error {
	if y.config.Target != "nowhere" {
		return nil
	}
	if y.device.bug == "deadline" {
		select {}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (y *toy) Probe(ctx context.Context) (sdk.Result, error) {
	if y.device.bug == "optimist" {
		return sdk.Result{Status: sdk.OK, Message: "all is well"}, nil
	}
	if err := y.gone(ctx); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Result{Status: sdk.OK, Message: "well", Values: map[string]float64{"a": 1}}, nil
}

func (y *toy) set(running bool) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if running && y.run && y.device.bug == "start" {
		return errors.New("it runs already")
	}
	y.run = running
	y.first = y.first && running
	return nil
}

func (y *toy) turn(promoted bool) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if promoted && y.device.bug == "promote" {
		return nil
	}
	y.first = promoted
	return nil
}
func (y *toy) Start(context.Context) error   { return y.set(true) }
func (y *toy) Stop(context.Context) error    { return y.set(false) }
func (y *toy) Promote(context.Context) error { return y.turn(true) }
func (y *toy) Demote(context.Context) error  { return y.turn(false) }
func (y *toy) Monitor(ctx context.Context) (sdk.State, error) {
	if err := y.gone(ctx); err != nil {
		return sdk.State{}, err
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	return sdk.State{Running: y.run, Promoted: y.first, Status: sdk.OK, Message: "seen", PID: 7}, nil
}

func (y *toy) Describe(context.Context) (sdk.Device, error) {
	return sdk.Device{Kind: "toy", OrderLife: time.Second}, nil
}

func (y *toy) Status(ctx context.Context) (sdk.Reading, error) {
	d := y.device
	d.mu.Lock()
	mute, on := d.isMute, d.on
	d.mu.Unlock()
	if mute && d.bug == "unknown-is-off" {
		return sdk.Reading{Power: sdk.PowerOff, Taken: sdk.Monotonic()}, nil
	}
	if mute {
		<-ctx.Done()
		return sdk.Reading{}, ctx.Err()
	}
	if err := y.gone(ctx); err != nil {
		return sdk.Reading{}, err
	}
	power := sdk.PowerOff
	if on {
		power = sdk.PowerOn
	}
	return sdk.Reading{Power: power, Taken: sdk.Monotonic()}, nil
}

func (y *toy) Off(ctx context.Context, o sdk.Order) (sdk.Reading, error) {
	d := y.device
	if err := y.gone(ctx); err != nil {
		return sdk.Reading{}, err
	}
	d.mu.Lock()
	d.orders++
	if d.obeys {
		d.on = false
	}
	d.mu.Unlock()
	if d.bug == "unconfirmed" {
		return sdk.Reading{Power: sdk.PowerOff, Taken: sdk.Monotonic()}, nil
	}
	reading, err := y.Status(ctx)
	if err == nil && reading.Power != sdk.PowerOff {
		err = fmt.Errorf("order %s: the output is still on", o.ID)
	}
	return reading, err
}

func (y *toy) On(ctx context.Context, _ sdk.Order) (sdk.Reading, error) {
	y.device.mu.Lock()
	y.device.on = true
	y.device.mu.Unlock()
	return y.Status(ctx)
}

func (y *toy) Sleep(ctx context.Context, _ sdk.Order) (sdk.Reading, error) {
	y.device.mu.Lock()
	deaf := !y.device.obeys && y.device.bug != "sleepless"
	if y.device.bug == "sleeps at once" {
		y.device.on = false
	}
	y.device.mu.Unlock()
	if deaf {
		return sdk.Reading{}, errors.New("it is not about to switch off")
	}
	return y.Status(ctx)
}

func (y *toy) Send([]byte) error { return nil }
func (y *toy) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	state(sdk.LinkState{Status: sdk.OK, Taken: sdk.Monotonic()})
	packet(sdk.Packet{Data: []byte("x"), From: "peer", Taken: sdk.Monotonic()})
	<-ctx.Done()
	return nil
}

func (y *toy) Parameters(context.Context) ([]sdk.Parameter, error) {
	return []sdk.Parameter{{Name: "size", Value: "1", Min: "0", Max: "9", Restart: true}}, nil
}

func (y *toy) SetParameter(_ context.Context, name, value string) (sdk.Parameter, error) {
	return sdk.Parameter{Name: name, Value: value}, nil
}

func (y *toy) Evidence(context.Context) ([]sdk.Item, error) {
	return []sdk.Item{{Name: "toy/state", Text: "ok \xff", Values: map[string]float64{"x": 2}}}, errors.New("partial")
}

func (y *toy) Close() error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.closed && y.device.bug == "close" {
		return errors.New("closed already")
	}
	y.closed = true
	return nil
}

// evidence without the "partial" error, as Run wants every role to work.
type wellToy struct{ *toy }

func (w wellToy) Evidence(ctx context.Context) ([]sdk.Item, error) {
	items, _ := w.toy.Evidence(ctx)
	return items, nil
}

func toyCase(bug string) sdktest.Case {
	plugin, d := newToy(bug)
	inner := plugin.New
	plugin.New = func(ctx context.Context, env sdk.Env, config any) (sdk.Instance, error) {
		instance, err := inner(ctx, env, config)
		return wellToy{instance.(*toy)}, err
	}
	hook := func(set func(bool)) func(bool) {
		return func(v bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			set(v)
		}
	}
	return sdktest.Case{
		Plugin: plugin, Config: "secret: hush-hush" + map[bool]string{true: "\ntarget: unpromotable"}[bug == "modest"], BlackHole: "target: nowhere", Readme: "testdata/README.md",
		Resource: true,
		Fence: &sdktest.Fence{
			Output: hook(func(v bool) { d.on = v }), Obey: hook(func(v bool) { d.obeys = v }),
			Answer: hook(func(v bool) { d.isMute = !v }),
			Orders: func() int { d.mu.Lock(); defer d.mu.Unlock(); return d.orders },
			Sleeps: true,
		},
		Check: func(t *testing.T, i *sdktest.Instance) {
			got, err := i.SetParameter(t.Context(), "size", "3")
			if err != nil || got.Value != "3" {
				t.Errorf("set parameter: %+v, %v", got, err)
			}
			if want := "prober, resource, promoter, fencer, sleeper, link, tuner, evidence"; i.Roles().String() != want {
				t.Errorf("roles %s", i.Roles())
			}
		},
	}
}

const bugVariable = "SDKTEST_BUG"

func TestWellBehavedPlugin(t *testing.T) { sdktest.Run(t, toyCase("")) }

// TestRunFindsBugs runs TestOneBug in processes of its own and wants each to fail.
func TestRunFindsBugs(t *testing.T) {
	for bug, want := range map[string]string{
		"secret":         "a secret was logged",
		"goroutine":      "goroutines stayed",
		"deadline":       "close: close under-test: a call has not returned",
		"optimist":       "a target that never answers was found to be",
		"start":          "start a running one: it runs already",
		"unknown-is-off": "a mute device",
		"unconfirmed":    "a device that did not obey",
		"sleepless":      "a device that did not obey sleeps",
		"sleeps at once": "sleep: {Power:off",
		"close":          "close: closed already",
		"promote":        "monitor after promote",
		"modest":         "the configuration says promotable false",
	} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneBug$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), bugVariable+"="+bug)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("not found (error %v), want %q in\n%s", err, want, out)
			}
		})
	}
}

func TestOneBug(t *testing.T) {
	bug := os.Getenv(bugVariable)
	if bug == "" {
		t.Skip("run by TestRunFindsBugs")
	}
	sdktest.Run(t, toyCase(bug))
}
