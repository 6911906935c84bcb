package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/engine"
	"github.com/storeward/storeward/core/internal/failover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodFile = `store: s0001
nodes:
  - {name: alpha, role: primary, address: 10.0.0.1, interface: eth0}
  - {name: beta, role: secondary, address: 10.0.0.2, interface: eth0}
key: KEY
links:
  - {name: cable, plugin: nothing-here, direct: true, with: {}}
  - {name: lan, plugin: nothing-here, with: {}}
fencing:
  - {name: ups-alpha, plugin: nothing-here, feeds: [alpha], with: {}}
  - {name: ups-beta, plugin: nothing-here, feeds: [beta], with: {}}
ping_group: [10.0.0.254]
resources: []
probes: []
state_dir: DIR/state
run_dir: DIR/run
`

// start tries to start a daemon with a configuration and returns its error's text.
func start(t *testing.T, dir, node, text string) string {
	t.Helper()
	path := filepath.Join(dir, "storeward.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program") // lists one plugin and serves none
	if err := os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1\" = list ] && echo heartbeat 1.0 beats\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	a, err := New(context.Background(), Options{Config: path, Node: node, Plugins: program, Log: log})
	if err == nil {
		_ = a.Close()
		return ""
	}
	return err.Error()
}

// TestDeletedJournalIsNoNewNode: it would take its peer's generation for a stranger's.
func TestDeletedJournalIsNoNewNode(t *testing.T) {
	log, _ := test.NewNullLogger()
	cfg := &config.Config{StateDir: t.TempDir()}
	boot := func() engine.Options {
		a, o := &App{cfg: cfg, node: "alpha", log: log}, engine.Options{}
		if err := a.openJournal(&o); err != nil {
			t.Fatal(err)
		}
		a.openHistory(&o)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := boot(); o.Boot.JournalLost || len(o.Startup) > 0 {
		t.Errorf("a new node: %+v, %v", o.Boot, o.Startup)
	}
	if err := os.RemoveAll(filepath.Join(cfg.StateDir, "journal")); err != nil {
		t.Fatal(err)
	}
	o := boot()
	want := "The journal of alpha is damaged: the state file is gone, and " + cfg.StateDir +
		"/history shows that this node ran before. What runs keeps running; nothing new is started before the peer agrees."
	if !o.Boot.JournalLost || len(o.Startup) != 1 || o.Startup[0].GetMessage() != want {
		t.Errorf("lost %v, told %v", o.Boot.JournalLost, o.Startup)
	}
}

func TestBadConfigurationIsRefusedWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ node, from, to, want string }{
		"unknown key":      {"alpha", "resources: []", "resourcez: []", "storeward.yaml:13:1"},
		"wrong type":       {"alpha", "ping_group: [10.0.0.254]", "ping_group: 7", "storeward.yaml:12:"},
		"unknown node":     {"gamma", "", "", `no node "gamma"`},
		"unknown plugin":   {"alpha", "", "", "storeward.yaml:7:27: links[0].plugin: there is no plugin \"nothing-here\": known here: heartbeat"},
		"impossible times": {"alpha", "resources: []", "timing: {interval: 1s, deadtime: 2s}\nresources: []", "storeward.yaml:13:"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(goodFile, "KEY", strings.Repeat("k", 40))
			if c.from != "" {
				text = strings.Replace(text, c.from, c.to, 1)
			}
			if got := start(t, t.TempDir(), c.node, text); !strings.Contains(got, c.want) {
				t.Errorf("refused with %q, want %q in it", got, c.want)
			}
		})
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := lockFile(filepath.Join(run, "storewardd.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	text := strings.ReplaceAll(goodFile, "KEY", strings.Repeat("k", 40))
	if got := start(t, dir, "alpha", text); !strings.Contains(got, "another daemon of this node holds") {
		t.Errorf("refused with %q", got)
	}
}

func TestHistoryOutlivesTheDaemon(t *testing.T) {
	dir := t.TempDir()
	log, _ := test.NewNullLogger()
	a := &App{log: log, cfg: config.Default()}
	a.cfg.StateDir = dir
	var first engine.Options
	a.openHistory(&first)
	first.Keep(control.Entry{Kind: "node.started", Message: "The daemon of alpha runs."})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var second engine.Options
	a.openHistory(&second)
	defer func() { _ = a.Close() }()
	if len(second.Past) != 1 || second.Past[0].Kind != "node.started" {
		t.Errorf("past %v", second.Past)
	}
}

// TestAnswerWhileItStarts: a console may ask as soon as its link is open, and the engine is made later.
func TestAnswerWhileItStarts(t *testing.T) {
	a := &App{node: "alpha"}
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := a.answer(t.Context(), "nothing", nil); err == nil {
			t.Error("an answer to no question")
		}
	})
	a.herald.ready(nil)
	wait.Wait()
}

// TestALeavingDaemonAnswers: until its engine has ended, e.g. for as long as a hand-over takes.
func TestALeavingDaemonAnswers(t *testing.T) {
	cfg, err := config.Parse("storeward.yaml", []byte(strings.NewReplacer("KEY", strings.Repeat("k", 40), "DIR", t.TempDir()).Replace(goodFile)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cfg.RunDir, 0o700); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	dog := slowDog{closing: make(chan struct{}), closed: make(chan struct{})}
	a := &App{cfg: cfg, node: "alpha", log: log}
	a.engine, err = engine.New(engine.Options{
		Config: cfg, Node: "alpha", Key: []byte(strings.Repeat("k", 40)), Boot: failover.Boot{Incarnation: 1, KernelBoot: "boot"},
		Plugins: noPlugins{}, Journal: noJournal{}, Sink: noSink{}, Keep: func(control.Entry) {}, Watchdog: dog, Clock: clock(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	client := control.NewClient(cfg.RunDir)
	answers := func() bool {
		_, err := client.State(t.Context())
		return err == nil
	}
	for end := time.Now().Add(10 * time.Second); !answers(); {
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}
	stop()
	<-dog.closing
	if !answers() {
		t.Error("the engine has not ended, and the daemon does not answer")
	}
	close(dog.closed)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if answers() {
		t.Error("it answers although it ended")
	}
}

// slowDog is a watchdog that takes its time to be disarmed: so long the engine has not ended.
type slowDog struct{ closing, closed chan struct{} }

func (slowDog) Alive(time.Duration, time.Duration) {}
func (slowDog) Reset()                             {}
func (d slowDog) Close() error {
	close(d.closing)
	<-d.closed
	return nil
}

type noPlugins struct{}

func (noPlugins) Open(context.Context, string, string, []byte) (engine.Instance, error) {
	return nil, errors.New("there is none")
}
func (noPlugins) Status() []*api.PluginStatus              { return nil }
func (noPlugins) Secrets(context.Context, string) []string { return nil }

type noJournal struct{}

func (noJournal) SaveState([]byte) error    { return nil }
func (noJournal) Input(string) error        { return nil }
func (noJournal) Inputs() ([]string, error) { return nil, nil }

type noSink struct{}

func (noSink) Event(*api.Event)                         {}
func (noSink) Incident(*api.Incident)                   {}
func (noSink) Points(*api.Points)                       {}
func (noSink) Status(*api.Status)                       {}
func (noSink) Backlog() (waiting, droppedPoints uint64) { return 0, 0 }
