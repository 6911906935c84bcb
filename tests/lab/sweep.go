package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Down takes down the lab of that name, whoever runs it: asked politely where
// its process lives, else by removing what a crash left behind.
func Down(ctx context.Context, name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("lab name %q: lower case letters and digits, at most 12, a letter first", name)
	}
	if client, err := Connect(name); err == nil {
		if err := client.Down(ctx); err == nil {
			return waitForLock(ctx, name)
		}
	}
	lock, err := takeLock(name)
	if err != nil {
		return err
	}
	defer lock.Close()
	return errors.Join(sweep(name), forget(name))
}

// waitForLock waits until the lab's own process has let go.
func waitForLock(ctx context.Context, name string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(runDir(name)); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lab %s is not down: %w", name, ctx.Err())
		case <-tick.C:
		}
	}
}

// sweep removes everything that carries the lab's name: processes in its
// namespaces, the namespaces, its disks. The caller holds the lock.
func sweep(name string) error {
	names, err := filepath.Glob(filepath.Join(namedSpaces, spacePrefix(name)+"*"))
	if err != nil {
		return err
	}
	errs := []error{killInside(names)}
	for _, path := range names {
		errs = append(errs, removeSpace(filepath.Base(path)))
	}
	errs = append(errs, os.RemoveAll(dataDir(name)), os.RemoveAll(sharedDir(name)))
	if err := os.Remove(controlSocket(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	// The parents go with the last lab; they stay while another one uses them.
	_ = os.Remove(filepath.Dir(dataDir(name)))
	_ = os.Remove(filepath.Dir(sharedDir(name)))
	return errors.Join(errs...)
}

// forget removes the folder with the lock itself; the caller lets go of it afterwards.
func forget(name string) error {
	err := os.RemoveAll(runDir(name))
	_ = os.Remove(filepath.Dir(runDir(name)))
	return err
}

// killInside kills every process whose network namespace is one of the named
// ones, each by its id, and waits until they are gone.
func killInside(names []string) error {
	inside := map[uint64]bool{}
	for _, path := range names {
		var info unix.Stat_t
		if err := unix.Stat(path, &info); err == nil {
			inside[info.Ino] = true
		}
	}
	if len(inside) == 0 {
		return nil
	}
	deadline := time.Now().Add(5 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		err := everyProcess(func(pid int) {
			space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
			var inode uint64
			if _, scanErr := fmt.Sscanf(strings.TrimPrefix(space, "net:"), "[%d]", &inode); err != nil || scanErr != nil || !inside[inode] {
				return
			}
			if pid != os.Getpid() {
				left++
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		})
		if err != nil || left == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of the lab cannot be killed", left)
		}
		<-tick.C
	}
}
