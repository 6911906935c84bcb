package findings

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/api"
)

const (
	memoryExhausted = .02 // of all memory still available
	memoryLow       = .10
	diskFull        = .99
	diskNearlyFull  = .90
	cpuBusy         = .95
	cpuShare        = .8 // of the seconds looked at
	cpuSeconds      = 60
	cpuLeast        = 10 // samples without which nothing is said
	nearLimit       = .9
	kernelMemory    = 3600 // seconds
)

// machine looks at memory and file systems.
func (d *drawer) machine(s *api.Snapshot) {
	h := s.GetHost()
	if total := h.GetMemoryTotalBytes(); total > 0 {
		free := float64(h.GetMemoryAvailableBytes()) / float64(total)
		switch {
		case free < memoryExhausted:
			d.add(MemoryExhausted, major, .7, fmt.Sprintf("%s has %s of its memory left", s.GetNode(), percent(free)), path(s, "host/memory_available_bytes"))
		case free < memoryLow:
			d.add(MemoryLow, warning, .9, fmt.Sprintf("%s has %s of its memory left", s.GetNode(), percent(free)), path(s, "host/memory_available_bytes"))
		}
	}
	for _, f := range h.GetFilesystems() {
		if f.GetTotalBytes() == 0 {
			continue
		}
		used := float64(f.GetUsedBytes()) / float64(f.GetTotalBytes())
		text := fmt.Sprintf("%s on %s is %s full", f.GetMount(), s.GetNode(), percent(used))
		switch {
		case used >= diskFull:
			d.add(DiskFull, major, 1, text, path(s, "host/filesystems", f.GetMount()))
		case used >= diskNearlyFull:
			d.add(DiskNearlyFull, warning, 1, text, path(s, "host/filesystems", f.GetMount()))
		}
	}
}

// kernelSigns are what the kernel says when something of the machine fails.
var kernelSigns = []struct {
	words      []string // any of them
	kind       string
	severity   api.Severity
	confidence float64
	text       string
}{
	{[]string{"Out of memory: Killed process", "oom-kill:", "invoked oom-killer", "Memory cgroup out of memory"}, MemoryExhausted, major, .95, "the kernel of %s killed a process for want of memory"},
	{[]string{"Remounting filesystem read-only", "remounting filesystem read-only", "Filesystem has been set read-only", "Corruption of in-memory data"}, FilesystemRO, critical, .95, "a file system of %s went read-only"},
	{[]string{"I/O error, dev ", "critical medium error", "Unrecovered read error", "Buffer I/O error on dev"}, DiskFailing, major, .85, "a disk of %s reports errors"},
	{[]string{"soft lockup", "hard LOCKUP", "blocked for more than", "rcu_sched detected stalls", "rcu_preempt detected stalls"}, NodeStalled, major, .8, "the kernel of %s reports a stall"},
}

// kernel looks for known words in the kernel's messages of the last hour.
func (d *drawer) kernel(s *api.Snapshot) {
	for i, line := range s.GetHost().GetKernelMessages() {
		if old(line, s.GetHost().GetUptimeSeconds()) {
			continue
		}
		for _, sign := range kernelSigns {
			if slices.ContainsFunc(sign.words, func(w string) bool { return strings.Contains(line, w) }) {
				d.add(sign.kind, sign.severity, sign.confidence, fmt.Sprintf(sign.text, s.GetNode()), path(s, fmt.Sprintf("host/kernel_messages[%d]", i)))
			}
		}
	}
}

// old tells whether a message "[SECONDS] TEXT" is too old to bear on the incident.
func old(line string, uptime float64) bool {
	stamp, _, ok := strings.Cut(strings.TrimPrefix(line, "["), "]")
	at, err := strconv.ParseFloat(strings.TrimSpace(stamp), 64)
	return ok && err == nil && uptime-at > kernelMemory
}

// flight looks at the minute before the incident in the recorder's samples.
func (d *drawer) flight(s *api.Snapshot) {
	opened := d.Incident.GetOpened().AsTime()
	var seen, busy, starved int
	for _, sample := range s.GetFlight() {
		at := sample.GetTime().AsTime()
		if at.After(opened) || opened.Sub(at) > cpuSeconds*time.Second {
			continue
		}
		if used, ok := sample.GetValues()["host/cpu_used_ratio"]; ok {
			seen++
			if used >= cpuBusy {
				busy++
			}
		}
		if used, ok := sample.GetValues()["host/memory_used_ratio"]; ok && used > 1-memoryExhausted {
			starved++
		}
	}
	if seen >= cpuLeast && float64(busy) >= cpuShare*float64(seen) {
		d.add(CPUSaturated, warning, .9, fmt.Sprintf("the processors of %s were busy in %d of the last %d seconds before", s.GetNode(), busy, seen),
			"flight/"+s.GetNode()+"/host/cpu_used_ratio")
	}
	if starved > 0 {
		d.add(MemoryExhausted, major, .6, fmt.Sprintf("the memory of %s was used up in the minute before", s.GetNode()),
			"flight/"+s.GetNode()+"/host/memory_used_ratio")
	}
}

// capacity looks for a limit that a product's own evidence says is near.
func (d *drawer) capacity(s *api.Snapshot) {
	for _, item := range s.GetEvidence() {
		for _, name := range sortedKeys(item.GetValues()) {
			if value := item.GetValues()[name]; strings.HasSuffix(name, "_used_ratio") && value >= nearLimit {
				what := strings.ReplaceAll(strings.TrimSuffix(name, "_used_ratio"), "_", " ")
				d.add(CapacityNearLimit, warning, .9, fmt.Sprintf("%s on %s has used %s of its %s", item.GetName(), s.GetNode(), percent(value), what),
					path(s, "evidence", item.GetName(), name))
			}
		}
	}
}

func between(text, before, after string) (string, bool) {
	rest, ok := strings.CutPrefix(text, before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, after)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
