package ctl

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/host"
)

// pluginBound bounds the whole check of a plugin.
const pluginBound = 15 * time.Second

func (t *tool) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "plugin", Short: "Look at plugins"}
	var name, section string
	check := &cobra.Command{
		Use: "check BINARY", Short: "Start a plugin's executable and check that it speaks as it should", Args: exactly("BINARY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.checkPlugin(cmd.Context(), args[0], name, section)
		},
	}
	check.Flags().StringVar(&name, "name", "", "the plugin's name (default: the executable's)")
	check.Flags().StringVar(&section, "with", "", "a file with a plugin's section to be checked, YAML")
	cmd.AddCommand(check)
	return cmd
}

// pluginReport is what a check found.
type pluginReport struct {
	Binary  string `json:"binary"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Summary string `json:"summary"`
	Section string `json:"section,omitempty"`
}

func (t *tool) checkPlugin(ctx context.Context, binary, name, section string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("find %s: %w", binary, err)
	}
	if name == "" {
		name = strings.TrimPrefix(filepath.Base(binary), "storeward-")
	}
	h, leave, err := t.borrowHost(host.Program{Path: binary})
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, pluginBound)
	defer cancel()
	described, err := h.Describe(ctx, name)
	if err != nil {
		return fmt.Errorf("start plugin %s of %s: %w", name, binary, err)
	}
	out := pluginReport{Binary: binary, Name: described.Name, Version: described.Version, Summary: described.Summary}
	if section != "" {
		text, err := os.ReadFile(section) //nolint:gosec // the operator names the file
		if err != nil {
			return fmt.Errorf("read section: %w", err)
		}
		if _, err := h.Check(ctx, name, text); err != nil {
			return fmt.Errorf("the plugin refuses %s: %w", section, err)
		}
		out.Section = section + " is good"
	}
	return t.show(out, func(w io.Writer) {
		line(w, "%s %s: %s", out.Name, out.Version, out.Summary)
		if out.Section != "" {
			line(w, "%s", out.Section)
		}
		line(w, "It starts, speaks the protocol and checks sections as it should.")
	})
}

// borrowHost makes a home for plugins that lasts until leave is called. Nothing is
// opened in it: plugins are asked who they are and what they make of their sections.
func (t *tool) borrowHost(program host.Program) (h *host.Host, leave func(), err error) {
	dir, err := os.MkdirTemp("", "storewardctl-")
	if err != nil {
		return nil, nil, fmt.Errorf("make directory for the check: %w", err)
	}
	log := logrus.New()
	log.SetOutput(t.Err)
	log.SetLevel(logrus.WarnLevel)
	h, err = host.New(host.Options{
		Log: log, Dir: filepath.Join(dir, "sockets"), StateDir: filepath.Join(dir, "state"), Command: program.Command,
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
