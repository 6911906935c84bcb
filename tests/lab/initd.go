package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is something that pid 1 of a node keeps running.
type Command struct {
	Name      string   // names the log, /var/log/storeward/NAME.log
	Arguments []string // the first one is the path inside the node
	Env       []string // added to the environment, NAME=value
}

// Bind shows a folder or file of the machine inside a node.
type Bind struct{ Source, Target string }

// bootSpec is what pid 1 of a node must know.
type bootSpec struct {
	Node     string
	Root     string // an empty folder to build the node's root on
	BootID   string
	Hosts    string // the text of /etc/hosts
	Binds    []Bind
	Commands []Command
	// DiskBytes, when not 0, bounds the disk, which then forgets everything at a power cut.
	DiskBytes int64
}

// restartDelay is what systemd waits with RestartSec=200ms.
const restartDelay = 200 * time.Millisecond

// stateFolder is where the product keeps its state, on the node's kept disk.
const stateFolder = "/var/lib/storeward"

// logFolder is where the node's commands write, on its kept disk.
const logFolder = "/var/log/storeward"

// runInit is pid 1 of a node: it builds the node's private root and supervises
// its commands for ever. Killing it is the power cut.
func runInit(specFile string) error {
	text, err := os.ReadFile(specFile)
	if err != nil {
		return err
	}
	var spec bootSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	if err := buildRoot(spec); err != nil {
		return fmt.Errorf("build root of %s: %w", spec.Node, err)
	}
	if err := tellReady(); err != nil {
		return err
	}
	// Best effort, as the packaged unit does: memory locking and no core files.
	_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	s := &supervisor{running: map[int]Command{}}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	poweroff := make(chan os.Signal, 1)
	signal.Notify(poweroff, syscall.SIGTERM)
	for _, command := range spec.Commands {
		if err := s.start(command); err != nil {
			fmt.Fprintln(os.Stderr, err)
			s.later(command)
		}
	}
	fmt.Fprintln(os.Stderr, "node", spec.Node, "is up")
	for {
		select {
		case <-signals:
			s.reap()
		case <-poweroff:
			s.end()
			fmt.Fprintln(os.Stderr, "node", spec.Node, "is down")
			return nil
		}
	}
}

// PowerOffCommand shuts a node down in order, as systemctl poweroff does a machine.
func PowerOffCommand() []string { return []string{"/bin/kill", "-TERM", "1"} }

// endBound is how long the commands may take to end when the node is shut down.
const endBound = 5 * time.Second

// end asks every command to end, once, and waits until all have.
func (s *supervisor) end() {
	s.mu.Lock()
	s.ending = true
	for pid := range s.running {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	s.mu.Unlock()
	for end := time.Now().Add(endBound); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		s.reap()
		s.mu.Lock()
		left := len(s.running)
		s.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

// readyFile is the pipe on which pid 1 says that its root stands.
const readyFile = 3

func tellReady() error {
	pipe := os.NewFile(readyFile, "ready")
	defer pipe.Close()
	_, err := pipe.WriteString("up\n")
	return err
}

// supervisor starts commands and collects every process that ends: orphans of
// the node end up here too.
type supervisor struct {
	mu      sync.Mutex
	running map[int]Command
	ending  bool // nothing is started any more
}

func (s *supervisor) start(command Command) error {
	s.mu.Lock() // a child that ends at once must be known before it is collected
	defer s.mu.Unlock()
	if s.ending {
		return nil
	}
	log, err := os.OpenFile(filepath.Join(logFolder, command.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(command.Arguments[0], command.Arguments, &syscall.ProcAttr{
		Dir: "/", Env: append(nodeEnvironment(), command.Env...),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", command.Name, err)
	}
	s.running[pid] = command
	return nil
}

func nodeEnvironment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
}

// later starts a command again after the delay, for ever.
func (s *supervisor) later(command Command) {
	time.AfterFunc(restartDelay, func() {
		if err := s.start(command); err != nil {
			fmt.Fprintln(os.Stderr, err)
			s.later(command)
		}
	})
}

func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 || err != nil {
			return
		}
		s.mu.Lock()
		command, ours := s.running[pid]
		delete(s.running, pid)
		s.mu.Unlock()
		if ours {
			fmt.Fprintf(os.Stderr, "%s ended: exit %d signal %v\n", command.Name, status.ExitStatus(), status.Signal())
			s.later(command)
		}
	}
}
