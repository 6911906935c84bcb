package sdk

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestOrderEndsBeforeItsExpiry, so that its answer still arrives.
func TestOrderEndsBeforeItsExpiry(t *testing.T) {
	const margin = 10 * time.Millisecond
	ctx, cancel, err := (Order{Expiry: Monotonic() + time.Minute}).Within(t.Context(), margin)
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	end, _ := ctx.Deadline()
	if left := time.Until(end); left > time.Minute-margin || left < time.Second {
		t.Errorf("it may be carried out for %v", left)
	}
	for _, left := range []time.Duration{-time.Second, 0, margin} {
		if _, _, err := (Order{Expiry: Monotonic() + left}).Within(t.Context(), margin); !errors.Is(err, ErrExpired) {
			t.Errorf("with %v left: %v", left, err)
		}
	}
}

// TestHealthOfADevice: what a reading tells of the device's health, each thing once.
func TestHealthOfADevice(t *testing.T) {
	battery := Condition{Key: "on-battery", Message: "the UPS runs on its battery"}
	for _, test := range []struct {
		power      Power
		conditions []Condition
		want       Result
	}{
		{PowerOn, nil, Result{Status: OK, Message: "as read"}},
		{PowerUnknown, nil, Result{Status: OK, Message: "as read"}},
		{PowerOff, nil, Result{Status: Degraded, Message: "as read"}},
		{PowerOn, []Condition{battery, {Key: "overload", Message: "too much"}, battery}, Result{Status: Degraded, Message: "the UPS runs on its battery; too much"}},
		{PowerOff, []Condition{battery}, Result{Status: Degraded, Message: "the UPS runs on its battery; as read"}},
	} {
		reading := Reading{Power: test.power, Message: "as read"}
		for _, c := range test.conditions {
			reading.AddCondition(c)
		}
		if got := reading.Result(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v with %v: %+v, want %+v", test.power, test.conditions, got, test.want)
		}
	}
}
