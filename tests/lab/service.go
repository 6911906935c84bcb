package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Service is a program that the lab keeps at the headquarters or a till: not
// restarted, stopped with the lab.
type Service struct {
	Name    string
	command *exec.Cmd
	ended   chan struct{}
	err     error
	stop    sync.Once
}

// ServiceSpec says what to run.
type ServiceSpec struct {
	Name      string
	Arguments []string
	Env       []string  // added to the environment
	Output    io.Writer // where its standard output goes; nil: its log
}

// Serve starts a program inside a namespace. It writes to the log NAME.log in
// the lab's folder.
func (l *Lab) Serve(s *Space, spec ServiceSpec) (*Service, error) {
	folder := filepath.Join(l.DataDir(), "log")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(folder, spec.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.CommandContext(context.Background(), spec.Arguments[0], spec.Arguments[1:]...)
	command.Stdout, command.Stderr = log, log
	if spec.Output != nil {
		command.Stdout = spec.Output
	}
	command.Dir, command.Env = "/", append(nodeEnvironment(), spec.Env...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is the lab's affair
	if err := s.Start(command); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	service := &Service{Name: spec.Name, command: command, ended: make(chan struct{})}
	go func() {
		service.err = command.Wait()
		close(service.ended)
	}()
	l.AtDown(func() error { service.Stop(); return nil })
	return service, nil
}

// LogOf is the file with what a service wrote.
func (l *Lab) LogOf(service string) string {
	return filepath.Join(l.DataDir(), "log", service+".log")
}

// Ended is closed when the program has ended; Err then tells how.
func (s *Service) Ended() <-chan struct{} { return s.ended }

// Err is how the program ended, nil for success.
func (s *Service) Err() error {
	<-s.ended
	return s.err
}

// Kill ends the program the hard way.
func (s *Service) Kill() {
	_ = s.command.Process.Kill()
	<-s.ended
}

// Stop asks the program to end, and kills it when it does not within 20 seconds.
func (s *Service) Stop() {
	s.stop.Do(func() {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		patience := time.NewTimer(20 * time.Second)
		defer patience.Stop()
		select {
		case <-s.ended:
		case <-patience.C:
			s.Kill()
		}
	})
}
