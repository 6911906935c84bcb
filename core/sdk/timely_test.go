package sdk

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The monitor is no thread on which goroutines run: none of those that this
// process can be made to run one on.
func TestRelaxMonitor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	tasks, err := os.Open("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	defer tasks.Close()
	monitor, err := relaxMonitor(tasks)
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("SKIPPED: needs CAP_SYS_NICE: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if monitor == unix.Getpid() {
		t.Fatal("took the main thread for the runtime's monitor")
	}
	slack, err := os.ReadFile("/proc/" + strconv.Itoa(monitor) + "/timerslack_ns")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(slack)); got != "1000000" {
		t.Errorf("the monitor may nap %s ns longer, want 1000000", got)
	}
	if nice, err := unix.Getpriority(unix.PRIO_PROCESS, monitor); err != nil || nice != 40 { // the system call's 20-nice
		t.Errorf("the monitor's niceness is %d (%v), want -20", 20-nice, err)
	}
	threads := make(chan int)
	const many = 50
	done := make(chan none)
	for range many {
		go func() {
			runtime.LockOSThread()
			threads <- unix.Gettid()
			<-done
		}()
	}
	for range many {
		if thread := <-threads; thread == monitor {
			t.Error("a goroutine runs on the thread taken for the monitor")
		}
	}
	close(done)
}
