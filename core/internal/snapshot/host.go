package snapshot

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	psnet "github.com/shirou/gopsutil/v4/net"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/api"
)

// filesystemsEvery is how often a sample asks the file systems: they fill slowly,
// and asking a dying disk may take long.
const filesystemsEvery = 10 * time.Second

// Host reads the machine. It keeps what it read last, because CPU use is a
// difference. Its methods are safe for concurrent use.
type Host struct {
	mu    sync.Mutex
	ticks cpu.TimesStat
	used  float64 // of the CPUs, between the last two readings

	kernel kernelLog

	disks      sync.Mutex // held while file systems are asked
	diskValues map[string]float64
	diskAsked  time.Time
}

// NewHost returns a reader of this machine.
func NewHost() *Host {
	h := &Host{}
	h.readCPU()
	return h
}

// readCPU returns the share of all CPUs that was busy since it was called last.
func (h *Host) readCPU() (float64, bool) {
	times, err := cpu.Times(false)
	if err != nil || len(times) == 0 {
		return 0, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now, last := times[0], h.ticks
	all, idle := total(now)-total(last), now.Idle+now.Iowait-last.Idle-last.Iowait
	if all > 0 {
		h.used = min(max((all-idle)/all, 0), 1)
	}
	h.ticks = now
	return h.used, true
}

// total is all time; guests are counted in user and nice already (proc(5)).
func total(t cpu.TimesStat) float64 {
	return t.User + t.Nice + t.System + t.Idle + t.Iowait + t.Irq + t.Softirq + t.Steal
}

// Sample returns the machine's measurements of now by name, in base units, e.g.
// "host/cpu_used_ratio", "network/eth0/sent_bytes_total", "filesystem//var/used_ratio".
// It takes well under a millisecond: it is meant for once a second.
func (h *Host) Sample() map[string]float64 {
	values := map[string]float64{}
	if used, ok := h.readCPU(); ok {
		values["host/cpu_used_ratio"] = used
	}
	if avg, err := load.Avg(); err == nil {
		values["host/load1"] = avg.Load1
	}
	if m, err := mem.VirtualMemory(); err == nil && m.Total > 0 {
		values["host/memory_available_bytes"] = float64(m.Available)
		values["host/memory_used_ratio"] = 1 - float64(m.Available)/float64(m.Total)
		values["host/swap_used_bytes"] = float64(m.SwapTotal - m.SwapFree)
	}
	if counters, err := psnet.IOCounters(true); err == nil {
		for _, c := range counters {
			if c.Name != "lo" {
				values["network/"+c.Name+"/received_bytes_total"] = float64(c.BytesRecv)
				values["network/"+c.Name+"/sent_bytes_total"] = float64(c.BytesSent)
			}
		}
	}
	for name, value := range h.filesystemValues() {
		values[name] = value
	}
	return values
}

// filesystemValues returns what the file systems said last, and starts asking them
// again when that is old; it never waits for them.
func (h *Host) filesystemValues() map[string]float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.diskAsked) >= filesystemsEvery && h.disks.TryLock() {
		h.diskAsked = now
		go func() {
			defer h.disks.Unlock()
			values := map[string]float64{}
			for _, f := range filesystems() {
				if f.GetTotalBytes() > 0 {
					values["filesystem/"+f.GetMount()+"/used_ratio"] = float64(f.GetUsedBytes()) / float64(f.GetTotalBytes())
				}
			}
			h.mu.Lock()
			h.diskValues = values
			h.mu.Unlock()
		}()
	}
	return h.diskValues
}

// host returns the snapshot's account of the machine, made by whichever part comes first.
func hostOf(snap *api.Snapshot) *api.Host {
	if snap.Host == nil {
		snap.Host = &api.Host{}
	}
	return snap.Host
}

// parts are what a snapshot says of the machine. A disk that does not answer costs
// the file systems and nothing else.
func (h *Host) parts() []part {
	return []part{
		{"host", h.basics},
		{"host/filesystems", h.filesystems},
		{"host/interfaces", func(context.Context) (func(*api.Snapshot), error) {
			list, err := interfaces()
			return func(s *api.Snapshot) { hostOf(s).Interfaces = list }, err
		}},
		{"host/kernel_messages", func(ctx context.Context) (func(*api.Snapshot), error) {
			lines, err := h.kernel.last(ctx)
			return func(s *api.Snapshot) { hostOf(s).KernelMessages = lines }, err
		}},
	}
}

func (h *Host) basics(context.Context) (func(*api.Snapshot), error) {
	h.mu.Lock()
	used := h.used
	h.mu.Unlock()
	memory, err := mem.VirtualMemory()
	if err != nil {
		return nil, fmt.Errorf("read memory: %w", err)
	}
	average, err := load.Avg()
	if err != nil {
		return nil, fmt.Errorf("read load: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return nil, fmt.Errorf("read uptime: %w", err)
	}
	kernel, model := kernelVersion(), machineModel()
	return func(s *api.Snapshot) {
		host := hostOf(s)
		host.UptimeSeconds = time.Duration(now.Nano()).Seconds()
		host.CpuUsedRatio = used
		host.Load1 = average.Load1
		host.MemoryTotalBytes = memory.Total
		host.MemoryAvailableBytes = memory.Available
		host.SwapUsedBytes = memory.SwapTotal - memory.SwapFree
		host.Kernel, host.Model = kernel, model
	}, nil
}

func kernelVersion() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func machineModel() string {
	var words []string
	for _, file := range []string{"sys_vendor", "product_name"} {
		if text, err := os.ReadFile("/sys/class/dmi/id/" + file); err == nil {
			words = append(words, strings.TrimSpace(string(text)))
		}
	}
	return strings.Join(words, " ")
}

// interfaces lists all but the loopback.
func interfaces() ([]*api.NetworkInterface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	counters := map[string]psnet.IOCountersStat{}
	if all, err := psnet.IOCounters(true); err == nil {
		for _, c := range all {
			counters[c.Name] = c
		}
	}
	var out []*api.NetworkInterface
	for _, i := range list {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		n := &api.NetworkInterface{Name: i.Name, Up: i.Flags&net.FlagUp != 0, Carrier: i.Flags&net.FlagRunning != 0}
		if addresses, err := i.Addrs(); err == nil {
			for _, a := range addresses {
				n.Addresses = append(n.Addresses, a.String())
			}
		}
		c := counters[i.Name]
		n.ReceivedBytes, n.SentBytes, n.Errors = c.BytesRecv, c.BytesSent, c.Errin+c.Errout
		out = append(out, n)
	}
	return out, nil
}
