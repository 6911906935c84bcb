package ctl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/host"
)

func (t *tool) pluginCommand() *cobra.Command {
	cmd := branch(&cobra.Command{Use: "plugin", Short: "Look at plugins"})
	var name, section string
	check := &cobra.Command{
		Use: "check BINARY", Short: "Examine a plugin's executable, and print the allow file that lets it run", Args: exactly("BINARY"),
		Long: `Starts the executable and asks what every plugin must keep: who it is, that it refuses what cannot be its
section, and with --with that it opens an instance and answers by each of its roles, within 10 s and sixteen calls
at once. Nothing is started, stopped or switched. Of a plugin that passes it prints the allow file: without it
in allow.d, beside the configuration, the daemon does not run an executable that is not Storeward's own.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.checkPlugin(cmd.Context(), args[0], name, section)
		},
	}
	check.Flags().StringVar(&name, "name", "", "the plugin's name (default: the executable's)")
	check.Flags().StringVar(&section, "with", "", "a file with a section, YAML, that works on this machine")
	cmd.AddCommand(check)
	return cmd
}

func (t *tool) checkPlugin(ctx context.Context, binary, name, section string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("find %s: %w", binary, err)
	}
	if name == "" {
		name = strings.TrimPrefix(filepath.Base(binary), "storeward-")
	}
	out := pluginReport{Binary: binary}
	e := examiner{plugin: name, about: &out}
	if section != "" {
		if e.section, err = os.ReadFile(section); err != nil { //nolint:gosec // the operator names the file
			return fmt.Errorf("read section: %w", err)
		}
	}
	examined, err := host.Allow(ctx, name, binary)
	if err != nil {
		return err
	}
	defer func() { _ = examined.Close() }()
	h, leave, err := t.borrowHost(host.Program{}, examined)
	if err != nil {
		return err
	}
	defer leave()
	e.host = h
	e.examine(ctx)
	failed := out.failed()
	if out.Good = failed == 0; out.Good {
		if err := out.allow(examined, t.config); err != nil {
			return err
		}
	}
	if err := t.show(&out, out.print); err != nil {
		return err
	}
	if !out.Good {
		return fmt.Errorf("%s fails %d of %d examinations", binary, failed, len(out.Findings))
	}
	return nil
}

// allow fills in what would let the daemon of this configuration run what was examined.
func (r *pluginReport) allow(examined host.Allowed, configuration string) (err error) {
	if examined.Exposed() != nil {
		from := examined.Path
		examined.Path = filepath.Join(host.ForeignDir, r.Name)
		r.Install = fmt.Sprintf("install -D -o root -g root -m 755 %s %s", shellWord(from), shellWord(examined.Path))
	}
	r.Allow, err = examined.Text()
	r.AllowFile = filepath.Join(filepath.Dir(configuration), host.AllowDir, r.Name+".yaml")
	return err
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord is a text as one word of a POSIX shell's command (Shell Command Language, 2.2.2).
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// borrowHost makes a home for plugins that lasts until leave is called. Nothing of the
// node's is touched in it.
func (t *tool) borrowHost(program host.Program, allowed ...host.Allowed) (h *host.Host, leave func(), err error) {
	dir, err := os.MkdirTemp("", "storewardctl-")
	if err != nil {
		return nil, nil, fmt.Errorf("make directory for the check: %w", err)
	}
	log := logrus.New()
	log.SetOutput(t.Err)
	log.SetLevel(logrus.ErrorLevel)
	h, err = host.New(host.Options{
		Log: log, Dir: filepath.Join(dir, "sockets"), StateDir: filepath.Join(dir, "state"), Command: program.Command, Allowed: allowed,
	})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return h, func() {
		_ = h.Close()
		_ = os.RemoveAll(dir)
	}, nil
}
