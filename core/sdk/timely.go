package sdk

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// EnvRealtime names the environment variable by which the host asks a plugin to
// run under SCHED_RR; its value is the priority, 1 to 99.
const EnvRealtime = "STOREWARD_REALTIME"

// threadScan is how often new threads of the process are looked for. A thread at
// normal priority that holds a lock of the runtime keeps all the others waiting,
// on a busy machine for as long as a second.
const threadScan = 100 * time.Millisecond

// Timely puts every thread of this process under SCHED_RR at the priority and
// locks its memory as it is touched. RESET_ON_FORK keeps children, and whatever a
// plugin starts, at normal priority; as it does the same to threads that the Go
// runtime makes later, those are found ten times a second until stop is called. The
// error says what was not allowed; the process then runs on at normal priority.
// A wish in the environment, not a need: nothing may depend on it.
func Timely(priority int) (stop func(), err error) {
	if priority < 1 || priority > 99 {
		return func() {}, fmt.Errorf("real-time priority %d: want 1 to 99", priority)
	}
	seen := map[int]bool{}
	if err := raiseThreads(priority, seen); err != nil {
		return func() {}, err
	}
	done := make(chan none)
	go func() {
		ticker := time.NewTicker(threadScan)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				_ = raiseThreads(priority, seen) // it was allowed a moment ago
			}
		}
	}()
	return func() { close(done) }, lockMemory()
}

// raiseThreads raises the threads that are not in seen and forgets those that ended.
func raiseThreads(priority int, seen map[int]bool) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	alive := make(map[int]bool, len(tasks))
	for _, task := range tasks {
		thread, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		alive[thread] = true
		if seen[thread] {
			continue
		}
		attr := &unix.SchedAttr{
			Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR,
			Priority: uint32(priority), //nolint:gosec // 1 to 99
			Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		}
		err = unix.SchedSetAttr(thread, attr, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it ended meanwhile
		}
		if err != nil {
			return fmt.Errorf("set SCHED_RR: %w", err)
		}
		seen[thread] = true
	}
	for thread := range seen {
		if !alive[thread] {
			delete(seen, thread)
		}
	}
	return nil
}

// lockMemory keeps touched pages in memory. MCL_ONFAULT: a Go process reserves
// far more than it touches, and locking the reservation would cost tens of MiB.
// Where the limit on locked memory applies, MCL_FUTURE would turn the reservations
// of the Go runtime into crashes, so it is left out there.
func lockMemory() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("read limit of locked memory: %w", err)
	}
	if limit.Cur != unix.RLIM_INFINITY && !mayLockMemory() {
		return errors.New("lock memory: the limit on locked memory is too low")
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}

// mayLockMemory tells whether CAP_IPC_LOCK is effective: the limit then does not apply.
func mayLockMemory() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}
