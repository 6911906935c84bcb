// Package mount mounts a file system on the active node and unmounts it again.
// It works in the mount namespace that the plugin runs in, never leaves a busy
// file system mounted without saying who holds it, and never detaches one
// silently.
package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "mount",
		Version:       "0.1.0",
		Summary:       "Mounts a file system or binds a directory on the active node.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg *Config
	log logrus.FieldLogger
	mu  sync.Mutex // one action at a time
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open mount %s: configuration is a %T", env.Instance, config)
	}
	return &instance{cfg: cfg, log: env.Log.WithField("target", cfg.Target)}, nil
}

// Close leaves everything mounted.
func (m *instance) Close() error { return nil }

// Start mounts unless it is mounted already. Something else on the target is an error.
func (m *instance) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	table, err := readTable()
	if err != nil {
		return err
	}
	if now, found := table.on(m.cfg.Target); found {
		return m.expected(table, now)
	}
	if m.cfg.MakeTarget {
		if err := os.MkdirAll(m.cfg.Target, 0o755); err != nil {
			return fmt.Errorf("make target of mount: %w", err)
		}
	}
	if err := ctx.Err(); err != nil { // nobody waits any more: it must not be mounted later
		return fmt.Errorf("mount %s on %s: %w", m.cfg.Source, m.cfg.Target, err)
	}
	// mount(2) may hang with the disk below it, and then mounts late. The caller is
	// answered in time all the same, and told nothing else before it has returned.
	if err := m.mount(); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.cfg.Source, m.cfg.Target, err)
	}
	m.log.WithField("source", m.cfg.Source).Info("file system mounted")
	return nil
}

func (m *instance) mount() error {
	flags, data := m.cfg.flags()
	if !m.cfg.bind() {
		return unix.Mount(m.cfg.Source, m.cfg.Target, m.cfg.Type, flags, data)
	}
	if err := unix.Mount(m.cfg.Source, m.cfg.Target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if flags == 0 {
		return nil
	}
	// The kernel ignores the other flags of the first call.
	if err := unix.Mount("", m.cfg.Target, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""); err != nil {
		return errors.Join(err, unix.Unmount(m.cfg.Target, 0))
	}
	return nil
}

// errUnclear: the source is gone, so that nobody can tell whether it is what is mounted.
var errUnclear = errors.New("whether it is ours cannot be told")

// expected tells whether what is mounted on the target is what should be. It
// asks the table of mounts alone: the disk below may hang.
func (m *instance) expected(t table, now mounted) error {
	source, gone := filepath.EvalSymlinks(m.cfg.Source)
	if gone != nil {
		source = m.cfg.Source
	}
	right := now.fsType == m.cfg.Type && (now.source == m.cfg.Source || now.source == source || now.device == deviceOf(source))
	if m.cfg.bind() {
		device, root, ok := t.place(source, m.cfg.Target)
		right = ok && now.device == device && now.root == root
	}
	if right {
		return nil
	}
	err := fmt.Errorf("mount %s on %s: %s (%s, %s) is mounted there", m.cfg.Source, m.cfg.Target, now.source, now.root, now.fsType)
	if gone != nil && filepath.IsAbs(m.cfg.Source) && (m.cfg.bind() || now.fsType == m.cfg.Type) {
		return fmt.Errorf("%w, and %w: %w", err, errUnclear, gone)
	}
	return err
}

// buried tells whether ours may be among the mounts on the target, whatever lies above it.
func (m *instance) buried(t table) bool {
	for _, one := range t {
		if one.target == m.cfg.Target && maybe(m.expected(t, one)) {
			return true
		}
	}
	return false
}

// maybe reads what expected said: it is ours, or may be.
func maybe(err error) bool { return err == nil || errors.Is(err, errUnclear) }

// Stop unmounts. A busy file system is tried again until ctx ends; the error names its holders.
func (m *instance) Stop(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		table, err := readTable()
		if err != nil {
			return err
		}
		now, found := table.on(m.cfg.Target)
		if !found {
			return nil
		}
		if err := m.expected(table, now); err != nil {
			switch {
			case errors.Is(err, errUnclear):
				return fmt.Errorf("unmount %s: %w", m.cfg.Target, err)
			case m.buried(table):
				return fmt.Errorf("unmount %s: it lies below another one: %w", m.cfg.Target, err)
			}
			m.log.WithError(err).Warn("another file system is mounted on the target")
			return nil // not ours: ours is stopped
		}
		err = unix.Unmount(m.cfg.Target, unix.UMOUNT_NOFOLLOW)
		switch {
		case err == nil:
			m.log.Info("file system unmounted")
			continue // it may have been mounted twice
		case !errors.Is(err, unix.EBUSY):
			return fmt.Errorf("unmount %s: %w", m.cfg.Target, err)
		}
		if !m.pause(ctx) {
			return m.stillBusy(err)
		}
	}
}

// pause waits for the next attempt, and keeps enough time to look for the holders.
func (m *instance) pause(ctx context.Context) bool {
	wait := m.cfg.BusyRetry.Std()
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait+50*time.Millisecond {
		return false
	}
	return sdk.Pause(ctx, wait)
}

func (m *instance) stillBusy(busy error) error {
	who := strings.Join(holders(m.cfg.Target), ", ")
	if who == "" {
		who = "nobody who is seen from here"
	}
	if !m.cfg.Lazy {
		return fmt.Errorf("unmount %s: %w: held by %s", m.cfg.Target, busy, who)
	}
	if err := unix.Unmount(m.cfg.Target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("detach %s: %w", m.cfg.Target, err)
	}
	m.log.WithField("holders", who).Warn("busy file system detached")
	return nil
}

// Monitor reads the kernel's table of mounts; it never touches the file system.
func (m *instance) Monitor(context.Context) (sdk.State, error) {
	table, err := readTable()
	if err != nil {
		return sdk.State{}, err
	}
	now, found := table.on(m.cfg.Target)
	if !found {
		return sdk.State{Status: sdk.Down, Message: "nothing is mounted on " + m.cfg.Target}, nil
	}
	err = m.expected(table, now)
	if errors.Is(err, errUnclear) {
		return sdk.State{}, err
	}
	if err != nil {
		// Below a stranger's mount ours is still held: open files, and the peer must not have it.
		return sdk.State{Running: m.buried(table), Status: sdk.Down, Message: err.Error()}, nil //nolint:nilerr // it was found out: another file system is there
	}
	if now.readOnly() && !m.cfg.readOnly() {
		return sdk.State{Running: true, Status: sdk.Degraded, Message: m.cfg.Target + " became read only: its disk had errors"}, nil
	}
	return sdk.State{Running: true, Status: sdk.OK, Message: fmt.Sprintf("%s is mounted on %s", m.cfg.Source, m.cfg.Target)}, nil
}
