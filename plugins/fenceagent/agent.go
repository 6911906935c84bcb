package fenceagent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
	"github.com/storeward/storeward/plugins/internal/trust"
)

const (
	// outputBound is the most of an agent's output that is kept, in bytes. The largest metadata has 11 KiB.
	outputBound = 256 << 10
	// shownBound is the most of it that people are shown, in bytes.
	shownBound = 300
	// drain is how long an agent's output may stay open after its end.
	drain = 100 * time.Millisecond
)

// folders are where agents lie, in this order.
var folders = []string{"/usr/sbin", "/usr/libexec", "/usr/local/sbin"}

// agent is one fence agent with its options.
type agent struct {
	name, path string
	lines      string   // the options as it reads them on its standard input
	secrets    []string // what nobody may see in its output, longest first
}

// errNotThere: the machine has no such agent.
var errNotThere = errors.New("no such program: Debian's package is fence-agents")

// newAgent finds the program; what it is told is not read yet.
func newAgent(c *Config) (*agent, error) {
	paths := []string{c.Agent}
	if !filepath.IsAbs(c.Agent) {
		paths = nil
		for _, folder := range folders {
			paths = append(paths, filepath.Join(folder, c.Agent))
		}
	}
	for _, path := range paths {
		if _, err := exec.LookPath(path); err != nil {
			continue
		}
		if err := trust.Program(path); err != nil {
			return nil, err
		}
		return &agent{name: filepath.Base(path), path: path}, nil
	}
	return nil, fmt.Errorf("find %s: %w", strings.Join(paths, ", "), errNotThere)
}

// load takes the options and reads the secrets.
func (a *agent) load(c *Config) error {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		fmt.Fprintf(&lines, "%s=%s\n", name, c.Options[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		text, err := c.Secrets[name].Reveal()
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if !sendable(text) {
			return fmt.Errorf("read %s: %s holds several lines: want one", name, c.Secrets[name].Source())
		}
		fmt.Fprintf(&lines, "%s=%s\n", name, text)
		a.secrets = append(a.secrets, text, strings.ReplaceAll(text, "'", `'\''`)) // as agents quote it for a shell
	}
	a.lines = lines.String()
	slices.SortFunc(a.secrets, func(x, y string) int { return cmp.Compare(len(y), len(x)) })
	return nil
}

// do calls the agent for an action on the device.
func (a *agent) do(ctx context.Context, action string) (answer, error) {
	return a.run(ctx, a.lines+"action="+action+"\n")
}

// run calls the agent. It is not started once ctx has ended, by the clock and not
// only by its timer, and it is killed when ctx ends. It is the first process of a
// PID namespace (pid_namespaces(7)): however it ends, the kernel kills with it all
// that it started, and it ends with this plugin. A process group would not do:
// agents start their tools in sessions of their own.
func (a *agent) run(ctx context.Context, input string) (answer, error) {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) || ctx.Err() != nil {
		return answer{}, fmt.Errorf("call %s: %w", a.name, cmp.Or(context.Cause(ctx), context.DeadlineExceeded))
	}
	runtime.LockOSThread() // Pdeathsig goes by thread
	defer runtime.UnlockOSThread()
	var stdout, stderr bounded
	cmd := exec.CommandContext(ctx, a.path)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "LANG=C"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = drain
	err := cmd.Run()
	said := answer{stdout: stdout.String(), shown: a.show(stdout.String(), stderr.String())}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return said, fmt.Errorf("call %s: killed without an answer: %w", a.name, context.Cause(ctx))
	case errors.As(err, &exit) && exit.Exited():
		said.code = exit.ExitCode()
	case err != nil:
		return said, fmt.Errorf("call %s: %w", a.name, err)
	}
	return said, nil
}

// show is what people may see of an agent's output: its last line, without secrets.
func (a *agent) show(outputs ...string) string {
	text := ""
	for _, out := range outputs {
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); line != "" {
				text = line
			}
		}
	}
	for _, secret := range a.secrets {
		text = strings.ReplaceAll(text, secret, "<secret>")
	}
	return spoken.Brief(strings.ToValidUTF8(text, "?"), shownBound)
}

// answer is what an agent said.
type answer struct {
	code          int
	stdout, shown string
}

// String returns what people may see.
func (a answer) String() string {
	return fmt.Sprintf("exit status %d, %s", a.code, cmp.Or(a.shown, "without a word"))
}

// powerWord ends the line in which an agent says how the output is, as "Status: OFF".
var powerWord = regexp.MustCompile(`(?im)\b(on|off)\W*$`)

// The exit statuses of the action status.
const (
	exitOn  = 0
	exitOff = 2
)

// power reads an answer to the action status. The exit status and the words must
// agree: 2 alone is also what a shell or an interpreter ends with that could not run
// the agent at all.
func (a answer) power() (sdk.Power, error) {
	words := map[string]bool{}
	for _, match := range powerWord.FindAllStringSubmatch(a.stdout, -1) {
		words[strings.ToLower(match[1])] = true
	}
	switch {
	case a.code == exitOff && words["off"] && !words["on"]:
		return sdk.PowerOff, nil
	case a.code == exitOn && words["on"] && !words["off"]:
		return sdk.PowerOn, nil
	case a.code == exitOff || a.code == exitOn:
		return sdk.PowerUnknown, fmt.Errorf("its exit status and its words do not agree: %s", a)
	}
	return sdk.PowerUnknown, errors.New(a.String())
}

// bounded keeps the whole lines in the beginning of what is written to it: a part
// of a line could hold a part of a secret.
type bounded struct {
	text bytes.Buffer
	over bool
}

// Write implements io.Writer; it takes everything.
func (b *bounded) Write(p []byte) (int, error) {
	kept := p[:min(len(p), outputBound-b.text.Len())]
	b.text.Write(kept)
	b.over = b.over || len(kept) < len(p)
	return len(p), nil
}

func (b *bounded) String() string {
	text := b.text.String()
	if b.over {
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	return text
}
