package sdktest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/conform"
	"github.com/storeward/storeward/core/sdk/remote"
)

// checkRoles calls every role once; the answer survives the wire if it arrives.
func checkRoles(t *testing.T, c Case, i *Instance) {
	for _, one := range conform.Calls(i) {
		t.Run(one.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), callTime)
			defer cancel()
			if err := one.Ask(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	if i.Roles().Link {
		t.Run("link", func(t *testing.T) { checkLink(t, i) })
	}
	if i.Roles().Resource && c.Resource {
		t.Run("resource", func(t *testing.T) { checkResource(t, i) })
	}
}

// checkConcurrent makes sixteen calls of every kind at once.
func checkConcurrent(t *testing.T, _ Case, i *Instance) {
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	defer cancel()
	var all sync.WaitGroup
	for _, one := range conform.Calls(i) {
		for range 16 {
			all.Go(func() {
				if err := one.Ask(ctx); err != nil {
					t.Errorf("%s: %v", one.Name, err)
				}
			})
		}
	}
	all.Wait()
}

// checkBlackHole asks an instance whose target never answers.
func checkBlackHole(t *testing.T, c Case, i *Instance) {
	roles := i.Roles()
	if roles.Prober {
		t.Run("probe", func(t *testing.T) {
			inTime(t, c.Deadline, func(ctx context.Context) error {
				result, err := i.Probe(ctx)
				if err == nil && (result.Status == sdk.OK || result.Status == sdk.Degraded) {
					t.Errorf("a target that never answers was found to be %v", result)
				}
				return nil
			})
		})
	}
	if roles.Fencer {
		t.Run("power status", func(t *testing.T) {
			inTime(t, c.Deadline, func(ctx context.Context) error {
				reading, err := i.Status(ctx)
				return unproven(reading, err)
			})
		})
		t.Run("off", func(t *testing.T) {
			inTime(t, c.orderTime(), func(ctx context.Context) error {
				reading, err := i.Off(ctx, sdk.Order{ID: "black-hole", Expiry: sdk.Monotonic() + c.orderTime()})
				if err == nil {
					t.Error("an order that nobody confirmed succeeded")
				}
				return unproven(reading, err)
			})
		})
	}
	if roles.Resource {
		t.Run("monitor", func(t *testing.T) {
			inTime(t, c.Deadline, func(ctx context.Context) error {
				if state, err := i.Monitor(ctx); err == nil && state.Status == sdk.OK {
					t.Errorf("a resource that never answers was found to be %v", state)
				}
				return nil
			})
		})
	}
	if roles.Evidence {
		t.Run("evidence", func(t *testing.T) {
			inTime(t, c.Deadline, func(ctx context.Context) error {
				_, _ = i.Evidence(ctx)
				return nil
			})
		})
	}
}

func unproven(reading sdk.Reading, err error) error {
	if reading.Power != sdk.PowerUnknown {
		return fmt.Errorf("a device that never answers was read as %v (error %w)", reading.Power, err)
	}
	return nil
}

func inTime(t *testing.T, deadline time.Duration, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	began := time.Now()
	if err := call(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > deadline+slack {
		t.Errorf("took %v, the deadline was %v", took, deadline)
	}
}

// checkLink waits for the link's first word about itself.
func checkLink(t *testing.T, i *Instance) {
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	defer cancel()
	states := make(chan sdk.LinkState, 64)
	ended := make(chan error, 1)
	go func() {
		ended <- i.Run(ctx, func(sdk.Packet) {}, func(s sdk.LinkState) {
			select {
			case states <- s:
			default:
			}
		})
	}()
	select {
	case s := <-states:
		if s.Status != sdk.OK && s.Message == "" {
			t.Errorf("state %v without a message", s.Status)
		}
	case <-ctx.Done():
		t.Error("the link said nothing about its state")
	}
	for range 100 {
		_ = i.Send([]byte("no beat at all"))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

// checkResource: start and stop twice each, the state read after each.
func checkResource(t *testing.T, i *Instance) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*callTime)
	defer cancel()
	for _, step := range []struct {
		name    string
		act     func(context.Context) error
		running bool
	}{
		{"start", i.Start, true},
		{"start a running one", i.Start, true},
		{"stop", i.Stop, false},
		{"stop a stopped one", i.Stop, false},
	} {
		if err := step.act(ctx); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		state, err := i.Monitor(ctx)
		if err != nil || state.Running != step.running {
			t.Fatalf("monitor after %s: %+v, %v", step.name, state, err)
		}
	}
	if i.Roles().Promoter {
		checkPromoter(ctx, t, i)
	} else if err := i.Promote(ctx); !errors.Is(err, remote.ErrRole) {
		t.Errorf("promote without that role: %v", err)
	}
}

// checkPromoter: promoted and demoted twice each, and stopped from the promoted role.
func checkPromoter(ctx context.Context, t *testing.T, i *Instance) {
	for _, step := range []struct {
		name              string
		act               func(context.Context) error
		running, promoted bool
	}{
		{"start", i.Start, true, false},
		{"promote", i.Promote, true, true},
		{"promote a promoted one", i.Promote, true, true},
		{"start a promoted one", i.Start, true, true},
		{"demote", i.Demote, true, false},
		{"demote a demoted one", i.Demote, true, false},
		{"promote again", i.Promote, true, true},
		{"stop a promoted one", i.Stop, false, false},
		{"start again", i.Start, true, false},
		{"stop", i.Stop, false, false},
	} {
		if err := step.act(ctx); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		state, err := i.Monitor(ctx)
		if err != nil || state.Running != step.running || state.Promoted != step.promoted {
			t.Fatalf("monitor after %s: %+v, %v", step.name, state, err)
		}
	}
}

// secretsIn finds the secrets of a configuration, however deep.
func secretsIn(config any) []sdk.Secret {
	var found []sdk.Secret
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		if v.IsValid() && v.Type() == reflect.TypeFor[sdk.Secret]() && v.CanInterface() {
			found = append(found, v.Interface().(sdk.Secret))
			return
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			for n := range v.NumField() {
				walk(v.Field(n))
			}
		case reflect.Slice, reflect.Array:
			for n := range v.Len() {
				walk(v.Index(n))
			}
		case reflect.Map:
			for _, key := range v.MapKeys() {
				walk(v.MapIndex(key))
			}
		default:
		}
	}
	walk(reflect.ValueOf(config))
	return found
}
