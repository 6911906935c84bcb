// Package sickplugin stands before the plugins' executable and makes a plugin
// sick when a test asks: it answers garbage, from the start or later. What it says
// while it is well is what the real plugin says. For tests only.
package sickplugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/storeward/storeward/core/sdk/beatsock"
)

// Illness is how a plugin is sick.
type Illness string

// The illnesses. All but the first come with SIGUSR1: until then the plugin is well.
const (
	Handshake Illness = "handshake" // noise instead of the handshake, at once
	Bytes     Illness = "bytes"     // noise on its sockets
	Status    Illness = "status"    // a status that does not exist, in every answer that has one
	Future    Illness = "future"    // a time to come, in every answer that has one
)

// Stand is where a node's sick plugins are arranged.
type Stand struct {
	Real string // the plugins' executable
	Dir  string // holds a file for each plugin, named after it: see Ail
}

// Ail makes a plugin sick at its next starts: in one way each, in their order.
// Starts after those are well.
func (s Stand) Ail(plugin string, with ...Illness) error {
	var text strings.Builder
	for _, illness := range with {
		fmt.Fprintln(&text, illness)
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, plugin), []byte(text.String()), 0o600)
}

// next takes the illness of this start; "" for none.
func (s Stand) next(plugin string) (Illness, error) {
	path := filepath.Join(s.Dir, plugin)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	return Illness(first), os.WriteFile(path, []byte(rest), 0o600)
}

// Run is the plugin named by the first argument. It returns only if it cannot be one.
func (s Stand) Run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("want the plugin's name")
	}
	illness, err := s.next(arguments[0])
	if err != nil {
		return err
	}
	switch illness {
	case "":
		return syscall.Exec(s.Real, append([]string{s.Real}, arguments...), os.Environ())
	case Handshake:
		_, err := io.Copy(os.Stdout, noise{})
		return err
	case Bytes, Status, Future:
	default:
		return fmt.Errorf("no illness is called %q", illness)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	runtime.LockOSThread() // the real plugin dies with this thread
	core, err := beatsock.New(os.NewFile(inherited, "beats"), os.NewFile(inherited+1, "beats"))
	if err != nil {
		return err
	}
	plugin, in, out, err := beatsock.Pair()
	if err != nil {
		return err
	}
	socket, handshake, err := s.start(arguments, in, out)
	if err != nil {
		return err
	}
	proxy, err := newProxy(socket, core, plugin, illness)
	if err != nil {
		return err
	}
	fmt.Println(strings.Replace(handshake, socket, proxy.socket, 1))
	go func() {
		<-asked
		proxy.ail()
	}()
	return proxy.serve()
}

// inherited is the first descriptor that a plugin inherits: the core gives it the
// ends of its beat sockets as this one and the next.
const inherited = 3

// start starts the real plugin and returns its socket and the handshake that names it.
func (s Stand) start(arguments []string, beats ...*os.File) (socket, handshake string, err error) {
	command := exec.CommandContext(context.Background(), s.Real, arguments...)
	command.Stderr, command.ExtraFiles = os.Stderr, beats
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := command.StdoutPipe()
	if err != nil {
		return "", "", err
	}
	if err := command.Start(); err != nil {
		return "", "", err
	}
	lines := bufio.NewReader(out)
	handshake, err = lines.ReadString('\n')
	if err != nil {
		return "", "", fmt.Errorf("read the handshake: %w", err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	handshake = strings.TrimSpace(handshake)
	// CORE|PROTOCOL|unix|SOCKET|grpc|...
	parts := strings.Split(handshake, "|")
	if len(parts) < 5 || parts[2] != "unix" {
		return "", "", fmt.Errorf("%q is no handshake", handshake)
	}
	return parts[3], handshake, nil
}
