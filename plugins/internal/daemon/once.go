package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// onceOutput is what is kept of a short command's output without an OutputLimit, in bytes.
	onceOutput = 4 << 10
	// onceDrain is how long a child that was left behind may hold the output open.
	onceDrain = 100 * time.Millisecond
)

// Once runs a short command to its end, in the surroundings of s, and returns its
// exit code and the end of what it wrote, s.OutputLimit bytes at most (0: 4 KiB). A
// command that is still there when ctx ends is killed with its children. It carries
// no instance's mark: it is no daemon.
func Once(ctx context.Context, s Spec) (code int, output string, err error) {
	s.Instance = ""
	cmd, err := s.command(ctx)
	if err != nil {
		return 0, "", err
	}
	kept := tail{limit: cmp.Or(s.OutputLimit, onceOutput)}
	cmd.Stdout, cmd.Stderr = &kept, &kept
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = onceDrain
	err = cmd.Run()
	output = string(kept.end)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, output, fmt.Errorf("run %s: %w", s.Command[0], ctx.Err())
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), output, nil
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return 0, output, fmt.Errorf("run %s: %w", s.Command[0], err)
	}
	return 0, output, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	end   []byte
	limit int64
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.end = append(t.end, p...)
	if more := int64(len(t.end)) - t.limit; more > 0 {
		t.end = append(t.end[:0], t.end[more:]...)
	}
	return len(p), nil
}
