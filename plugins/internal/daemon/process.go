package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// Process is one process for good: a PID together with the time it started, so
// that a number used again is never mistaken for it.
type Process struct {
	PID int `json:"pid"`
	// Start is field 22 of /proc/PID/stat: clock ticks since boot, proc(5).
	Start uint64 `json:"start"`
}

// Alive tells whether the process still runs. A zombie does not.
func (p Process) Alive() bool {
	now, err := lookUp(p.PID)
	return err == nil && now.Process == p && !now.zombie
}

// entry is what /proc tells of a process.
type entry struct {
	Process
	zombie  bool
	kernel  bool // a thread of the kernel's own
	parent  int
	session int
	// changing: it takes on another program just now, and shows no environment meanwhile.
	changing bool
}

// Flags of a process, PF_ in the kernel's include/linux/sched.h.
const (
	flagExiting = 0x4
	flagKernel  = 0x200000
)

// lookUp reads /proc/PID/stat.
func lookUp(pid int) (entry, error) {
	if pid <= 0 {
		return entry{}, os.ErrNotExist
	}
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return entry{}, err
	}
	// The command's name is in parentheses and may hold anything, so that fields count from the last ")".
	_, rest, ok := lastCut(data, ") ")
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 20 {
		return entry{}, fmt.Errorf("read stat of process %d: %d fields", pid, len(fields))
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return entry{}, fmt.Errorf("read start of process %d: %w", pid, err)
	}
	parent, errParent := strconv.Atoi(string(fields[1]))
	session, errSession := strconv.Atoi(string(fields[3]))
	if err := errors.Join(errParent, errSession); err != nil {
		return entry{}, fmt.Errorf("read family of process %d: %w", pid, err)
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	if err != nil {
		return entry{}, fmt.Errorf("read flags of process %d: %w", pid, err)
	}
	bare := len(fields) > 48 && string(fields[48]) == "0" // env_end
	return entry{
		Process: Process{PID: pid, Start: start}, parent: parent, session: session,
		zombie: fields[0][0] == 'Z' || fields[0][0] == 'X', kernel: flags&flagKernel != 0,
		changing: bare && flags&(flagKernel|flagExiting) == 0,
	}, nil
}

func lastCut(data []byte, sep string) (before, after []byte, ok bool) {
	i := bytes.LastIndex(data, []byte(sep))
	if i < 0 {
		return nil, nil, false
	}
	return data[:i], data[i+len(sep):], true
}

// family lists the living processes of an instance: those whose environment
// holds the variable as they were started, and those of the session that the
// last main process led, whatever they did to their environment.
func family(variable string, last Process) ([]entry, error) {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	session := 0
	if now, err := lookUp(last.PID); last.PID != 0 && (err != nil || now.Process == last) {
		session = last.PID // the number was not given to somebody else since
	}
	want := append([]byte(variable), 0)
	var found []entry
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		one, err := lookUp(pid)
		if err != nil || one.zombie || one.kernel {
			continue
		}
		ours := session != 0 && one.session == session
		if !ours {
			if ours, err = marked(pid, want); err != nil {
				return nil, err
			}
		}
		if ours {
			found = append(found, one)
		}
	}
	return found, nil
}

// changeLooks bounds how often a process is looked at that takes on another program, a
// millisecond apart.
const changeLooks = 200

// marked tells whether a process was started with a variable in its environment. One that
// takes on another program just now may be anybody's.
func marked(pid int, want []byte) (bool, error) {
	settled := false
	for range changeLooks {
		environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil || len(environment) > 0 || settled {
			return err == nil && holds(environment, want), nil
		}
		now, err := lookUp(pid)
		if err != nil || now.zombie {
			return false, nil //nolint:nilerr // it is gone
		}
		if settled = !now.changing; !settled {
			sdk.Pause(context.Background(), time.Millisecond)
		}
	}
	return false, fmt.Errorf("look at process %d: it takes on another program and shows not whose it is", pid)
}

// leader picks the main process: it leads its session, and no other of the
// family started it.
func leader(all []entry) (Process, bool) {
	member := map[int]bool{}
	for _, one := range all {
		member[one.PID] = true
	}
	for _, one := range all {
		if one.session == one.PID && !member[one.parent] {
			return one.Process, true
		}
	}
	return Process{}, false
}

// holds tells whether a zero-terminated variable is in an environment.
func holds(environment, variable []byte) bool {
	return bytes.HasPrefix(environment, variable) || bytes.Contains(environment, append([]byte{0}, variable...))
}

// signal reaches the process only if it still is the same one.
func (p Process) signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", p.PID, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if !p.Alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", sig, p.PID, err)
	}
	return nil
}
