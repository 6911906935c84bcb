// Package sandbox runs a package's tests in namespaces of their own, so that
// processes, mounts and addresses that a test makes are seen by nobody else and
// go with it, however it ends. Only tests import it.
package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// marker tells the tests' second self that it is inside.
const marker = "STOREWARD_TEST_SANDBOX"

// The namespaces that tests may want.
const (
	Network   = unix.CLONE_NEWNET
	Mounts    = unix.CLONE_NEWNS
	Processes = unix.CLONE_NEWNS | unix.CLONE_NEWPID
)

// Main is a TestMain: it runs the tests once more, inside. Without root it runs
// them where they are, and those that call Need are skipped.
func Main(m *testing.M, namespaces uintptr) {
	switch {
	case os.Geteuid() != 0:
		os.Exit(m.Run())
	case os.Getenv(marker) != "":
		if err := furnish(namespaces); err != nil {
			fmt.Fprintln(os.Stderr, "furnish the sandbox:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if err := again(namespaces); err != nil {
		fmt.Fprintln(os.Stderr, "tests in a sandbox:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func again(namespaces uintptr) error {
	runtime.LockOSThread() // Pdeathsig goes by thread
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// furnish keeps mounts private and shows the new process namespace in /proc.
func furnish(namespaces uintptr) error {
	if namespaces&unix.CLONE_NEWNS != 0 {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make mounts private: %w", err)
		}
	}
	if namespaces&unix.CLONE_NEWPID != 0 {
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("mount proc: %w", err)
		}
	}
	if namespaces&unix.CLONE_NEWNET != 0 {
		if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}); err != nil {
			return fmt.Errorf("switch on loopback: %w", err)
		}
	}
	return nil
}

// Need skips a test that cannot run outside.
func Need(t *testing.T) {
	t.Helper()
	if os.Getenv(marker) == "" {
		t.Skip("needs root, to make namespaces")
	}
}
