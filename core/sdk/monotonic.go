package sdk

import (
	"context"
	"time"
	_ "unsafe" // for go:linkname
)

// Monotonic returns CLOCK_MONOTONIC as the time since the machine booted
// (without time spent suspended). All processes and namespaces of one kernel
// read the same clock, so a plugin's time stamps can be compared with the
// core's. No step of the wall clock touches it.
func Monotonic() time.Duration { return time.Duration(nanotime()) }

// nanotime is the runtime's own reading of CLOCK_MONOTONIC, without a system call
// where the kernel has it in its vDSO. Package time offers only differences of it.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// UntilTick is the time until CLOCK_MONOTONIC is a multiple of every again. Work
// that is done regularly, and does not care at which moment, is begun then by all
// processes of a node: waking a processor costs more than most of that work.
func UntilTick(every time.Duration) time.Duration {
	return every - Monotonic()%every
}

// Pause waits, and tells whether ctx lets its caller go on: never once ctx has ended,
// be it at the very moment at which the time was up.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
