package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Audited names what at most one node of a store may have at a time. Virtual
// IPs are always audited.
type Audited struct {
	Mounts   []string // mount points, e.g. "/srv/postgres"
	Programs []string // base names of programs, e.g. "postgres"
}

// Audit is the lab's oracle: it watches from outside for two active nodes. It
// prevents nothing; what it saw makes a test or the demo fail.
type Audit struct {
	lab    *Lab
	cancel context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex
	violations []Happening
	last       map[violation]bool // those that lasted at the previous look
}

// violation is something that both nodes of a store had.
type violation struct{ store, text string }

// How often the oracle looks. Addresses and mounts are cheap to read, the list
// of processes is not.
const (
	auditEvery     = 15 * time.Millisecond
	programsEveryN = 8
)

func startAudit(ctx context.Context, l *Lab) *Audit {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &Audit{lab: l, cancel: cancel, done: make(chan struct{}), last: map[violation]bool{}}
	go a.run(ctx)
	return a
}

func (a *Audit) run(ctx context.Context) {
	defer close(a.done)
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.look(round%programsEveryN == 0)
		}
	}
}

func (a *Audit) stop() {
	a.cancel()
	<-a.done
}

// Violations returns what was seen, oldest first; the subject is the store.
func (a *Audit) Violations() []Happening {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Happening(nil), a.violations...)
}

// possessions are the audited things that one living node has.
type possessions map[string]bool

// look compares the two nodes of every store. A thing counts for a node only if
// that node, in the same life, has it both before and after the other one was
// looked at: else a hand-over between the two readings would look like two owners.
func (a *Audit) look(programs bool) {
	present := map[violation]bool{}
	for _, s := range a.lab.Stores {
		first, second := s.Nodes[0], s.Nodes[1]
		life1, life2 := first.alive.Load(), second.alive.Load()
		if !first.Alive() || !second.Alive() {
			continue
		}
		before, between := a.read(first, programs), a.read(second, programs)
		if !shares(before, between) {
			continue
		}
		after := a.read(first, programs)
		if first.alive.Load() != life1 || second.alive.Load() != life2 || life1.cut.Load() || life2.cut.Load() {
			continue
		}
		for thing := range between {
			if before[thing] && after[thing] {
				present[violation{s.Name, "both nodes have " + thing}] = true
			}
		}
	}
	a.record(present, programs)
}

func shares(a, b possessions) bool {
	for thing := range a {
		if b[thing] {
			return true
		}
	}
	return false
}

// record keeps each violation once for as long as it lasts.
func (a *Audit) record(present map[violation]bool, programs bool) {
	a.mu.Lock()
	var fresh []Happening
	for v := range present {
		if !a.last[v] {
			fresh = append(fresh, Happening{Monotonic(), "audit", v.store, v.text})
		}
	}
	if programs || len(present) > 0 {
		a.last = present
	}
	a.violations = append(a.violations, fresh...)
	a.mu.Unlock()
	for _, v := range fresh {
		a.lab.tell("audit", v.Subject, "VIOLATION: "+v.Text)
	}
}

// read lists what a node has. A node that dies meanwhile has nothing.
func (a *Audit) read(n *Node, programs bool) possessions {
	has := possessions{}
	a.readAddresses(n, has)
	if pid := n.PID(); pid != 0 && len(a.lab.Audited.Mounts) > 0 {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
		if err == nil {
			for _, mount := range a.lab.Audited.Mounts {
				if bytes.Contains(table, []byte(" "+mount+" ")) {
					has["mounted "+mount] = true
				}
			}
		}
	}
	if programs && len(a.lab.Audited.Programs) > 0 {
		a.readPrograms(n, has)
	}
	return has
}

func (a *Audit) readAddresses(n *Node, has possessions) {
	addresses, err := n.Space.handle.AddrList(nil, unix.AF_INET)
	if err != nil {
		return
	}
	for _, address := range addresses {
		ip := address.IP.String()
		if ip != n.Address() && ip != n.CableAddress() && !address.IP.IsLoopback() {
			has["the address "+ip] = true
		}
	}
}

func (a *Audit) readPrograms(n *Node, has possessions) {
	processes, err := n.Processes()
	if err != nil {
		return
	}
	for _, p := range processes {
		for _, program := range a.lab.Audited.Programs {
			if filepath.Base(p.Arguments[0]) == program {
				has["a process "+program] = true
			}
		}
	}
}
