// Package ctl holds the commands of storewardctl: what an operator on a node
// asks of the daemon, and what can be done without one (check a configuration,
// replay an incident, make keys). It decides nothing; the active node's policy does.
package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// Exit codes.
const (
	exitOK       = 0
	exitFailed   = 1 // tried and failed, or the daemon refused
	exitUsage    = 2 // the command line makes no sense
	exitNoDaemon = 3 // the daemon does not answer
	exitAlarm    = 4 // status --check: an alarm stands or the pair is not whole
	// config diff ends as diff(1) does.
	exitDiffers = 1
	exitTrouble = 2
)

// ErrUsage marks errors of the command line.
var errUsage = errors.New("usage")

// errNotAgreed marks a command that waits for --yes.
var errNotAgreed = errors.New("nothing was done")

// errAlarm makes status --check end with its own exit code.
var errAlarm = errors.New("the store needs attention")

// errDiffers makes config diff end with its own exit code.
var errDiffers = errors.New("the configurations differ")

// trouble is any error of config diff.
type trouble struct{ error }

// Env is what the commands need of the world; the tests bring their own.
type Env struct {
	Out, Err io.Writer
	Now      func() time.Time
	// Version is the program's version.
	Version string
}

// tool is the state that the commands of one run share.
type tool struct {
	Env
	runDir string
	config string
	output string
}

func (t *tool) client() *control.Client { return control.NewClient(t.runDir) }

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, env Env) int {
	root := New(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errAlarm) && !errors.Is(err, errDiffers) {
		_, _ = fmt.Fprintf(env.Err, "storewardctl: %s\n", presentable(err.Error(), args))
	}
	return exitCode(err)
}

// longestEcho is the most of an argument that an error says again, in bytes.
const longestEcho = 300

// presentable is an error for a terminal: a long argument in it is cut, and what would
// steer the terminal, as a file's name may, is shown as Go writes it.
func presentable(text string, args []string) string {
	for _, arg := range args {
		_, value, _ := strings.Cut(arg, "=")
		for _, echo := range []string{arg, value} {
			if len(echo) > longestEcho {
				text = strings.ReplaceAll(text, echo, spoken.Brief(echo, longestEcho))
				quoted := strings.Trim(strconv.Quote(echo), `"`)
				text = strings.ReplaceAll(text, quoted, spoken.Brief(quoted, longestEcho))
			}
		}
	}
	var out strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &trouble{}):
		return exitTrouble
	case errors.Is(err, errDiffers):
		return exitDiffers
	case errors.Is(err, errUsage), errors.Is(err, errNotAgreed):
		return exitUsage
	case errors.Is(err, control.ErrNoDaemon):
		return exitNoDaemon
	case errors.Is(err, errAlarm):
		return exitAlarm
	default:
		return exitFailed
	}
}

// New builds the tree of commands.
func New(env Env) *cobra.Command {
	t := &tool{Env: env}
	root := branch(&cobra.Command{
		Use:           "storewardctl",
		Version:       t.Version,
		Short:         "Look at and steer this store's pair of servers",
		SilenceUsage:  true,
		SilenceErrors: true,
		Long: `storewardctl talks to the storeward daemon of this node.

Exit codes: 0 done; 1 failed or refused; 2 wrong usage; 3 the daemon does not answer;
4 (status --check) an alarm stands or the pair is not whole. config diff: 0 the same; 1 different; 2 trouble.`,
		PersistentPreRunE: func(*cobra.Command, []string) error { return t.checkOutput() },
	})
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	flags := root.PersistentFlags()
	flags.StringVar(&t.runDir, "run-dir", "/run/storeward", "the daemon's run directory")
	flags.StringVar(&t.config, "config", "/etc/storeward/storeward.yaml", "the store's configuration file")
	flags.StringVarP(&t.output, "output", "o", "text", "text or json")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(t.statusCommand(), t.historyCommand(), t.planCommand(), t.timingCommand(), t.configCommand(),
		t.simulateCommand(), t.pluginCommand(), t.keygenCommand(), t.versionCommand())
	for _, o := range orders {
		root.AddCommand(t.orderCommand(o))
	}
	return root
}

// branch is a command that only holds others: alone it shows its help.
func branch(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := cmd.CommandPath() + " --help lists them"
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean " + near[0] + "?"
		}
		return fmt.Errorf("%w: there is no command %q: %s", errUsage, args[0], hint)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

func (t *tool) checkOutput() error {
	if t.output != "text" && t.output != "json" {
		return fmt.Errorf("%w: --output is text or json, not %q", errUsage, t.output)
	}
	return nil
}

// show prints a value as JSON, or as the text that render makes of it.
func (t *tool) show(value any, render func(io.Writer)) error {
	if t.output == "json" {
		encoder := json.NewEncoder(t.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
	render(t.Out)
	return nil
}

// exactly refuses a wrong number of arguments as wrong usage.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return fmt.Errorf("%w: %s takes no argument", errUsage, cmd.CommandPath())
		}
		return fmt.Errorf("%w: write %s %s", errUsage, cmd.CommandPath(), strings.Join(names, " "))
	}
}

func (t *tool) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			return t.show(map[string]string{"version": t.Version}, func(w io.Writer) { line(w, "storewardctl %s", t.Version) })
		},
	}
}

// operator names who asks: the login behind sudo where there is one.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func line(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

func writeNew(dir, name string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
