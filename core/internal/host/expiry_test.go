package host

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

func TestFenceOrderEndsAtItsExpiry(t *testing.T) {
	r := newRig(t, nil)
	in := r.open("toy", "one")
	r.wait(Started)
	pid := r.pid(in)
	if _, err := in.Off(r.context(), sdk.Order{ID: "late", Expiry: sdk.Monotonic() - 1}); err == nil {
		t.Error("an expired order was sent")
	}
	if reading, err := in.Off(r.context(), sdk.Order{ID: "good", Expiry: sdk.Monotonic() + time.Minute}); err != nil || reading.Power != sdk.PowerOff {
		t.Errorf("off: %+v, %v", reading, err)
	}
	// The caller gives up early; the plugin hangs; the order's expiry ends it all the same.
	expiry := sdk.Monotonic() + 300*time.Millisecond
	ctx, cancel := context.WithTimeout(r.context(), 50*time.Millisecond)
	defer cancel()
	if reading, err := in.Off(ctx, sdk.Order{ID: "hang", Expiry: expiry, Mark: "hang"}); err == nil || reading.Power != sdk.PowerUnknown {
		t.Errorf("off of a hanging plugin: %+v, %v", reading, err)
	}
	e := r.wait(Silent)
	if e.PID != pid || e.Taken < expiry || e.Taken-expiry > 500*time.Millisecond {
		t.Errorf("killed %v after the expiry: %+v", e.Taken-expiry, e)
	}
	r.wait(Restarted)
}

// TestFenceOrderEndsAtItsExpiryWhileTheHostCloses: nor does a plugin outlive its order while
// the daemon ends.
func TestFenceOrderEndsAtItsExpiryWhileTheHostCloses(t *testing.T) {
	r := newRig(t, nil)
	in := r.open("toy", "one")
	r.wait(Started)
	pid := r.pid(in)
	expiry := sdk.Monotonic() + 300*time.Millisecond
	ctx, cancel := context.WithTimeout(r.context(), 50*time.Millisecond)
	defer cancel()
	_, _ = in.Off(ctx, sdk.Order{ID: "hang", Expiry: expiry, Mark: "hang"}) // it is under way when the caller gives up
	go func() { _ = r.host.Close() }()
	r.until("the plugin is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	if late := sdk.Monotonic() - expiry; late > 500*time.Millisecond {
		t.Errorf("the plugin lived %v after its order's expiry", late)
	}
}
