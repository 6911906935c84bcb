package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one process of a node.
type Process struct {
	PID       int // as the machine counts
	Parent    int
	Name      string // as the kernel keeps it, at most 15 characters
	Arguments []string
}

// Processes lists what runs on the node, pid 1 included.
func (n *Node) Processes() ([]Process, error) {
	first := n.PID()
	if first == 0 {
		return nil, fmt.Errorf("%s: %w", n.ID(), ErrNoPower)
	}
	return processesIn("pid", first)
}

// processesIn lists the processes that share a namespace of the given kind with a process.
func processesIn(kind string, pid int) ([]Process, error) {
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
	if err != nil {
		return nil, err
	}
	var processes []Process
	err = everyProcess(func(pid int) {
		if other, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind)); err != nil || other != space {
			return
		}
		if p, ok := readProcess(pid); ok {
			processes = append(processes, p)
		}
	})
	return processes, err
}

func everyProcess(visit func(pid int)) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			visit(pid)
		}
	}
	return nil
}

// readProcess reads one process; false when it is gone or a zombie.
func readProcess(pid int) (Process, bool) {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return Process{}, false
	}
	line := string(stat)
	open, shut := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || shut < open {
		return Process{}, false
	}
	fields := strings.Fields(line[shut+1:])
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return Process{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Process{}, false
	}
	commandLine, err := os.ReadFile(filepath.Join(folder, "cmdline"))
	if err != nil {
		return Process{}, false
	}
	return Process{
		PID: pid, Parent: parent, Name: line[open+1 : shut],
		Arguments: strings.Split(strings.TrimRight(string(commandLine), "\x00"), "\x00"),
	}, true
}

// Find returns the node's processes whose program has the given base name.
func (n *Node) Find(program string) ([]Process, error) {
	all, err := n.Processes()
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, p := range all {
		if filepath.Base(p.Arguments[0]) == program {
			found = append(found, p)
		}
	}
	return found, nil
}
