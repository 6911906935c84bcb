package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// What a program that uses the lab can be started as, instead of as itself.
const (
	helperInit  = "lab-init"
	helperEcho  = "lab-echo"
	helperProbe = "lab-probe"
)

// RunHelper makes the program, when it was started as one of the lab's own
// processes, do that work and return its exit code. Every main and TestMain that
// uses the lab calls it first:
//
//	if code, ok := lab.RunHelper(); ok {
//		os.Exit(code)
//	}
func RunHelper() (code int, ok bool) {
	if len(os.Args) < 2 {
		return 0, false
	}
	var err error
	switch os.Args[1] {
	case helperInit:
		err = withArguments(1, func(a []string) error { return runInit(a[0]) })
	case helperEcho:
		err = withArguments(1, func(a []string) error { return serveEcho(a[0]) })
	case helperProbe:
		err = withArguments(2, runProbe)
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		return 1, true
	}
	return 0, true
}

func withArguments(count int, f func([]string) error) error {
	if len(os.Args) < 2+count {
		return fmt.Errorf("%d arguments needed", count)
	}
	return f(os.Args[2:])
}

func runProbe(arguments []string) error {
	every, err := time.ParseDuration(arguments[1])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return probe(ctx, arguments[0], every, os.Stdout)
}

// helperPath is where a node finds the program itself, for the echo service.
const helperPath = "/usr/libexec/storeward-lab"

// EchoCommand runs the echo service inside a node; it is also what a service
// resource may be told to run.
func EchoCommand() []string { return []string{helperPath, helperEcho, ":" + EchoPort} }

// Probe is a running probe client.
type Probe struct {
	process *exec.Cmd
	file    string
}

// StartProbe asks target every interval from inside the namespace and keeps the answers in file.
func (s *Space) StartProbe(target string, every time.Duration, file string) (*Probe, error) {
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command := exec.CommandContext(context.Background(), "/proc/self/exe", helperProbe, target, every.String())
	command.Stdout, command.Stderr = out, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.Start(command); err != nil {
		return nil, fmt.Errorf("start probe client: %w", err)
	}
	return &Probe{command, file}, nil
}

// Samples returns the answers so far, in the order in which they were written.
func (p *Probe) Samples() ([]ProbeSample, error) {
	text, err := os.ReadFile(p.file)
	if err != nil {
		return nil, err
	}
	var samples []ProbeSample
	for line := range strings.Lines(string(text)) {
		var s ProbeSample
		if _, err := fmt.Sscan(line, (*int64)(&s.Start), (*int64)(&s.End), &s.Node); err != nil || !strings.HasSuffix(line, "\n") {
			break // a line that is still being written
		}
		samples = append(samples, s)
	}
	return samples, nil
}

// Stop ends the client.
func (p *Probe) Stop() error {
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.process.Wait()
}
