package sdk

import (
	"context"
	"fmt"
	"time"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

type none = struct{}

// Start starts a resource.
func (s *service) Start(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.ResourceReply, error) {
	return act(ctx, s, r, "start", Resource.Start)
}

// Stop stops a resource.
func (s *service) Stop(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.ResourceReply, error) {
	return act(ctx, s, r, "stop", Resource.Stop)
}

// Promote promotes a resource.
func (s *service) Promote(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.ResourceReply, error) {
	return act(ctx, s, r, "promote", Promoter.Promote)
}

// Demote demotes a resource.
func (s *service) Demote(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.ResourceReply, error) {
	return act(ctx, s, r, "demote", Promoter.Demote)
}

// act runs what changes a resource. One that outlived its time may still take
// effect, so that nothing else is done, and nothing is said, before it returned.
func act[R any](ctx context.Context, s *service, r *sdkpb.InstanceRequest, what string, f func(R, context.Context) error) (*sdkpb.ResourceReply, error) {
	_, err := call(ctx, s, r.GetHandle(), func(ctx context.Context, role R) (none, error) {
		sv, err := s.find(r.GetHandle())
		if err != nil {
			return none{}, err
		}
		done, err := sv.begin(ctx, what)
		if err != nil {
			return none{}, err
		}
		defer done()
		return none{}, f(role, ctx)
	})
	return &sdkpb.ResourceReply{Error: errText(err)}, nil
}

// Monitor finds out whether a resource runs.
func (s *service) Monitor(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.State, error) {
	return stateOut(call(ctx, s, r.GetHandle(), func(ctx context.Context, role Resource) (State, error) {
		sv, err := s.find(r.GetHandle())
		if err == nil {
			err = sv.overdue()
		}
		if err != nil {
			return State{}, err
		}
		return role.Monitor(ctx)
	})), nil
}

// Describe tells what a fence device is.
func (s *service) Describe(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.Device, error) {
	return deviceOut(call(ctx, s, r.GetHandle(), func(ctx context.Context, role Fencer) (Device, error) {
		return role.Describe(ctx)
	})), nil
}

// Off switches a node's power off.
func (s *service) Off(ctx context.Context, r *sdkpb.Order) (*sdkpb.Reading, error) {
	return order(ctx, s, r, Fencer.Off)
}

// On switches a node's power on.
func (s *service) On(ctx context.Context, r *sdkpb.Order) (*sdkpb.Reading, error) {
	return order(ctx, s, r, Fencer.On)
}

// Sleep has a fence device switch off later, and on again with mains.
func (s *service) Sleep(ctx context.Context, r *sdkpb.Order) (*sdkpb.Reading, error) {
	return order(ctx, s, r, Sleeper.Sleep)
}

func order[R any](ctx context.Context, s *service, r *sdkpb.Order, f func(R, context.Context, Order) (Reading, error)) (*sdkpb.Reading, error) {
	order := Order{ID: r.GetId(), Expiry: time.Duration(r.GetExpiry()), Mark: r.GetMark(), After: time.Duration(r.GetAfter())}
	return readingOut(call(ctx, s, r.GetHandle(), func(ctx context.Context, role R) (Reading, error) {
		if now := Monotonic(); now >= order.Expiry { // said here too: a late cut could hit a node that is back
			return Reading{}, fmt.Errorf("order %s expired %v ago and was not sent", order.ID, now-order.Expiry)
		}
		return f(role, ctx, order)
	})), nil
}

// PowerStatus reads a fence device.
func (s *service) PowerStatus(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.Reading, error) {
	return readingOut(call(ctx, s, r.GetHandle(), func(ctx context.Context, role Fencer) (Reading, error) {
		return role.Status(ctx)
	})), nil
}

// Parameters lists a product's settings.
func (s *service) Parameters(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.ParameterList, error) {
	parameters, err := call(ctx, s, r.GetHandle(), func(ctx context.Context, role Tuner) ([]Parameter, error) {
		return role.Parameters(ctx)
	})
	reply := &sdkpb.ParameterList{Error: errText(err)}
	for _, p := range parameters {
		reply.Parameters = append(reply.Parameters, parameterOut(p, nil))
	}
	return reply, nil
}

// SetParameter changes one setting.
func (s *service) SetParameter(ctx context.Context, r *sdkpb.SetParameterRequest) (*sdkpb.Parameter, error) {
	return parameterOut(call(ctx, s, r.GetHandle(), func(ctx context.Context, role Tuner) (Parameter, error) {
		return role.SetParameter(ctx, r.GetName(), r.GetValue())
	})), nil
}

// Evidence contributes to a snapshot.
func (s *service) Evidence(ctx context.Context, r *sdkpb.InstanceRequest) (*sdkpb.EvidenceReply, error) {
	return evidenceOut(call(ctx, s, r.GetHandle(), func(ctx context.Context, role Evidence) ([]Item, error) {
		return role.Evidence(ctx)
	})), nil
}
