package sdk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EnvRealtime names the environment variable by which the host asks a plugin to
// run under SCHED_RR; its value is the priority, 1 to 99.
const EnvRealtime = "STOREWARD_REALTIME"

const (
	// spareThreads are made at the start, so that whatever keeps many threads busy
	// later finds them made, and at the priority. A thread at normal priority that
	// holds a lock of the runtime keeps all the others waiting, on a busy machine
	// for as long as a second.
	spareThreads = 12
	// threadScan is how often the threads of the process are counted, and looked
	// through when their number changed, for the case that the spare ones were too few.
	threadScan = time.Second
	// scansUnseen is after how many counts without a change the threads are looked
	// through all the same: one may have ended when another began.
	scansUnseen = 10
)

// Timely puts every thread of this process under SCHED_RR at the priority and
// locks its memory as it is touched. RESET_ON_FORK keeps children, and whatever a
// plugin starts, at normal priority; as it does the same to threads that the Go
// runtime makes later, enough of them are made beforehand, and later ones are
// looked for every second until stop is called. The error says what was not
// allowed; the process then runs on at normal priority. A wish in the environment,
// not a need: nothing may depend on it.
func Timely(priority int) (stop func(), err error) {
	if priority < 1 || priority > 99 {
		return func() {}, fmt.Errorf("real-time priority %d: want 1 to 99", priority)
	}
	tasks, err := os.Open("/proc/self/task")
	if err != nil {
		return func() {}, fmt.Errorf("list threads: %w", err)
	}
	makeThreads(spareThreads)
	seen := map[int]bool{}
	if err := raiseThreads(priority, seen); err != nil {
		return func() {}, errors.Join(err, tasks.Close())
	}
	done := make(chan none)
	go func() {
		defer tasks.Close()
		watchThreads(done, tasks.Fd(), func() { _ = raiseThreads(priority, seen) }) // it was allowed a moment ago
	}()
	return func() { close(done) }, lockMemory()
}

// makeThreads has the runtime make at least n threads, which it then keeps: every
// goroutine that is locked to its thread needs one of its own.
func makeThreads(n int) {
	var all, made sync.WaitGroup
	made.Add(n)
	enough := make(chan none)
	for range n {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			made.Done()
			<-enough
		})
	}
	made.Wait()
	close(enough)
	all.Wait()
}

// watchThreads calls look whenever there may be new threads, until done is closed.
func watchThreads(done <-chan none, folder uintptr, look func()) {
	due := time.NewTimer(UntilTick(threadScan))
	defer due.Stop()
	for counted, unseen := -1, 0; ; unseen++ {
		select {
		case <-done:
			return
		case <-due.C:
		}
		due.Reset(UntilTick(threadScan))
		if n := countThreads(folder); n < 0 || n != counted || unseen >= scansUnseen {
			look()
			counted, unseen = n, 0
		}
	}
}

// countThreads reads the number of threads off the link count of the folder that
// lists them (procfs counts two more); -1: it cannot be told. Listing them costs a
// hundred times as much. The call never blocks, so that the runtime need not be
// told of it either.
func countThreads(folder uintptr) int {
	var stat unix.Stat_t
	if _, _, fault := unix.RawSyscall(unix.SYS_FSTAT, folder, uintptr(unsafe.Pointer(&stat)), 0); fault != 0 || stat.Nlink < 3 {
		return -1
	}
	return int(stat.Nlink) - 2 //nolint:gosec // a number of threads
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
