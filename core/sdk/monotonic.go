package sdk

import (
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic returns CLOCK_MONOTONIC as the time since the machine booted
// (without time spent suspended). All processes and namespaces of one kernel
// read the same clock, so a plugin's time stamps can be compared with the
// core's. No step of the wall clock touches it.
func Monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic("read CLOCK_MONOTONIC: " + err.Error()) // cannot happen on Linux
	}
	return time.Duration(now.Nano())
}

// UntilTick is the time until CLOCK_MONOTONIC is a multiple of every again. Work
// that is done regularly, and does not care at which moment, is begun then by all
// processes of a node: waking a processor costs more than most of that work.
func UntilTick(every time.Duration) time.Duration {
	return every - Monotonic()%every
}
