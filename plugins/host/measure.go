package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	gonet "github.com/shirou/gopsutil/v4/net"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// maxParts bounds how many file systems and interfaces are measured.
const maxParts = 32

func (h *instance) processors(ctx context.Context, r *report) error {
	average, err := load.AvgWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read load: %w", err)
	}
	r.values["load1"], r.values["load5"] = average.Load1, average.Load5
	perProcessor := average.Load1 / float64(runtime.NumCPU())
	r.over(h.cfg.Warn.Load, perProcessor, "the load is %.1f for each processor", perProcessor)
	r.lines = append(r.lines, fmt.Sprintf("load %.2f %.2f %.2f on %d processors", average.Load1, average.Load5, average.Load15, runtime.NumCPU()))
	return h.processorTime(ctx, r)
}

// reading is what the kernel counted of the processors' time.
type reading struct {
	at    time.Duration
	times cpu.TimesStat
}

// processorTime compares with the probe before; the first one has nothing to say.
func (h *instance) processorTime(ctx context.Context, r *report) error {
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(times) == 0 {
		return fmt.Errorf("read processor times: %w", err)
	}
	before, begin := h.remember(reading{at: sdk.Monotonic(), times: times[0]})
	used, wait, steal, ok := shares(before.times, times[0])
	if !ok {
		return nil
	}
	r.values["cpu_used_ratio"], r.values["cpu_iowait_ratio"], r.values["cpu_steal_ratio"] = used, wait, steal
	if busy, _, _, ok := shares(begin.times, times[0]); ok {
		r.over(h.cfg.Warn.CPU, busy, "the processors have been %.0f %% busy for %s", busy*100, spoken.Duration(h.cfg.Warn.BusyFor.Std()))
	}
	r.lines = append(r.lines, fmt.Sprintf("processors %.0f %% busy, %.0f %% waiting for disks, %.0f %% stolen", used*100, wait*100, steal*100))
	return nil
}

// remember keeps a reading. It returns the one before it, and the newest that
// is at least BusyFor old: empty ones where there are none.
func (h *instance) remember(now reading) (before, begin reading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.past); n > 0 {
		before = h.past[n-1]
	}
	old := 0
	for old < len(h.past) && now.at-h.past[old].at >= h.cfg.Warn.BusyFor.Std() {
		old++
	}
	if old > 0 {
		begin = h.past[old-1]
		h.past = h.past[old-1:]
	}
	h.past = append(h.past, now)
	if len(h.past) > maxReadings {
		h.past = append(h.past[:0:0], h.past[len(h.past)-maxReadings/2:]...)
	}
	return before, begin
}

// maxReadings bounds how many readings are remembered, however often one asks.
const maxReadings = 1024

// shares returns the ratios of the time between two readings, proc(5), /proc/stat.
// User time contains guest time already.
func shares(before, now cpu.TimesStat) (used, wait, steal float64, ok bool) {
	sum := func(t cpu.TimesStat) float64 {
		return t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
	}
	total := sum(now) - sum(before)
	if sum(before) == 0 || total <= 0 {
		return 0, 0, 0, false
	}
	ratio := func(a, b float64) float64 { return min(1, max(0, (b-a)/total)) }
	idle := ratio(before.Idle+before.Iowait, now.Idle+now.Iowait)
	return 1 - idle, ratio(before.Iowait, now.Iowait), ratio(before.Steal, now.Steal), true
}

func (h *instance) memory(ctx context.Context, r *report) error {
	ram, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read memory: %w", err)
	}
	used := 1 - part(ram.Available, ram.Total)
	r.values["memory_total_bytes"], r.values["memory_available_bytes"], r.values["memory_used_ratio"] = float64(ram.Total), float64(ram.Available), used
	r.over(h.cfg.Warn.Memory, used, "memory is %.0f %% in use", used*100)
	swap := 0.0
	if ram.SwapTotal > 0 {
		swap = 1 - part(ram.SwapFree, ram.SwapTotal)
		r.values["swap_used_ratio"] = swap
		r.over(h.cfg.Warn.Swap, swap, "swap is %.0f %% in use", swap*100)
	}
	r.lines = append(r.lines, fmt.Sprintf("memory %d MiB, %d MiB available, swap %.0f %% in use", ram.Total>>20, ram.Available>>20, swap*100))
	return nil
}

func part(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (h *instance) filesystems(ctx context.Context, r *report) error {
	mounts, err := h.mounts(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, mount := range mounts {
		usage, err := h.disk.of(ctx, mount)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		space, inodes := part(usage.Used, usage.Used+usage.Free), part(usage.InodesUsed, usage.InodesTotal)
		name := "filesystem_" + fieldName(mount)
		r.values[name+"_used_ratio"], r.values[name+"_free_bytes"], r.values[name+"_inodes_used_ratio"] = space, float64(usage.Free), inodes
		r.over(h.cfg.Warn.Filesystem, space, "%s is %.0f %% full", mount, space*100)
		r.over(h.cfg.Warn.Inodes, inodes, "%s has used %.0f %% of its inodes", mount, inodes*100)
		r.lines = append(r.lines, fmt.Sprintf("%s %.1f %% full, %d MiB free", mount, space*100, usage.Free>>20))
	}
	return errors.Join(faults...)
}

func (h *instance) mounts(ctx context.Context) ([]string, error) {
	if len(h.cfg.Mounts) > 0 {
		return h.cfg.Mounts, nil
	}
	partitions, err := disk.PartitionsWithContext(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("list file systems: %w", err)
	}
	var mounts, devices []string
	for _, p := range partitions {
		// A device mounted twice has one space; images that are full by their nature have none.
		if slices.Contains(devices, p.Device) || p.Fstype == "squashfs" || p.Fstype == "iso9660" {
			continue
		}
		devices, mounts = append(devices, p.Device), append(mounts, p.Mountpoint)
	}
	return mounts[:min(len(mounts), maxParts)], nil
}

// space asks file systems for their usage. statfs(2) hangs with the disk or the
// server below it: the caller goes on, and nobody asks again until it answered.
type space struct {
	mu      sync.Mutex
	pending map[string]bool
}

func (s *space) of(ctx context.Context, mount string) (*disk.UsageStat, error) {
	type answer struct {
		usage *disk.UsageStat
		err   error
	}
	if !s.begin(mount) {
		return nil, fmt.Errorf("read space of %s: the question before has no answer yet", mount)
	}
	done := make(chan answer, 1)
	go func() {
		defer s.end(mount)
		usage, err := disk.Usage(mount)
		done <- answer{usage, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, fmt.Errorf("read space of %s: %w", mount, a.err)
		}
		return a.usage, nil
	case <-ctx.Done():
		s.hang(mount)
		select {
		case <-done: // it answered meanwhile
			s.end(mount)
		default:
		}
		return nil, fmt.Errorf("read space of %s: %w", mount, ctx.Err())
	}
}

// begin refuses a file system that hangs.
func (s *space) begin(mount string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.pending[mount]
}

func (s *space) hang(mount string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[mount] = true
}

func (s *space) end(mount string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, mount)
}

func (h *instance) network(ctx context.Context, r *report) error {
	counters, err := gonet.IOCountersWithContext(ctx, true)
	if err != nil {
		return fmt.Errorf("read network counters: %w", err)
	}
	measured := 0
	for _, c := range counters {
		if measured == maxParts || !h.wanted(c.Name) {
			continue
		}
		measured++
		name := "network_" + fieldName(c.Name)
		r.values[name+"_received_bytes_total"], r.values[name+"_sent_bytes_total"] = float64(c.BytesRecv), float64(c.BytesSent)
		r.values[name+"_errors_total"] = float64(c.Errin + c.Errout)
		r.values[name+"_dropped_total"] = float64(c.Dropin + c.Dropout)
		r.lines = append(r.lines, fmt.Sprintf("%s received %d bytes, sent %d, errors %d, dropped %d", c.Name, c.BytesRecv, c.BytesSent, c.Errin+c.Errout, c.Dropin+c.Dropout))
	}
	return nil
}

// wanted leaves out the machine's talk with itself and the inner ends of bridges.
func (h *instance) wanted(name string) bool {
	if len(h.cfg.Interfaces) > 0 {
		return slices.Contains(h.cfg.Interfaces, name)
	}
	iface, err := net.InterfaceByName(name)
	if err != nil || iface.Flags&net.FlagLoopback != 0 {
		return false
	}
	addresses, err := iface.Addrs()
	return err == nil && len(addresses) > 0
}

// fieldName makes a path or name a part of a measurement's name: "/" is root, "/var/lib" is var_lib.
func fieldName(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, strings.Trim(text, "/"))
	if name == "" {
		return "root"
	}
	return name
}
