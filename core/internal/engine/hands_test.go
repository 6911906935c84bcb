package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// fakeInstance is one instance of any plugin in the fake world.
type fakeInstance struct {
	w                  *world
	node, plugin, name string
}

var errDead = errors.New("this machine has no power")

func (f *fakeInstance) Roles() sdk.Roles { return sdk.Roles{} }
func (f *fakeInstance) Close() error     { return nil }

func (f *fakeInstance) peer() string {
	if f.node == "alpha" {
		return "beta"
	}
	return "alpha"
}

func (f *fakeInstance) alive() bool { return f.w.power[f.node] }

func (f *fakeInstance) Probe(ctx context.Context) (sdk.Result, error) {
	f.w.mu.Lock()
	var ok bool
	took := time.Millisecond
	switch {
	case f.name == reachPing:
		ok = true
		f.w.pings[f.node]++
	case strings.HasPrefix(f.name, "peer-"):
		ok = f.w.power[f.peer()]
	case f.w.ailing[f.name]:
	default:
		ok = f.w.running["alpha"]["db"]+f.w.running["beta"]["db"] > 0
		took = max(f.w.slow, took)
	}
	f.w.mu.Unlock()
	if ok {
		select {
		case <-time.After(took):
			return sdk.Result{Status: sdk.OK, Message: "answers"}, nil
		case <-ctx.Done():
			return sdk.Result{}, ctx.Err()
		}
	}
	select {
	case <-time.After(40 * time.Millisecond):
		return sdk.Result{Status: sdk.Down, Message: "no answer"}, nil
	case <-ctx.Done():
		return sdk.Result{}, ctx.Err()
	}
}

func (f *fakeInstance) resource() string { return strings.TrimPrefix(f.name, "resource-") }

func (f *fakeInstance) Start(context.Context) error {
	<-time.After(max(f.w.starts, 5*time.Millisecond))
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if !f.alive() {
		return errDead
	}
	if f.w.spoiled == f.node && f.resource() == "db" {
		return errors.New("its files are damaged")
	}
	other := f.w.running[f.peer()][f.resource()]
	if other > 0 && f.resource() != warmResource {
		f.w.t.Errorf("%s runs on both nodes", f.resource())
	}
	if f.w.running[f.node][f.resource()] == 0 {
		f.w.pids++
		f.w.running[f.node][f.resource()] = f.w.pids
	}
	return nil
}

func (f *fakeInstance) Stop(ctx context.Context) error {
	f.w.mu.Lock()
	takes := f.w.stops[f.resource()]
	f.w.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done(): // it goes on coming down, and nobody waits for it
		return ctx.Err()
	}
	f.w.mu.Lock()
	if f.w.stuck == f.node && f.resource() == "db" && f.w.running[f.node]["db"] > 0 {
		f.w.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	defer f.w.mu.Unlock()
	delete(f.w.running[f.node], f.resource())
	if f.resource() == warmResource && f.w.promoted == f.node {
		f.w.promoted = ""
	}
	return nil
}

// warmResource is the one that runs on both nodes and is promoted on one.
const warmResource = "cache"

func (f *fakeInstance) Promote(context.Context) error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	switch {
	case !f.alive():
		return errDead
	case f.w.promoted != "" && f.w.promoted != f.node:
		f.w.t.Errorf("%s is promoted on both nodes", f.resource())
	case f.w.running[f.node][f.resource()] == 0:
		return errors.New("it does not run")
	}
	f.w.promoted = f.node
	return nil
}

func (f *fakeInstance) Demote(context.Context) error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if f.w.promoted == f.node {
		f.w.promoted = ""
	}
	return nil
}

func (f *fakeInstance) Monitor(context.Context) (sdk.State, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if !f.alive() {
		return sdk.State{}, errDead
	}
	pid := f.w.running[f.node][f.resource()]
	if pid == 0 {
		return sdk.State{Status: sdk.Down, Message: "not running"}, nil
	}
	return sdk.State{Running: true, Promoted: f.resource() == warmResource && f.w.promoted == f.node, Status: sdk.OK, PID: pid}, nil
}

func (f *fakeInstance) Describe(context.Context) (sdk.Device, error) {
	return sdk.Device{Kind: "fake UPS", OrderLife: 300 * time.Millisecond}, nil
}

func (f *fakeInstance) fed() string { return strings.TrimPrefix(f.name, "fence-ups-") }

func (f *fakeInstance) Off(_ context.Context, o sdk.Order) (sdk.Reading, error) {
	<-time.After(20 * time.Millisecond)
	f.w.mu.Lock()
	alive, refuse := f.alive(), f.w.refuse
	f.w.mu.Unlock()
	switch {
	case !alive:
		return sdk.Reading{}, errDead
	case refuse:
		return sdk.Reading{Power: sdk.PowerOn}, errors.New("the device refuses")
	case f.w.clock().Now() > o.Expiry:
		return sdk.Reading{}, errors.New("the order expired")
	}
	f.w.cut(f.fed())
	return f.Status(context.Background())
}

func (f *fakeInstance) On(ctx context.Context, _ sdk.Order) (sdk.Reading, error) {
	if err := ctx.Err(); err != nil {
		return sdk.Reading{}, err
	}
	f.w.mu.Lock()
	delete(f.w.asleep, f.fed())
	was, refuse := f.w.power[f.fed()] || f.w.dark, f.w.refuse
	f.w.mu.Unlock()
	if refuse {
		return sdk.Reading{}, errors.New("the device refuses")
	}
	if !was {
		f.w.boot(f.fed())
	}
	return f.Status(context.Background())
}

func (f *fakeInstance) Sleep(_ context.Context, o sdk.Order) (sdk.Reading, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if f.w.refuse {
		return sdk.Reading{}, errors.New("the device refuses")
	}
	f.w.asleep[f.fed()] = o.After
	return sdk.Reading{Power: sdk.PowerOn, Taken: f.w.clock().Now()}, nil
}

func (f *fakeInstance) Status(context.Context) (sdk.Reading, error) {
	<-time.After(2 * time.Millisecond)
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if f.w.unread[f.fed()] {
		return sdk.Reading{}, errors.New("no answer")
	}
	power := sdk.PowerOff
	if f.w.power[f.fed()] {
		power = sdk.PowerOn
	}
	return sdk.Reading{Power: power, Taken: f.w.clock().Now(), Conditions: f.w.wrong[f.fed()], Values: f.w.battery[f.fed()]}, nil
}

func (f *fakeInstance) link() string { return strings.TrimPrefix(f.name, "link-") }

func (f *fakeInstance) Unanswered() time.Duration {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if f.w.hung != f.node {
		return 0
	}
	return f.w.clock().Now() - f.w.hungAt
}

func (f *fakeInstance) Send(wire []byte) error {
	f.w.mu.Lock()
	ear := f.w.ears[f.peer()][f.link()]
	if !f.alive() || f.w.hung != "" { // a plugin that hangs neither sends nor hears
		ear = nil
	}
	if f.w.loses != nil && f.w.loses(f.node, wire) {
		ear = nil
	}
	f.w.mu.Unlock()
	if ear != nil {
		ear(sdk.Packet{Data: wire, Taken: f.w.clock().Now()})
	}
	return nil
}

func (f *fakeInstance) Run(ctx context.Context, packet func(sdk.Packet), state func(sdk.LinkState)) error {
	f.w.mu.Lock()
	f.w.ears[f.node][f.link()] = packet
	f.w.mu.Unlock()
	for {
		f.w.mu.Lock()
		carrier := sdk.PowerUnknown
		if f.link() == "cable" {
			carrier = sdk.PowerOn
			if !f.w.power[f.peer()] {
				carrier = sdk.PowerOff
			}
		}
		f.w.mu.Unlock()
		state(sdk.LinkState{Status: sdk.OK, Carrier: carrier, Taken: f.w.clock().Now()})
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (f *fakeInstance) Evidence(context.Context) ([]sdk.Item, error) { return nil, nil }
