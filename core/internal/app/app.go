// Package app wires a node together: configuration, journal, plugins, engine,
// peer channel, reports and the control socket. It decides nothing, and nothing
// but New can make it refuse: once it runs, what breaks is reported and retried.
package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/engine"
	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/internal/journal"
	"github.com/storeward/storeward/core/internal/peer"
	"github.com/storeward/storeward/core/internal/report"
	"github.com/storeward/storeward/core/internal/sections"
	"github.com/storeward/storeward/core/internal/snapshot"
	"github.com/storeward/storeward/core/sdk"
)

const (
	// priority of the core among real-time tasks: above its plugins', below the kernel's own.
	priority = 12
	// The heap of a daemon is small; the limit keeps it so.
	gcPercent   = 100
	memoryLimit = 160 << 20
)

// Options are the daemon's flags.
type Options struct {
	Config   string // path of the configuration file
	Node     string // this node's name; empty: /etc/storeward/node or the host name says
	Plugins  string // path of the multi-call plugin executable
	Version  string
	Reloads  <-chan os.Signal // one value asks for a reload; nil: none
	Realtime bool
	Log      logrus.FieldLogger
	Lines    *snapshot.LogRing // the newest log lines, for snapshots; may be nil
}

// App is one node's daemon. Make it with New, Run it once.
type App struct {
	o       Options
	log     logrus.FieldLogger
	cfg     *config.Config
	node    string
	lock    *os.File
	host    *host.Host
	judge   sections.Judge
	journal *journal.Journal
	report  *report.Reporter
	engine  *engine.Engine
	herald  herald
	channel *peer.Channel
	// evidence is nil where the recorder could not be opened.
	evidence *evidence
	closers  []func() error
}

// New checks everything that can be wrong with a configuration, then opens what
// the node needs. Its error is for the operator's eyes.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{o: o, log: o.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	for _, step := range []func(context.Context) error{
		a.identify, a.claim, a.openHost, a.checkSections, a.assemble,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// identify reads the configuration and finds out which node this is.
func (a *App) identify(context.Context) error {
	cfg, err := config.Load(a.o.Config)
	if err != nil {
		return err
	}
	if a.node = a.o.Node; a.node == "" {
		said, _ := os.ReadFile("/etc/storeward/node")
		hostname, _ := os.Hostname()
		if a.node, err = config.NodeName(string(said), hostname, cfg); err != nil {
			return err
		}
	}
	if cfg.Node(a.node) == nil {
		return fmt.Errorf("the configuration knows no node %q", a.node)
	}
	a.cfg = cfg
	a.log = a.log.WithField("store", cfg.Store).WithField("node", a.node)
	return nil
}

// claim makes the directories and refuses to be the second daemon of a node.
func (a *App) claim(context.Context) error {
	for _, dir := range []string{a.cfg.StateDir, a.cfg.RunDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	lock, err := lockFile(filepath.Join(a.cfg.RunDir, "storewardd.lock"))
	if err != nil {
		return err
	}
	a.lock = lock
	a.onClose(lock.Close)
	return nil
}

func (a *App) onClose(do func() error) { a.closers = append(a.closers, do) }

// Run works until ctx ends, and until the engine has then come to its own end, which may
// take a hand-over. So long the node answers and records. Everything that runs on the node
// keeps running.
func (a *App) Run(ctx context.Context) error {
	a.tune()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var wait sync.WaitGroup
	defer wait.Wait()
	defer end()
	wait.Go(func() {
		if err := control.Serve(life, a.cfg.RunDir, a.engine, a.log); err != nil {
			a.log.WithError(err).Error("control socket not served")
		}
	})
	if a.channel != nil {
		wait.Go(func() {
			if err := a.channel.Run(life); err != nil {
				a.log.WithError(err).Error("peer channel not served")
			}
		})
	}
	if a.evidence != nil {
		wait.Go(func() { a.evidence.run(life) })
	}
	wait.Go(func() { a.inventories(life) })
	wait.Go(func() { a.reloads(life) })
	return a.engine.Run(ctx)
}

func (a *App) reloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.o.Reloads:
			if _, err := a.engine.Reload(ctx); err != nil {
				a.log.WithError(err).Error("configuration not reloaded")
			}
		}
	}
}

// tune asks the kernel and the runtime for punctuality; nothing depends on getting it.
func (a *App) tune() {
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	if !a.o.Realtime {
		return
	}
	stop, err := sdk.Timely(priority)
	if err != nil {
		a.log.WithError(err).Warn("no real-time scheduling or locked memory")
	}
	a.onClose(func() error { stop(); return nil })
}

// Close lets go of everything, last opened first.
func (a *App) Close() error {
	var all error
	for i := len(a.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, a.closers[i]())
	}
	a.closers = nil
	return all
}

// clock is the node's time.
func clock() engine.Clock { return engine.Clock{Now: sdk.Monotonic, Wall: time.Now} }
