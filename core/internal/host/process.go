package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/beatsock"
	"github.com/storeward/storeward/core/sdk/remote"
)

// socketDirPrefix is how go-plugin calls the directory that holds one socket.
const socketDirPrefix = "plugin-dir"

// firstExtra is the descriptor under which a child finds the first of exec.Cmd's ExtraFiles.
const firstExtra = 3

// process is one running plugin process.
type process struct {
	cmd    *exec.Cmd
	dir    string     // holds its socket
	beats  []*os.File // its end of the beat socket, until it runs
	out    *os.File
	output *output

	exited chan struct{} // closed when the process has ended
	state  *os.ProcessState

	mu       sync.Mutex
	running  *os.Process
	unwanted bool // killed before it ran
	rejected bool // go-plugin killed it for what it said
}

// start runs the program and waits until it says where it listens, or ctx ends.
func start(ctx context.Context, p program, dir string, env []string, out *output) (*process, *remote.Client, error) {
	beats, in, away, err := beatsock.Pair()
	if err != nil {
		return nil, nil, err
	}
	proc := &process{output: out, exited: make(chan struct{}), beats: []*os.File{in, away}}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		Plugins:          plugin.PluginSet{sdk.ServiceName: &plugin.NetRPCUnsupportedPlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(), // the host reads the plugin's log itself
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		StartTimeout:     left(ctx) + time.Second, // ctx comes first
		SkipHostEnv:      true,
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			own := p.command()
			own.Env = slices.Concat(cmd.Env, env, []string{fmt.Sprintf("%s=%d,%d", sdk.EnvBeats, firstExtra, firstExtra+1)})
			proc.cmd, proc.dir = own, socketDir
			return (*goRunner)(proc), nil
		},
	})
	stop := context.AfterFunc(ctx, proc.kill)
	defer stop()
	address, err := client.Start()
	if err == nil && address.Network() != "unix" {
		err = fmt.Errorf("%w: it listens on %s", remote.ErrGarbage, address.Network())
	}
	if err == nil {
		var c *remote.Client
		if c, err = remote.Dial(address.String(), beats); err == nil {
			return proc, c, nil
		}
	} else {
		err = errors.Join(err, beats.Close())
	}
	proc.mu.Lock()
	rejected := proc.rejected
	proc.mu.Unlock()
	if rejected && ctx.Err() == nil && !errors.Is(err, remote.ErrGarbage) {
		err = fmt.Errorf("%w: %w", remote.ErrGarbage, err)
	}
	proc.kill()
	if proc.pid() != 0 {
		<-proc.exited
	}
	proc.clean()
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("start plugin: it said nothing: %w", ctx.Err())
	}
	return nil, nil, fmt.Errorf("start plugin: %w", err)
}

func left(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Minute
	}
	return max(time.Until(deadline), time.Millisecond)
}

// run starts the process and reaps it. The parent-death signal fires when the
// thread that forked ends, so that thread belongs to the child while it lives.
func (p *process) run() error {
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make pipe: %w", err), outRead.Close(), outWrite.Close())
	}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = outWrite, errWrite, p.beats
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // a terminal's Ctrl-C is for the daemon alone
		Pdeathsig: syscall.SIGKILL,
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		if err != nil {
			started <- err
			return
		}
		p.runs(p.cmd.Process)
		started <- nil
		p.state, _ = p.cmd.Process.Wait()
		close(p.exited)
	}()
	err = <-started
	err = errors.Join(err, outWrite.Close(), errWrite.Close(), p.beats[0].Close(), p.beats[1].Close())
	if err != nil {
		return errors.Join(fmt.Errorf("execute plugin: %w", err), outRead.Close(), errRead.Close())
	}
	p.out = outRead
	p.output.follow(errRead)
	return nil
}

func (p *process) runs(running *os.Process) {
	p.mu.Lock()
	p.running = running
	unwanted := p.unwanted
	p.mu.Unlock()
	if unwanted {
		_ = running.Kill()
	}
}

// pid is 0 before the process runs.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		return 0
	}
	return p.running.Pid
}

// hasExited gives a process that is ending a moment to do so.
func (p *process) hasExited() bool {
	if p.pid() == 0 {
		return true
	}
	select {
	case <-p.exited:
		return true
	case <-time.After(lastWords):
		return false
	}
}

// kill ends the process at once; a stopped one too.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unwanted = true
	if p.running != nil {
		_ = p.running.Kill() // an error means that it has ended
	}
}

// clean removes what the process left; it must have ended.
func (p *process) clean() {
	if p.out != nil {
		_ = p.out.Close()
	}
	for _, end := range p.beats {
		_ = end.Close() // closed already if it ran
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// goRunner is the form in which go-plugin takes a process.
type goRunner process

func (r *goRunner) Start(context.Context) error     { return (*process)(r).run() }
func (r *goRunner) Diagnose(context.Context) string { return "" }
func (r *goRunner) Stdout() io.ReadCloser           { return r.out }
func (r *goRunner) Stderr() io.ReadCloser           { return io.NopCloser(eof{}) }
func (r *goRunner) Name() string                    { return r.cmd.Args[0] }
func (r *goRunner) ID() string                      { return strconv.Itoa((*process)(r).pid()) }

func (r *goRunner) Kill(context.Context) error {
	p := (*process)(r)
	alive := !p.hasExited()
	p.mu.Lock()
	p.rejected = p.rejected || alive
	p.mu.Unlock()
	p.kill()
	return nil
}

func (r *goRunner) Wait(ctx context.Context) error {
	select {
	case <-r.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *goRunner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

func (r *goRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// environment is what a plugin's process gets beside the daemon's own.
func (h *Host) environment(name string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		for _, private := range []string{"NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"} {
			if strings.HasPrefix(entry, private) { // the daemon's own talk with systemd
				return true
			}
		}
		return false
	})
	env = append(env, sdk.EnvLogLevel+"="+wantedLevel(h.options.Log).String())
	if priority := h.options.Realtime[name]; priority > 0 {
		env = append(env, sdk.EnvRealtime+"="+strconv.Itoa(priority))
	}
	return env
}

// wantedLevel finds the level of an injected logger.
func wantedLevel(log logrus.FieldLogger) logrus.Level {
	switch l := log.(type) {
	case *logrus.Logger:
		return l.GetLevel()
	case *logrus.Entry:
		return l.Logger.GetLevel()
	default:
		return logrus.InfoLevel
	}
}
