// Package host runs plugin processes for the core: it starts them, watches them,
// kills and restarts what dies, hangs or answers garbage, and hands out typed
// handles that survive a restart. It knows roles, not what a plugin is for, and it
// never decides anything: a call that cannot be answered is an error, which means
// Unknown.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/remote"
)

// Errors of a call.
var (
	// ErrRestarting means that the plugin's process is being restarted, or the
	// instance not yet open again.
	ErrRestarting = errors.New("the plugin is restarting")
	// ErrClosed means that the host or the instance was closed.
	ErrClosed = errors.New("closed")
	// ErrUnknownPlugin means that no command is known, or allowed, for the plugin.
	ErrUnknownPlugin = errors.New("unknown plugin")
)

// Options configure a host. Log, Dir and Command are needed.
type Options struct {
	Log logrus.FieldLogger
	// Dir holds the plugins' sockets; it is made with mode 0700 and belongs to one
	// host at a time.
	Dir string
	// StateDir holds a directory per instance (sdk.Env.StateDir); default Dir/state.
	StateDir string
	// Command returns the executable and the arguments of a plugin; path "" for one
	// that is unknown or not allowed.
	Command func(plugin string) (path string, args []string)
	// Allowed are the third parties' plugins of this node; they go before Command.
	Allowed []Allowed
	// Realtime maps plugins to the SCHED_RR priority they may run at.
	Realtime map[string]int
	// Hook is told what happens to plugin processes, one event at a time and
	// outside of every lock.
	Hook func(PluginEvent)
	// Silence is how long a plugin may answer nothing before it is killed; default 3 s.
	Silence time.Duration
	// Silences has the plugins that get less patience (or more) than the others.
	Silences map[string]time.Duration
	// CallTimeout bounds calls whose context has no deadline; default 10 s.
	CallTimeout time.Duration
	// StartTimeout bounds the start of a process and the opening of an instance; default 10 s.
	StartTimeout time.Duration
	// Backoff is the pause before the first restart, doubled up to MaxBackoff; it
	// starts over after a LongLife. Defaults 100 ms and 10 s.
	Backoff, MaxBackoff time.Duration
	// LongLife is how long a process must live to be none of a crash loop; default a minute.
	LongLife time.Duration
	// MaxBackoffs has the plugins that are waited for less (or longer) than the others.
	MaxBackoffs map[string]time.Duration
}

func (o *Options) fill() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Silence, 3*time.Second)
	set(&o.CallTimeout, 10*time.Second)
	set(&o.StartTimeout, 10*time.Second)
	set(&o.Backoff, 100*time.Millisecond)
	set(&o.MaxBackoff, 10*time.Second)
	set(&o.LongLife, time.Minute)
	if o.StateDir == "" {
		o.StateDir = filepath.Join(o.Dir, "state")
	}
	if o.Hook == nil {
		o.Hook = func(PluginEvent) {}
	}
}

// silence is the patience with one plugin.
func (o *Options) silence(plugin string) time.Duration {
	if own := o.Silences[plugin]; own > 0 {
		return own
	}
	return o.Silence
}

// maxBackoff is the longest pause before a plugin is started, or one of its
// instances opened, again.
func (o *Options) maxBackoff(plugin string) time.Duration {
	if own := o.MaxBackoffs[plugin]; own > 0 {
		return own
	}
	return o.MaxBackoff
}

// Env is what every instance is told about its surroundings.
type Env struct {
	Node, Peer string
}

// Host owns the plugin processes of one daemon.
type Host struct {
	options Options
	lock    *os.File
	events  *events
	life    context.Context
	end     context.CancelFunc

	mu      sync.Mutex
	closed  bool
	plugins map[string]*supervisor
	files   map[string]*os.File // executables, held open so that an upgrade cannot break a restart
}

// New prepares the socket directory and starts nothing yet. It fails if another
// host uses the directory.
func New(options Options) (*Host, error) {
	options.fill()
	lock, err := claim(options.Dir)
	if err != nil {
		return nil, err
	}
	if err := sweep(options.Dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	life, end := context.WithCancel(context.Background())
	return &Host{
		options: options, lock: lock, events: newEvents(options.Hook), life: life, end: end,
		plugins: map[string]*supervisor{}, files: map[string]*os.File{},
	}, nil
}

// claim makes the directory private and locks it for this process.
func claim(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make socket directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("protect socket directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: another daemon uses it: %w", dir, err), lock.Close())
	}
	return lock, nil
}

// sweep removes the sockets of a host that was killed.
func sweep(dir string) error {
	stale, err := filepath.Glob(filepath.Join(dir, socketDirPrefix+"*"))
	if err != nil {
		return fmt.Errorf("look for stale sockets: %w", err)
	}
	for _, path := range stale {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove stale socket: %w", err)
		}
	}
	return nil
}

// Open makes an instance, starting the plugin's process if needed. Faults of the
// configuration (*sdk.ConfigError, several joined) and ErrUnknownPlugin come
// without an instance. Any other error comes with one: the host goes on trying,
// and calls return ErrRestarting until it is open.
func (h *Host) Open(ctx context.Context, plugin, instance string, yaml []byte, env Env) (*Instance, error) {
	s, err := h.supervisor(plugin)
	if err != nil {
		return nil, err
	}
	in := newInstance(s, instance, yaml, sdk.Env{
		Instance: instance, Node: env.Node, Peer: env.Peer, StateDir: filepath.Join(h.options.StateDir, instance),
	})
	if err := s.add(in); err != nil {
		return nil, err
	}
	err = in.firstOpen(ctx)
	var fault *sdk.ConfigError
	if errors.As(err, &fault) || errors.Is(err, ErrClosed) {
		return nil, errors.Join(err, in.Close())
	}
	return in, err
}

// Check has the plugin decode and validate a configuration; nothing is opened.
func (h *Host) Check(ctx context.Context, plugin string, yaml []byte) (checked remote.Checked, _ error) {
	err := h.borrow(ctx, plugin, func(ctx context.Context, c *remote.Client) (err error) {
		checked, err = c.Check(ctx, yaml)
		return err
	})
	return checked, err
}

// Describe asks a plugin who it is.
func (h *Host) Describe(ctx context.Context, plugin string) (remote.Description, error) {
	var description remote.Description
	err := h.borrow(ctx, plugin, func(ctx context.Context, c *remote.Client) (err error) {
		description, err = c.Info(ctx)
		return err
	})
	return description, err
}

// Secrets are the settings that a plugin calls secret (see config.Config.HideSecrets); none
// if it does not answer.
func (h *Host) Secrets(ctx context.Context, plugin string) []string {
	description, err := h.Describe(ctx, plugin)
	if err != nil {
		h.options.Log.WithError(err).WithField("plugin", plugin).Debug("plugin does not name its secrets")
	}
	return description.Secrets
}

// borrow runs f on the plugin's connection once its process is up.
func (h *Host) borrow(ctx context.Context, plugin string, f func(context.Context, *remote.Client) error) error {
	s, err := h.supervisor(plugin)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, h.options.StartTimeout)
	defer cancel()
	release, err := s.hold()
	if err != nil {
		return err
	}
	defer release()
	client, err := s.ready(ctx)
	if err != nil {
		return err
	}
	return f(ctx, client)
}

func bounded(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, most)
}

// supervisor returns the plugin's supervisor, made at first use.
func (h *Host) supervisor(plugin string) (*supervisor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fmt.Errorf("host: %w", ErrClosed)
	}
	if s, ok := h.plugins[plugin]; ok {
		return s, nil
	}
	p, err := h.program(plugin)
	if err != nil {
		return nil, err
	}
	s := newSupervisor(h, plugin, p)
	h.plugins[plugin] = s
	return s, nil
}

// program is what to execute for a plugin. h.mu is held.
func (h *Host) program(plugin string) (program, error) {
	for _, a := range h.options.Allowed {
		if a.Plugin == plugin {
			return program{path: a.Path, args: []string{plugin}, allowed: &a}, nil
		}
	}
	path, args := h.options.Command(plugin)
	if path == "" {
		return program{}, fmt.Errorf("%w: %s", ErrUnknownPlugin, plugin)
	}
	file, ok := h.files[path]
	if !ok {
		var err error
		if file, err = openProgram(path); err != nil {
			return program{}, fmt.Errorf("open plugin %s: %w", plugin, err)
		}
		h.files[path] = file
	}
	return program{path: path, args: args, file: file}, nil
}

// Plugins tells how every plugin used so far is doing, by name.
func (h *Host) Plugins() []Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Status, 0, len(h.plugins))
	for _, s := range h.plugins {
		list = append(list, s.status())
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Plugin, b.Plugin) })
	return list
}

// Close closes every instance and ends every process. What the instances started
// goes on.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	h.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range h.plugins {
		all.Go(s.close)
	}
	all.Wait()
	h.end()
	h.events.close()
	var faults []error
	for _, file := range h.files {
		faults = append(faults, file.Close())
	}
	return errors.Join(append(faults, h.lock.Close())...)
}
