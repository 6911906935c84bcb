// Package daemon runs a command as a process that outlives the plugin and the
// core: a session of its own, output to a bounded file, found again after a
// restart of the plugin even when its record is lost. It never starts a second
// process while one lives that was started for the same instance, never says that
// nothing runs while a child of it does, and never ties the process's life to its own.
package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// variable marks every process of an instance, its children included.
const variable = "STOREWARD_INSTANCE="

// searchPath is what commands get: the plugin's own environment holds sockets
// and credentials that are nobody's business.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Spec says what to run.
type Spec struct {
	// Instance names the instance on this node for ever, e.g. "service/alpha/till".
	Instance string
	// Command is the program and its arguments. It stays in the foreground.
	Command []string
	// Directory is the working directory; "" is "/".
	Directory string
	// User is the user to run as; "" is the plugin's own.
	User string
	// Environment holds further variables, NAME=VALUE.
	Environment []string
	// StateDir holds the record and the output.
	StateDir string
	// OutputLimit bounds the file with the output, in bytes; a previous one is kept beside it.
	// Of a command that runs once it bounds what is returned.
	OutputLimit int64
}

// Daemon is one command that runs at most once.
type Daemon struct {
	spec Spec
	log  logrus.FieldLogger

	mu    sync.Mutex // one action at a time
	watch *watch
}

// New looks at nothing yet.
func New(spec Spec, log logrus.FieldLogger) *Daemon {
	return &Daemon{spec: spec, log: log}
}

// Close lets the process run and stops watching it.
func (d *Daemon) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unwatch()
}

// Found is what runs of an instance.
type Found struct {
	// Main is the main process; where it is gone, the last one that is known of.
	Main Process
	// Alive tells whether the main process runs.
	Alive bool
	// Left counts the processes of the instance that run without it.
	Left int
}

// Running tells whether anything of the instance runs.
func (f Found) Running() bool { return f.Alive || f.Left > 0 }

// String says what runs.
func (f Found) String() string {
	switch {
	case f.Alive:
		return fmt.Sprintf("process %d runs", f.Main.PID)
	case f.Left > 0 && f.Main.PID == 0:
		return fmt.Sprintf("the main process is gone, %d of its processes still run", f.Left)
	case f.Left > 0:
		return fmt.Sprintf("main process %d is gone, %d of its processes still run", f.Main.PID, f.Left)
	}
	return "no process runs"
}

// Find returns what runs. It also keeps the output bounded.
func (d *Daemon) Find() (Found, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trimOutput()
	return d.find()
}

// find trusts the record while that process lives. Without one it looks for the
// mark: the record is removed before a process is started, so that whatever leads
// the family then is the process whose record was lost. Where the process of the
// record is gone, its children may go on.
func (d *Daemon) find() (Found, error) {
	last, known := d.recorded()
	if known && last.Alive() {
		d.watchOver(last)
		return Found{Main: last, Alive: true}, nil
	}
	all, err := family(variable+d.spec.Instance, last)
	if err == nil && known && len(all) == 0 { // one look may pass over a child, see killFamily
		all, err = family(variable+d.spec.Instance, last)
	}
	switch {
	case err != nil:
		return Found{}, err
	case known:
		return Found{Main: last, Left: len(all)}, nil
	}
	p, ok := leader(all)
	if !ok {
		return Found{Left: len(all)}, nil
	}
	d.log.WithField("pid", p.PID).Warn("process found again without its record")
	d.record(p)
	d.watchOver(p)
	return Found{Main: p, Alive: true}, nil
}

// Start returns the process that runs, or starts it. fresh tells which.
func (d *Daemon) Start(ctx context.Context) (p Process, fresh bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	unlock, err := d.lock()
	if err != nil {
		return Process{}, false, err
	}
	defer unlock()
	found, err := d.find()
	if err != nil || found.Alive {
		return found.Main, false, err
	}
	old := found.Main
	if err := d.killFamily(ctx, old); err != nil { // children of one that died
		return Process{}, false, err
	}
	if err := d.forget(); err != nil {
		return Process{}, false, err
	}
	if err := ctx.Err(); err != nil { // nobody waits any more: it must not run later
		return Process{}, false, fmt.Errorf("start %s: %w", d.spec.Command[0], err)
	}
	if p, err = d.launch(); err != nil {
		return Process{}, false, err
	}
	d.record(p)
	d.watchOver(p)
	d.log.WithFields(logrus.Fields{"pid": p.PID, "old_pid": old.PID}).Info("process started")
	return p, true, nil
}

// launch starts the command in a session of its own.
func (d *Daemon) launch() (Process, error) {
	cmd, err := d.spec.command(context.Background()) // the process is to outlive whoever asked for it
	if err != nil {
		return Process{}, err
	}
	output, err := d.openOutput()
	if err != nil {
		return Process{}, err
	}
	defer func() { _ = output.Close() }()
	cmd.Stdout, cmd.Stderr = output, output
	// What this process itself inherited and never asked for must not live on in the daemon.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return Process{}, fmt.Errorf("keep open files from %s: %w", d.spec.Command[0], err)
	}
	if err := cmd.Start(); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", d.spec.Command[0], err)
	}
	pid := cmd.Process.Pid
	_ = cmd.Process.Release() // reaped by watch, found by its PID
	started, err := lookUp(pid)
	if err != nil {
		return Process{}, fmt.Errorf("look at %s just started: %w", d.spec.Command[0], err)
	}
	return started.Process, nil
}

// command prepares the command in a session of its own.
func (s *Spec) command(ctx context.Context) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, s.Command[0], s.Command[1:]...)
	cmd.Dir = s.Directory
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.Env = []string{searchPath}
	if s.Instance != "" {
		cmd.Env = append(cmd.Env, variable+s.Instance)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.User != "" {
		account, err := lookUpAccount(s.User)
		if err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = account.credential
		cmd.Env = append(cmd.Env, account.environment...)
	}
	cmd.Env = append(cmd.Env, s.Environment...)
	return cmd, nil
}

// lock keeps a second process of the plugin from acting at the same time.
func (d *Daemon) lock() (unlock func(), err error) {
	if err := os.MkdirAll(d.spec.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(d.spec.StateDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("take lock: another process of this plugin acts: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

func (d *Daemon) recordPath() string { return filepath.Join(d.spec.StateDir, "process.json") }

// note is what stands in the record. A process of an earlier life of the machine
// has no children any more: what has its session's number now is somebody else's.
type note struct {
	Process
	Boot string `json:"boot"`
}

func (d *Daemon) recorded() (Process, bool) {
	var n note
	data, err := os.ReadFile(d.recordPath())
	if err != nil || json.Unmarshal(data, &n) != nil {
		return Process{}, false
	}
	if n.Boot != bootID() && (n.Boot != "" || !n.Alive()) { // older records name no boot
		return Process{}, false
	}
	return n.Process, true
}

// record is lost at worst: the process is then found by its mark.
func (d *Daemon) record(p Process) {
	data, err := json.Marshal(note{p, bootID()})
	if err == nil {
		next := d.recordPath() + ".new"
		if err = os.WriteFile(next, append(data, '\n'), 0o600); err == nil {
			err = os.Rename(next, d.recordPath())
		}
	}
	if err != nil {
		d.log.WithError(err).Warn("process not recorded")
	}
}

// bootID names this life of the machine, random(4).
func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(bytes.TrimSpace(text))
}

func (d *Daemon) forget() error {
	if err := os.Remove(d.recordPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget process: %w", err)
	}
	return nil
}

// Step is one attempt to end the process.
type Step struct {
	Signal unix.Signal
	// Group sends to the whole process group instead of the main process alone.
	Group bool
	// Wait is how long the main process may take.
	Wait time.Duration
}

// Stop takes the steps one after the other until the main process is gone, and
// then kills without mercy whatever of it is left. ctx bounds the whole.
func (d *Daemon) Stop(ctx context.Context, steps ...Step) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	found, err := d.find()
	if err != nil {
		return err
	}
	for _, step := range steps {
		if !found.Alive || d.gone(ctx, found.Main, step) {
			break
		}
		if errors.Is(ctx.Err(), context.Canceled) { // nobody waits any more, which is no reason to kill
			return fmt.Errorf("stop %s: %w", d.spec.Instance, ctx.Err())
		}
	}
	if err := d.killFamily(ctx, found.Main); err != nil {
		return err
	}
	d.unwatch()
	if err := d.forget(); err != nil {
		return err
	}
	if found.Running() {
		d.log.WithField("pid", found.Main.PID).Info("process stopped")
	}
	return nil
}

// gone takes one step and tells whether the process ended.
func (d *Daemon) gone(ctx context.Context, p Process, step Step) bool {
	err := p.signal(step.Signal)
	if step.Group && p.Alive() { // its PID is its group's number, as long as it lives
		err = unix.Kill(-p.PID, step.Signal)
	}
	if err != nil {
		d.log.WithError(err).WithField("pid", p.PID).Warn("signal not sent")
	}
	ctx, cancel := context.WithTimeout(ctx, step.Wait)
	defer cancel()
	return until(ctx, func() bool { return !p.Alive() })
}

// killFamily ends every process of this instance and waits until none is left: none
// in two looks, for one look passes over the child of a process that forked and ended
// meanwhile; and none of those that were seen, which lose their environment before their
// files when they end.
func (d *Daemon) killFamily(ctx context.Context, last Process) error {
	var left []entry
	var fault error
	none := 0
	if until(ctx, func() bool {
		seen := left
		if left, fault = family(variable+d.spec.Instance, last); fault != nil {
			return true
		}
		left = with(left, seen)
		for _, one := range left {
			if err := one.signal(unix.SIGKILL); err != nil {
				d.log.WithError(err).WithField("pid", one.PID).Warn("signal not sent")
			}
		}
		if none++; len(left) > 0 {
			none = 0
		}
		return none == 2
	}) {
		return fault
	}
	if len(left) == 0 {
		return fmt.Errorf("stop %s: whether processes are left was not seen: %w", d.spec.Instance, ctx.Err())
	}
	return fmt.Errorf("stop %s: %d processes are left, among them %d: %w", d.spec.Instance, len(left), left[0].PID, ctx.Err())
}

// with adds those who were seen before and still live.
func with(now, seen []entry) []entry {
	for _, one := range seen {
		if one.Alive() && !slices.ContainsFunc(now, func(e entry) bool { return e.Process == one.Process }) {
			now = append(now, one)
		}
	}
	return now
}

// until asks for a condition, at short intervals, until it holds or ctx ends.
func until(ctx context.Context, holds func() bool) bool {
	wait := time.Millisecond
	for !holds() {
		if !sdk.Pause(ctx, wait) {
			return holds()
		}
		wait = min(2*wait, 20*time.Millisecond)
	}
	return true
}
