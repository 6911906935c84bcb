package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namedSpaces is where iproute2 and everybody else keep named network namespaces.
const namedSpaces = "/run/netns"

// Space is a named network namespace together with an OS thread that lives in
// it. Sockets opened and processes started on that thread belong to it. The
// processes die with the thread, so a lab that crashes leaves none behind.
type Space struct {
	Name   string // as `ip netns` shows it
	calls  chan func()
	done   chan struct{}
	handle *netlink.Handle
	file   netns.NsHandle
}

// newSpace makes the namespace and starts its thread.
func newSpace(name string) (*Space, error) {
	s := &Space{Name: name, calls: make(chan func()), done: make(chan struct{})}
	ready := make(chan error, 1)
	go s.live(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	return s, s.Do(s.openLoopback)
}

// live is the thread's whole life. It never unlocks: the runtime ends the thread with it.
func (s *Space) live(ready chan<- error) {
	runtime.LockOSThread()
	defer close(s.done)
	var err error
	if s.file, err = netns.NewNamed(s.Name); err == nil {
		s.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	ready <- err
	if err != nil {
		return
	}
	for call := range s.calls {
		call()
	}
}

func (s *Space) openLoopback() error {
	lo, err := s.handle.LinkByName("lo")
	if err != nil {
		return err
	}
	return s.handle.LinkSetUp(lo)
}

// Do runs f on the namespace's thread. f must be short: calls queue up.
func (s *Space) Do(f func() error) error {
	result := make(chan error, 1)
	select {
	case s.calls <- func() { result <- f() }:
		return <-result
	case <-s.done:
		return fmt.Errorf("namespace %s is closed", s.Name)
	}
}

// once runs f on a thread of its own inside the namespace, for what may block.
func (s *Space) once(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		if err := netns.Set(s.file); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

// Start starts a command inside the namespace; it is killed when the lab ends.
func (s *Space) Start(command *exec.Cmd) error {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return s.Do(command.Start)
}

// Run runs a short command inside the namespace and returns what it printed.
func (s *Space) Run(ctx context.Context, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	var out []byte
	err := s.once(func() (err error) {
		out, err = command.CombinedOutput()
		return err
	})
	if err != nil {
		return string(out), fmt.Errorf("run %s in %s: %w: %s", name, s.Name, err, out)
	}
	return string(out), nil
}

// Dial opens a connection from inside the namespace. The address is numeric: a
// name would be looked up outside.
func (s *Space) Dial(ctx context.Context, network, address string) (connection net.Conn, err error) {
	err = s.once(func() (err error) {
		connection, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return connection, err
}

// ListenPacket opens a datagram socket inside the namespace.
func (s *Space) ListenPacket(network, address string) (connection net.PacketConn, err error) {
	err = s.Do(func() (err error) {
		connection, err = (&net.ListenConfig{}).ListenPacket(context.Background(), network, address)
		return err
	})
	return connection, err
}

// Close ends the thread, with it the processes, and removes the name. The
// kernel removes the namespace when its last process is gone.
func (s *Space) Close() error {
	close(s.calls)
	<-s.done
	s.handle.Close()
	return errors.Join(s.file.Close(), removeSpace(s.Name))
}

// removeSpace removes a name, also one that an earlier run left behind.
func removeSpace(name string) error {
	path := filepath.Join(namedSpaces, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// ListenPackets opens a raw socket that sees every frame of an interface.
func (s *Space) ListenPackets(name string) (connection *packet.Conn, err error) {
	err = s.once(func() error {
		link, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		connection, err = packet.Listen(link, packet.Raw, unix.ETH_P_ALL, nil)
		return err
	})
	return connection, err
}

// WatchAddresses tells of every IPv4 address that an interface of the namespace
// gets from now on, until stop is closed.
func (s *Space) WatchAddresses(stop <-chan struct{}, got func(ip string)) error {
	updates := make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribeWithOptions(updates, stop, netlink.AddrSubscribeOptions{Namespace: &s.file}); err != nil {
		return fmt.Errorf("watch addresses in %s: %w", s.Name, err)
	}
	go func() {
		for u := range updates {
			if u.NewAddr && u.LinkAddress.IP.To4() != nil {
				got(u.LinkAddress.IP.String())
			}
		}
	}()
	return nil
}
