package remote

import (
	"context"
	"fmt"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// Instance is one configured use of a plugin on the other side of a connection.
// It has the methods of every role; one that the plugin does not offer fails
// with ErrRole. Its methods may be called from any number of goroutines.
type Instance struct {
	client *Client
	handle uint64
	name   string
	roles  sdk.Roles
}

// An instance is every role at once.
var (
	_ sdk.Prober   = (*Instance)(nil)
	_ sdk.Promoter = (*Instance)(nil)
	_ sdk.Sleeper  = (*Instance)(nil)
	_ sdk.Link     = (*Instance)(nil)
	_ sdk.Tuner    = (*Instance)(nil)
	_ sdk.Evidence = (*Instance)(nil)
)

// Name is the instance's name.
func (i *Instance) Name() string { return i.name }

// Roles tells what the instance offers.
func (i *Instance) Roles() sdk.Roles { return i.roles }

func (i *Instance) request() *sdkpb.InstanceRequest {
	return &sdkpb.InstanceRequest{Handle: i.handle}
}

func need(has bool, role string) error {
	if has {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRole, role)
}

// CloseWithin closes the instance in its process; ctx bounds the wait.
func (i *Instance) CloseWithin(ctx context.Context) error {
	r, err := i.client.calls.Close(ctx, &sdkpb.CloseRequest{Handle: i.handle})
	if err != nil {
		return wireError(err)
	}
	return textError(r.GetError())
}

// Start starts a resource.
func (i *Instance) Start(ctx context.Context) error {
	if err := need(i.roles.Resource, "resource"); err != nil {
		return err
	}
	return acted(i.client.calls.Start(ctx, i.request()))
}

// Stop stops a resource.
func (i *Instance) Stop(ctx context.Context) error {
	if err := need(i.roles.Resource, "resource"); err != nil {
		return err
	}
	return acted(i.client.calls.Stop(ctx, i.request()))
}

// Promote promotes a resource.
func (i *Instance) Promote(ctx context.Context) error {
	if err := need(i.roles.Promoter, "promoter"); err != nil {
		return err
	}
	return acted(i.client.calls.Promote(ctx, i.request()))
}

// Demote demotes a resource.
func (i *Instance) Demote(ctx context.Context) error {
	if err := need(i.roles.Promoter, "promoter"); err != nil {
		return err
	}
	return acted(i.client.calls.Demote(ctx, i.request()))
}

func acted(r *sdkpb.ResourceReply, err error) error {
	if err != nil {
		return wireError(err)
	}
	return textError(r.GetError())
}

// Monitor finds out whether a resource runs.
func (i *Instance) Monitor(ctx context.Context) (sdk.State, error) {
	if err := need(i.roles.Resource, "resource"); err != nil {
		return sdk.State{}, err
	}
	r, err := i.client.calls.Monitor(ctx, i.request())
	if err != nil {
		return sdk.State{}, wireError(err)
	}
	return stateIn(r)
}

// Describe tells what a fence device is.
func (i *Instance) Describe(ctx context.Context) (sdk.Device, error) {
	if err := need(i.roles.Fencer, "fencer"); err != nil {
		return sdk.Device{}, err
	}
	r, err := i.client.calls.Describe(ctx, i.request())
	if err != nil {
		return sdk.Device{}, wireError(err)
	}
	return deviceIn(r)
}

// Off switches a node's power off.
func (i *Instance) Off(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	if err := need(i.roles.Fencer, "fencer"); err != nil {
		return sdk.Reading{}, err
	}
	return read(i.client.calls.Off(ctx, i.order(order)))
}

// On switches a node's power on.
func (i *Instance) On(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	if err := need(i.roles.Fencer, "fencer"); err != nil {
		return sdk.Reading{}, err
	}
	return read(i.client.calls.On(ctx, i.order(order)))
}

// Sleep has a node's supply switch off later, and on again with mains.
func (i *Instance) Sleep(ctx context.Context, order sdk.Order) (sdk.Reading, error) {
	if err := need(i.roles.Sleeper, "sleeper"); err != nil {
		return sdk.Reading{}, err
	}
	return read(i.client.calls.Sleep(ctx, i.order(order)))
}

// Status reads a fence device.
func (i *Instance) Status(ctx context.Context) (sdk.Reading, error) {
	if err := need(i.roles.Fencer, "fencer"); err != nil {
		return sdk.Reading{}, err
	}
	return read(i.client.calls.PowerStatus(ctx, i.request()))
}

func (i *Instance) order(o sdk.Order) *sdkpb.Order {
	return &sdkpb.Order{Handle: i.handle, Id: o.ID, Expiry: int64(o.Expiry), Mark: o.Mark, After: int64(o.After)}
}

func read(r *sdkpb.Reading, err error) (sdk.Reading, error) {
	if err != nil {
		return sdk.Reading{}, wireError(err)
	}
	return readingIn(r)
}

// Parameters lists a product's settings.
func (i *Instance) Parameters(ctx context.Context) ([]sdk.Parameter, error) {
	if err := need(i.roles.Tuner, "tuner"); err != nil {
		return nil, err
	}
	r, err := i.client.calls.Parameters(ctx, i.request())
	if err != nil {
		return nil, wireError(err)
	}
	parameters := make([]sdk.Parameter, 0, len(r.GetParameters()))
	for _, p := range r.GetParameters() {
		parameters = append(parameters, parameterIn(p))
	}
	return parameters, textError(r.GetError())
}

// SetParameter changes one setting.
func (i *Instance) SetParameter(ctx context.Context, name, value string) (sdk.Parameter, error) {
	if err := need(i.roles.Tuner, "tuner"); err != nil {
		return sdk.Parameter{}, err
	}
	r, err := i.client.calls.SetParameter(ctx, &sdkpb.SetParameterRequest{Handle: i.handle, Name: name, Value: value})
	if err != nil {
		return sdk.Parameter{}, wireError(err)
	}
	return parameterIn(r), textError(r.GetError())
}

// Evidence asks for what belongs into a snapshot; it may return items with an error.
func (i *Instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	if err := need(i.roles.Evidence, "evidence"); err != nil {
		return nil, err
	}
	r, err := i.client.calls.Evidence(ctx, i.request())
	if err != nil {
		return nil, wireError(err)
	}
	return evidenceIn(r)
}
