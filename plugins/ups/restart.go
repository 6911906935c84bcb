package ups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/storeward/storeward/core/sdk"
)

// restart remembers what the device's auto-restart was before a cut, until it
// was restored and read back. It is kept in a file too: a plugin killed in the
// middle of an order must not leave a store dark after the next power cut.
type restart struct {
	dir   string
	mu    sync.Mutex
	value int // 0: nothing to restore and not read from the file yet, or really nothing
	known bool
}

func (r *restart) path() string { return filepath.Join(r.dir, "auto-restart") }

// pending returns the value to restore.
func (r *restart) pending() (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	return r.value, r.value != 0
}

func (r *restart) load() {
	if r.known || r.dir == "" {
		return
	}
	r.known = true
	data, err := os.ReadFile(r.path())
	if err != nil {
		return
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && n > 0 {
		r.value = n
	}
}

// remember keeps the value found before a cut. What an earlier, unfinished
// order remembered wins: the device then shows that order's doing.
func (r *restart) remember(value int, as *toggle) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load()
	if r.value != 0 || value != as.on {
		return nil
	}
	r.value = value
	if r.dir == "" {
		return nil
	}
	if err := os.WriteFile(r.path(), []byte(strconv.Itoa(value)+"\n"), 0o600); err != nil {
		return fmt.Errorf("remember auto-restart: %w", err)
	}
	return nil
}

func (r *restart) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.known = 0, true
	if r.dir != "" {
		_ = os.Remove(r.path())
	}
}

// acquire takes the turn to change the device.
func (u *instance) acquire(ctx context.Context) error {
	select {
	case u.ordering <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the order before: %w", ctx.Err())
	}
}

func (u *instance) release() { <-u.ordering }

func (u *instance) busy() bool { return len(u.ordering) > 0 }

// repairRestart restores what an earlier order left behind, unless an order runs now.
func (u *instance) repairRestart(ctx context.Context, c *client, d *device) {
	if _, pending := u.restart.pending(); !pending || u.mayOrder() != nil {
		return
	}
	select {
	case u.ordering <- struct{}{}:
		defer u.release()
	default:
		return
	}
	if err := u.restoreRestart(ctx, c, d); err != nil {
		u.log.WithError(err).Warn("auto-restart not restored")
	}
}

// restoreRestart sets auto-restart to what it was before the cut and reads it
// back. Two tries: the cut itself is done, and its answer must not wait long.
func (u *instance) restoreRestart(ctx context.Context, c *client, d *device) error {
	value, pending := u.restart.pending()
	if !pending || d.restart == nil {
		return nil
	}
	var err error
	for range 2 {
		if err = d.restart.set(c, value); err == nil {
			u.restart.forget()
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, errRefused) || errors.Is(err, sdk.ErrExpired) {
			break
		}
	}
	return fmt.Errorf("restore auto-restart: %w", err)
}

// set writes and reads back.
func (t *toggle) set(c *client, value int) error {
	if _, err := c.set(number(t.oid, value)); err != nil {
		return err
	}
	v, err := c.get(t.oid)
	if err != nil {
		return err
	}
	if n, _ := v.integer(t.oid); n != value {
		return fmt.Errorf("read auto-restart of %s: reads %d after it was set to %d", c.address, n, value)
	}
	return nil
}
