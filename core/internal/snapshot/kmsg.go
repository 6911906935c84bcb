package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// kernelLines is how many of the kernel's last messages a snapshot holds.
const kernelLines = 50

// kernelLog reads the kernel's messages. It stays open and reads each of them once.
type kernelLog struct {
	mu    sync.Mutex
	fd    int // 0: not open
	lines []string
}

// last returns the kernel's last messages, oldest first, as dmesg(1) prints them.
// It never waits for a new one.
func (k *kernelLog) last(ctx context.Context) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fd == 0 {
		fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open /dev/kmsg: %w", err)
		}
		k.fd = fd
	}
	buffer := make([]byte, 8192)
	for ctx.Err() == nil {
		n, err := unix.Read(k.fd, buffer)
		switch {
		case errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINTR):
			continue // the kernel overwrote what was next; the next read goes on after it
		case errors.Is(err, unix.EAGAIN) || n == 0 && err == nil:
			return slices.Clone(k.lines), nil
		case err != nil:
			return slices.Clone(k.lines), fmt.Errorf("read /dev/kmsg: %w", err)
		}
		if line := parseKernelMessage(string(buffer[:n])); line != "" {
			if len(k.lines) == kernelLines {
				k.lines = append(k.lines[:0], k.lines[1:]...)
			}
			k.lines = append(k.lines, line)
		}
	}
	return slices.Clone(k.lines), ctx.Err()
}

// parseKernelMessage turns "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT" (kernel
// documentation, ABI/testing/dev-kmsg) into "[SECONDS] TEXT".
func parseKernelMessage(record string) string {
	head, text, ok := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return ""
	}
	micros, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n") // keys and values follow on further lines
	return fmt.Sprintf("[%d.%06d] %s", micros/1e6, micros%1e6, text)
}
