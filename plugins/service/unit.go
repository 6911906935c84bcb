package service

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"

	"github.com/coreos/go-systemd/v22/dbus"
)

// manager is what is needed of systemd's D-Bus interface, org.freedesktop.systemd1(5).
type manager interface {
	StartUnitContext(ctx context.Context, name, mode string, result chan<- string) (int, error)
	StopUnitContext(ctx context.Context, name, mode string, result chan<- string) (int, error)
	ResetFailedUnitContext(ctx context.Context, name string) error
	GetUnitPropertyContext(ctx context.Context, unit, name string) (*dbus.Property, error)
	GetUnitTypePropertyContext(ctx context.Context, unit, unitType, name string) (*dbus.Property, error)
	Close()
}

func systemd(ctx context.Context) (manager, error) {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	return conn, nil
}

// unit asks systemd, with a connection for each question: it may be restarted at any time.
type unit struct {
	name    string
	connect func(context.Context) (manager, error)
}

func (u *unit) start(ctx context.Context) (fresh bool, err error) {
	conn, err := u.connect(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	// A unit that failed too often is refused until its failures are forgotten; counting them is the cluster's task.
	_ = conn.ResetFailedUnitContext(ctx, u.name)
	return true, job(ctx, u.name, conn.StartUnitContext)
}

func (u *unit) stop(ctx context.Context) error {
	conn, err := u.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if missing(ctx, conn, u.name) {
		return nil
	}
	if err := job(ctx, u.name, conn.StopUnitContext); err != nil {
		return err
	}
	return stopped(ctx, conn, u.name)
}

// missing tells that systemd knows no such unit and runs none: a unit whose file was
// removed, with its package perhaps, may still be active.
func missing(ctx context.Context, conn manager, name string) bool {
	loaded, err := text(ctx, conn, name, "LoadState")
	return err == nil && loaded == "not-found" && stopped(ctx, conn, name) == nil
}

// stopped makes sure that the unit neither runs nor is about to.
func stopped(ctx context.Context, conn manager, name string) error {
	now, err := look(ctx, conn, name)
	if err == nil && now.running {
		err = fmt.Errorf("stop %s: %s", name, now.message)
	}
	return err
}

// job waits until systemd has carried out what it was asked.
func job(ctx context.Context, name string, ask func(context.Context, string, string, chan<- string) (int, error)) error {
	result := make(chan string, 1)
	if _, err := ask(ctx, name, "replace", result); err != nil {
		return fmt.Errorf("ask systemd about %s: %w", name, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for systemd's job on %s: %w", name, ctx.Err())
	case outcome := <-result:
		if outcome != "done" {
			return fmt.Errorf("systemd's job on %s ended as %q", name, outcome)
		}
		return nil
	}
}

func (u *unit) find(ctx context.Context) (found, error) {
	conn, err := u.connect(ctx)
	if err != nil {
		return found{}, err
	}
	defer conn.Close()
	return look(ctx, conn, u.name)
}

// look reads what runs of a unit.
func look(ctx context.Context, conn manager, name string) (found, error) {
	active, err := text(ctx, conn, name, "ActiveState")
	if err != nil {
		return found{}, err
	}
	sub, err := text(ctx, conn, name, "SubState")
	if err != nil {
		return found{}, err
	}
	now := found{pid: mainPID(ctx, conn, name), message: name + " is " + active + " (" + sub + ")"}
	switch active {
	case "active", "reloading", "refreshing":
		now.running = true
	case "activating", "deactivating":
		now.running, now.starting = true, true
	case "inactive", "failed":
		// A job that still waits, for a device or another unit, starts it at any
		// time: until somebody stops it, it counts as running.
		waiting, err := pending(ctx, conn, name)
		if err != nil {
			return found{}, err
		}
		if waiting {
			now.running, now.starting = true, true
			now.message += ", and systemd has a job on it that waits"
		}
	default:
		return found{}, fmt.Errorf("read ActiveState of %s: what %q means is not known", name, active)
	}
	if now.pid > 0 {
		now.message += ", process " + strconv.Itoa(now.pid)
	}
	return now, nil
}

// pending tells whether systemd has a job on the unit that has not ended: the
// property Job, (uo), holds its number.
func pending(ctx context.Context, conn manager, name string) (bool, error) {
	p, err := conn.GetUnitPropertyContext(ctx, name, "Job")
	if err != nil {
		return false, fmt.Errorf("read Job of %s: %w", name, err)
	}
	job, ok := p.Value.Value().([]any)
	if !ok || len(job) == 0 {
		return false, fmt.Errorf("read Job of %s: it is no job", name)
	}
	number, ok := job[0].(uint32)
	if !ok {
		return false, fmt.Errorf("read Job of %s: its number is none", name)
	}
	return number != 0, nil
}

func text(ctx context.Context, conn manager, name, property string) (string, error) {
	p, err := conn.GetUnitPropertyContext(ctx, name, property)
	if err != nil {
		return "", fmt.Errorf("read %s of %s: %w", property, name, err)
	}
	value, ok := p.Value.Value().(string)
	if !ok {
		return "", fmt.Errorf("read %s of %s: it is no text", property, name)
	}
	return value, nil
}

// mainPID returns 0 where the unit has no main process.
func mainPID(ctx context.Context, conn manager, name string) int {
	p, err := conn.GetUnitTypePropertyContext(ctx, name, "Service", "MainPID")
	if err != nil {
		return 0
	}
	pid, _ := p.Value.Value().(uint32)
	return int(pid)
}

// lastLines asks journalctl: the journal's file format has no reader without cgo.
func (u *unit) lastLines(ctx context.Context, n int) string {
	out, err := exec.CommandContext(ctx, "journalctl", "--no-pager", "--quiet", "--unit", u.name, "--lines", strconv.Itoa(n)).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

func (u *unit) close() {}
