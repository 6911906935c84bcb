package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// Interfaces of a node.
const (
	LAN   = "eth0" // to the store's switch
	Cable = "eth1" // straight to the peer
)

// ErrNoPower is answered by what needs a node that runs.
var ErrNoPower = errors.New("node has no power")

// Node is one server of a store. Its network namespace stays while it is
// without power, as a network card stays in a machine; everything else of it
// lives and dies with its pid 1.
type Node struct {
	Store *Store
	Name  string
	Space *Space
	// Commands are kept running by pid 1; Binds are shown inside. Both take effect at the next boot.
	Commands []Command
	Binds    []Bind
	// DiskBytes, when not 0, makes the node's disk a small one that forgets everything at a power cut.
	DiskBytes int64

	number int // 1 or 2: the last byte of its addresses
	dir    string

	power sync.Mutex // one change of power at a time

	alive atomic.Pointer[life]
	boots atomic.Int32
}

// life is one time between power-on and power-off.
type life struct {
	process *exec.Cmd
	ended   chan struct{} // closed when every process of the node is gone
	booted  time.Duration
	cut     atomic.Bool
}

// ID is the node's name in the lab, e.g. "s1/alpha".
func (n *Node) ID() string { return n.Store.Name + "/" + n.Name }

// Dir is the node's folder on the machine; it outlives power cuts.
func (n *Node) Dir() string { return n.dir }

// Etc is the folder that the node sees as /etc/storeward.
func (n *Node) Etc() string { return filepath.Join(n.dir, "etc") }

// Disk is the folder that the node sees as /var/lib/storeward.
func (n *Node) Disk() string { return filepath.Join(n.dir, "disk") }

// Logs is the folder that the node sees as /var/log/storeward.
func (n *Node) Logs() string { return filepath.Join(n.dir, "log") }

// Address is the node's own address on the LAN.
func (n *Node) Address() string { return n.Store.addressOf(n.number) }

// CableAddress is the node's address on the cross-over cable.
func (n *Node) CableAddress() string { return fmt.Sprintf("10.78.%d.%d", n.Store.Number, n.number) }

// SerialPort is the node's end of the serial cable, as the node sees it.
func (n *Node) SerialPort() string { return n.Store.Serial.Port(n.number - 1) }

// Alive tells whether the node runs.
func (n *Node) Alive() bool { return n.PID() != 0 }

// PID is the node's pid 1 as the machine counts, 0 without power.
func (n *Node) PID() int {
	l := n.alive.Load()
	if l == nil || l.cut.Load() {
		return 0
	}
	return l.process.Process.Pid
}

// Boots counts how often the node was given power.
func (n *Node) Boots() int { return int(n.boots.Load()) }

// boot gives the node power. The caller is the UPS, or the lab where the UPS is on.
func (n *Node) boot() error {
	n.power.Lock()
	defer n.power.Unlock()
	if n.Alive() {
		return nil
	}
	specFile, err := n.writeSpec()
	if err != nil {
		return err
	}
	if err := n.startNetwork(); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(n.Logs(), "init.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.CommandContext(context.Background(), "/proc/self/exe", helperInit, specFile)
	command.Stdout, command.Stderr = log, log
	command.Env = append(nodeEnvironment(), "STOREWARD_LAB="+n.Store.lab.Name)
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Setsid:     true, // the terminal's Ctrl-C is the lab's affair
	}
	up, tellUp, err := os.Pipe()
	if err != nil {
		return err
	}
	defer up.Close()
	command.ExtraFiles = []*os.File{tellUp} // readyFile
	err = n.Space.Start(command)
	tellUp.Close()
	if err != nil {
		return fmt.Errorf("boot %s: %w", n.ID(), err)
	}
	l := &life{process: command, ended: make(chan struct{}), booted: Monotonic()}
	n.alive.Store(l)
	n.boots.Add(1)
	go n.wait(l)
	n.Store.updateCables()
	n.Store.lab.tell("power", n.ID(), "has power and boots")
	return n.awaitRoot(up)
}

// awaitRoot waits until pid 1 has its own root, so that nothing is ever run
// inside a node that still stands on the machine's.
func (n *Node) awaitRoot(up *os.File) error {
	if err := up.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if text, err := io.ReadAll(up); err != nil || len(text) == 0 {
		return fmt.Errorf("boot %s: pid 1 did not come up, see %s: %w", n.ID(), filepath.Join(n.Logs(), "init.log"), err)
	}
	return nil
}

// wait collects pid 1: it ends after every other process of its namespace.
func (n *Node) wait(l *life) {
	err := l.process.Wait()
	close(l.ended)
	if !l.cut.Swap(true) {
		n.Store.lab.tell("power", n.ID(), fmt.Sprintf("pid 1 ended by itself: %v", err))
		n.Store.updateCables()
	}
}

// kill cuts the node's power: everything on it dies, then its cables are dead.
// It returns when nothing of the node runs any more.
func (n *Node) kill() error {
	n.power.Lock()
	defer n.power.Unlock()
	l := n.alive.Load()
	if l == nil || l.cut.Swap(true) {
		return nil
	}
	_ = l.process.Process.Kill()
	n.Store.updateCables()
	n.Store.lab.tell("power", n.ID(), "lost its power")
	select {
	case <-l.ended:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("cut power of %s: processes are left after 10 s", n.ID())
	}
}

// startNetwork does to the node's interfaces what booting does.
func (n *Node) startNetwork() error {
	for _, name := range []string{LAN, Cable} {
		if err := clearAddresses(n.Space, name); err != nil {
			return fmt.Errorf("reset network of %s: %w", n.ID(), err)
		}
	}
	n.Store.setPort(lanPort(n.Name), true)
	if err := address(n.Space, LAN, n.Address()+"/24"); err != nil {
		return err
	}
	if err := address(n.Space, Cable, n.CableAddress()+"/24"); err != nil {
		return err
	}
	return route(n.Space, "", n.Store.addressOf(gatewayHost))
}

func (n *Node) writeSpec() (string, error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return "", err
	}
	var hosts strings.Builder
	hosts.WriteString("127.0.0.1 localhost\n")
	for _, node := range n.Store.Nodes {
		fmt.Fprintf(&hosts, "%s %s\n", node.Address(), node.Name)
	}
	binds := n.Binds
	if n.Store.lab.Watchdog > 0 {
		binds = append(slices.Clone(binds), Bind{n.watchdogPipe(), WatchdogDevice})
	}
	spec := bootSpec{
		Node: n.Name, Root: filepath.Join(n.dir, "root"), BootID: uuid.NewString(), Hosts: hosts.String(), Commands: n.Commands, DiskBytes: n.DiskBytes,
		Binds: append([]Bind{
			{n.Etc(), "/etc/storeward"},
			{n.Disk(), stateFolder},
			{n.Logs(), logFolder},
			{program, helperPath},
		}, binds...),
	}
	text, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(n.dir, "boot.json")
	return path, os.WriteFile(path, text, 0o600)
}

// Command prepares a command that runs inside the node, as `ssh NODE COMMAND` would.
func (n *Node) Command(ctx context.Context, arguments ...string) (*exec.Cmd, error) {
	pid := n.PID()
	if pid == 0 {
		return nil, fmt.Errorf("%s: %w", n.ID(), ErrNoPower)
	}
	enter := append([]string{"--target", strconv.Itoa(pid), "--mount", "--net", "--pid", "--ipc", "--uts", "--"}, arguments...)
	command := exec.CommandContext(ctx, "nsenter", enter...)
	command.Dir, command.Env = "/", nodeEnvironment()
	return command, nil
}

// Exec runs a command inside the node and returns its standard output.
func (n *Node) Exec(ctx context.Context, arguments ...string) (string, error) {
	command, err := n.Command(ctx, arguments...)
	if err != nil {
		return "", err
	}
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return string(out), fmt.Errorf("run %s on %s: %w: %s", arguments[0], n.ID(), err, exit.Stderr)
		}
		return string(out), fmt.Errorf("run %s on %s: %w", arguments[0], n.ID(), err)
	}
	return string(out), nil
}

// addresses lists the IPv4 addresses that the node's interfaces hold.
func (n *Node) addresses() []string {
	list := []string{}
	addresses, err := n.Space.handle.AddrList(nil, unix.AF_INET)
	if err != nil || !n.Alive() {
		return list
	}
	for _, a := range addresses {
		if !a.IP.IsLoopback() {
			list = append(list, a.IP.String())
		}
	}
	return list
}

// Holds tells whether a living node has the address.
func (n *Node) Holds(ip string) bool { return slices.Contains(n.addresses(), ip) }
