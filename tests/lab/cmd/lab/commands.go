package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/storeward/storeward/tests/harness/demo"
	"github.com/storeward/storeward/tests/lab"
)

const usage = `lab [-name NAME] [-stores N] COMMAND
  NAME is lab unless told; status shows the only lab that runs, whatever its name
  up                       build the lab; its nodes run an echo service on port 7777
  down                     remove every trace of it, also after a crash
  status                   show it; fails when the oracle saw two active nodes
  exec NODE COMMAND...     run a command inside the node
  demo, demo-kill          the whole product in a lab; cut the power of its active server
and to a lab that is up:
` + lab.Orders

// patience bounds what a running lab may take to answer.
const patience = time.Minute

func run(arguments []string) error {
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", "", "")
	stores := flags.Int("stores", 1, "")
	if asksForHelp(arguments) {
		fmt.Print(usage)
		return nil
	}
	if err := flags.Parse(arguments); err != nil || flags.NArg() == 0 {
		return fmt.Errorf("usage:\n%s", strings.TrimSpace(usage))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command, rest := flags.Arg(0), flags.Args()[1:]
	if len(rest) > 0 && slices.Contains(alone, command) {
		return fmt.Errorf("%s stands alone, without %q; options stand before it", command, strings.Join(rest, " "))
	}
	switch command { // both say what root is needed for
	case "demo":
		return showDemo()
	case "demo-kill":
		return demo.Kill(ctx, os.Stdout)
	}
	if os.Geteuid() != 0 {
		return errors.New("labs belong to root: run it as root, e.g. sudo " + strings.Join(os.Args, " "))
	}
	var err error
	switch {
	case *name != "":
	case command == "status": // it changes nothing: no harm if that is somebody else's
		if *name, err = lab.Only(); err != nil {
			return err
		}
	default:
		*name = "lab"
	}
	switch command {
	case "up":
		return up(ctx, *name, *stores)
	case "serve":
		return serve(*name, *stores)
	case "down":
		return lab.Down(ctx, *name)
	}
	client, err := lab.Connect(*name)
	if err != nil {
		return err
	}
	switch command {
	case "status":
		return status(ctx, client)
	case "exec":
		return execute(ctx, client, *name, rest)
	}
	return client.Do(ctx, flags.Args()...)
}

// alone are the commands that take no words.
var alone = []string{"up", "serve", "down", "status", "demo", "demo-kill"}

// asksForHelp tells whether lab itself is asked for help: the arguments of a command inside a node are the command's.
func asksForHelp(arguments []string) bool {
	if at := slices.Index(arguments, "exec"); at >= 0 {
		arguments = arguments[:min(at+3, len(arguments))]
	}
	return slices.ContainsFunc(arguments, func(word string) bool {
		return slices.Contains([]string{"-h", "-help", "--help"}, word)
	})
}

// up starts a process of its own that keeps the lab, and waits until it stands.
func up(ctx context.Context, name string, stores int) error {
	if _, err := lab.Connect(name); err == nil {
		return fmt.Errorf("%w: %s", lab.ErrRunning, name)
	}
	keeper := exec.CommandContext(context.WithoutCancel(ctx), "/proc/self/exe", "-name", name, "-stores", fmt.Sprint(stores), "serve")
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	output, err := keeper.StdoutPipe()
	if err != nil {
		return err
	}
	keeper.Stderr = os.Stderr
	if err := keeper.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = keeper.Process.Signal(syscall.SIGTERM) })
	defer stop()
	text, _ := io.ReadAll(output) // ends when the lab stands, or with the keeper
	if strings.TrimSpace(string(text)) != ready {
		return fmt.Errorf("lab %s did not come up: %w", name, keeper.Wait())
	}
	fmt.Printf("lab %s is up\n", name)
	return keeper.Process.Release()
}

const ready = "ready"

// serve keeps the lab until it is asked to go down.
func serve(name string, stores int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	l, err := lab.Up(ctx, lab.Options{Name: name, Stores: stores})
	if err != nil {
		return err
	}
	for _, s := range l.Stores {
		for _, n := range s.Nodes {
			n.Commands = []lab.Command{{Name: "echo", Arguments: lab.EchoCommand()}}
			if err := n.PowerOn(); err != nil {
				return errors.Join(err, l.Down())
			}
		}
	}
	fmt.Println(ready)
	os.Stdout.Close()
	select {
	case <-ctx.Done():
	case <-l.DownAsked():
	}
	return l.Down()
}

func status(ctx context.Context, client *lab.Client) error {
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(s); err != nil {
		return err
	}
	if len(s.Violations) > 0 {
		return fmt.Errorf("the oracle saw %d violations", len(s.Violations))
	}
	return nil
}

// exited is the code that a command inside a node ended with.
type exited int

func (e exited) Error() string { return fmt.Sprintf("ended with %d", int(e)) }

// execute runs a command inside a node, with this terminal.
func execute(ctx context.Context, client *lab.Client, name string, words []string) error {
	if len(words) < 2 {
		return errors.New("exec needs a node and a command")
	}
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	for _, store := range s.Stores {
		for _, node := range store.Nodes {
			if node.ID != words[0] && (len(s.Stores) > 1 || !strings.HasSuffix(node.ID, "/"+words[0])) {
				continue
			}
			command := exec.CommandContext(context.WithoutCancel(ctx), "nsenter", append([]string{"-t", fmt.Sprint(node.PID), "-m", "-n", "-p", "-i", "-u", "--"}, words[1:]...)...)
			command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
			if node.PID == 0 {
				return fmt.Errorf("%s has no power: %s -name %s power-on %s gives it some", words[0], os.Args[0], name, words[0])
			}
			err := command.Run()
			var ended *exec.ExitError
			if errors.As(err, &ended) {
				return exited(ended.ExitCode())
			}
			return err
		}
	}
	return fmt.Errorf("no node %q", words[0])
}
