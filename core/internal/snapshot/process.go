package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
)

const (
	// clockTicks is USER_HZ, which Linux has fixed at 100 for all that /proc shows.
	clockTicks = 100
	// busiest is how many processes are kept by CPU and again by memory.
	busiest = 10
	// maxCommand bounds a command line in a snapshot.
	maxCommand = 200
)

// Processes finds the processes that use the most. Arguments may hold secrets: only
// the program and the names of its scripts are kept, nothing that follows an option.
type Processes struct {
	// Proc is the mount point of proc(5); empty: /proc.
	Proc string
	// Pause lies between the two readings whose difference is CPU use; 0: 200 ms.
	Pause time.Duration
}

type usage struct {
	name    string
	started uint64 // in ticks since boot: with the PID it names one process
	ticks   uint64
	rss     uint64
}

// Busiest returns the processes that used the most CPU during the pause or hold
// the most memory, busiest first.
func (p *Processes) Busiest(ctx context.Context) ([]*api.Process, error) {
	proc, pause := cmp.Or(p.Proc, "/proc"), cmp.Or(p.Pause, 200*time.Millisecond)
	before, err := scan(ctx, proc)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if !sdk.Pause(ctx, pause) {
		return nil, ctx.Err()
	}
	after, err := scan(ctx, proc)
	if err != nil {
		return nil, err
	}
	return top(proc, before, after, time.Since(start)), nil
}

// scan reads every process; one that ends meanwhile is left out.
func scan(ctx context.Context, proc string) (map[int32]usage, error) {
	dir, err := os.Open(proc) //nolint:gosec // where proc is mounted
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := make(map[int32]usage, len(names))
	page := uint64(os.Getpagesize()) //nolint:gosec // positive
	for _, name := range names {
		pid, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text, err := os.ReadFile(proc + "/" + name + "/stat") //nolint:gosec // below proc
		if err != nil {
			continue
		}
		if u, ok := parseStat(string(text)); ok {
			u.rss *= page
			all[int32(pid)] = u
		}
	}
	return all, nil
}

// parseStat reads proc_pid_stat(5): PID (NAME) STATE ... The name may hold anything, parentheses too.
func parseStat(text string) (usage, bool) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return usage{}, false
	}
	f := strings.Fields(text[end+1:])
	if len(f) < 22 {
		return usage{}, false
	}
	var numbers [4]uint64
	for i, field := range []int{14, 15, 22, 24} { // utime, stime, starttime, rss, counted from 1
		n, err := strconv.ParseUint(f[field-3], 10, 64)
		if err != nil {
			return usage{}, false
		}
		numbers[i] = n
	}
	return usage{name: text[open+1 : end], ticks: numbers[0] + numbers[1], started: numbers[2], rss: numbers[3]}, true
}

func top(proc string, before, after map[int32]usage, took time.Duration) []*api.Process {
	list := make([]*api.Process, 0, len(after))
	for pid, now := range after {
		p := &api.Process{Pid: pid, Command: now.name, RssBytes: now.rss}
		if last, ok := before[pid]; ok && last.started == now.started && now.ticks > last.ticks && took > 0 {
			p.CpuRatio = float64(now.ticks-last.ticks) / clockTicks / took.Seconds()
		}
		list = append(list, p)
	}
	byCPU := func(a, b *api.Process) int {
		return cmp.Or(cmp.Compare(b.GetCpuRatio(), a.GetCpuRatio()), cmp.Compare(b.GetRssBytes(), a.GetRssBytes()), cmp.Compare(a.GetPid(), b.GetPid()))
	}
	byMemory := func(a, b *api.Process) int {
		return cmp.Or(cmp.Compare(b.GetRssBytes(), a.GetRssBytes()), cmp.Compare(a.GetPid(), b.GetPid()))
	}
	keep := map[int32]bool{}
	for _, order := range []func(a, b *api.Process) int{byMemory, byCPU} {
		slices.SortFunc(list, order)
		for _, p := range list[:min(busiest, len(list))] {
			keep[p.GetPid()] = true
		}
	}
	list = slices.DeleteFunc(list, func(p *api.Process) bool { return !keep[p.GetPid()] })
	for _, p := range list {
		if text, err := os.ReadFile(fmt.Sprintf("%s/%d/cmdline", proc, p.GetPid())); err == nil {
			if line := harmless(string(text)); line != "" {
				p.Command = line
			}
		}
	}
	return list
}

// harmless keeps of a command line the program and the plain words that follow it
// up to the first option, because options may carry passwords.
func harmless(cmdline string) string {
	var words []string
	for _, word := range strings.Split(strings.TrimRight(cmdline, "\x00"), "\x00") {
		if word == "" || len(words) > 0 && (strings.HasPrefix(word, "-") || strings.ContainsAny(word, "=@") || len(words) == 3) {
			break
		}
		words = append(words, word)
	}
	return spoken.Brief(strings.ToValidUTF8(strings.Join(words, " "), "?"), maxCommand)
}
