package watchdog

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// What is written feeds a watchdog; magic, written last, lets it be closed without a
// reset (WDIOF_MAGICCLOSE).
const (
	food  = "\x00"
	magic = "V"
)

// file is a watchdog that was opened, which arms it.
type file struct {
	*os.File

	pipe   bool
	always bool // nowayout: nothing disarms it
}

// Open arms the watchdog at path with a timeout of whole seconds. It is the kernel's
// (uapi/linux/watchdog.h, Documentation/watchdog/watchdog-api.rst), or a named pipe to
// a program that stands in for one: what is written means to it what it means to the
// kernel, and the timeout is its own.
func Open(path string, timeout time.Duration, log logrus.FieldLogger) (Device, error) {
	info, err := os.Stat(path) // to open one only to look at it would arm it
	if err != nil {
		return nil, fmt.Errorf("open watchdog: %w: load the driver of this machine's watchdog, or take watchdog out of the configuration", err)
	}
	pipe := info.Mode()&os.ModeNamedPipe != 0
	if !pipe && info.Mode()&os.ModeCharDevice == 0 {
		return nil, fmt.Errorf("open watchdog: %s is none: name the kernel's, usually /dev/watchdog", path)
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("open watchdog %s: another program holds it: switch that off, e.g. RuntimeWatchdogSec of systemd", path)
	case errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("open watchdog %s: nothing is behind it: start what stands in for a watchdog", path)
	case err != nil:
		return nil, fmt.Errorf("open watchdog %s: %w", path, err)
	}
	f := &file{File: os.NewFile(uintptr(fd), path), pipe: pipe}
	if pipe {
		return f, nil
	}
	if f.always = noWayOut(fd); f.always {
		log.Warn("the watchdog cannot be disarmed (nowayout): the machine is reset once the daemon is stopped for longer than its timeout")
	}
	if err := f.arm(timeout); err != nil {
		return nil, errors.Join(fmt.Errorf("arm watchdog %s: %w", path, err), f.Close(true))
	}
	return f, nil
}

// arm sets the timeout and reads back what the device made of it.
func (f *file) arm(timeout time.Duration) error {
	fd, want := int(f.Fd()), int(timeout/time.Second)
	about, err := unix.IoctlGetWatchdogInfo(fd)
	if err != nil {
		return fmt.Errorf("it does not answer as a watchdog: %w", err)
	}
	if about.Options&unix.WDIOF_SETTIMEOUT != 0 {
		if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, want); err != nil {
			return fmt.Errorf("it refuses a timeout of %v: %w", timeout, err)
		}
	}
	got, err := unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT)
	if err != nil {
		return fmt.Errorf("read its timeout: %w", err)
	}
	if got != want {
		return fmt.Errorf("its timeout (%s) is %d s and cannot be %v: write one that it takes", strings.TrimRight(string(about.Identity[:]), "\x00"), got, timeout)
	}
	return nil
}

// noWayOut reads what sysfs tells of the device; unknown: it can be disarmed.
func noWayOut(fd int) bool {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/char/%d:%d/nowayout", unix.Major(stat.Rdev), unix.Minor(stat.Rdev)))
	return err == nil && strings.TrimSpace(string(text)) == "1"
}

// Feed implements Device.
func (f *file) Feed() error {
	_, err := f.WriteString(food)
	return err
}

// Hasten asks for the shortest timeout there is. Some devices take no other than the
// one they have, and a pipe has no word for it: then that one runs out.
func (f *file) Hasten() error {
	if f.pipe {
		return nil
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, 1)
}

// Close implements Device. What nothing disarms is fed once more instead, so that a
// daemon which is only restarted has the whole timeout to come back.
func (f *file) Close(disarm bool) error {
	var err error
	switch {
	case disarm && f.always:
		err = f.Feed()
	case disarm:
		_, err = f.WriteString(magic)
	}
	return errors.Join(err, f.File.Close())
}
