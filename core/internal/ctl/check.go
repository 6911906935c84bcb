package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/internal/sections"
)

// sectionsBound bounds the questions to all plugins, as at the daemon's start.
const sectionsBound = 30 * time.Second

func (t *tool) checkCommand() *cobra.Command {
	var plugins string
	var strict bool
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Check a configuration file without touching anything", Args: atMostOne("FILE"),
		Long: `Checks the file as the daemon does before it starts, for both nodes: every fault with its place and
what would be right. The plugins judge their own sections: their executable is started for that, and
opens nothing. Without it only the rest is checked, and the sections that were not are named.

Exit codes: 0 no fault was found, also where something could not be checked; 1 a fault was found, or,
with --strict, something could not be checked.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := t.config
			if len(args) > 0 {
				path = args[0]
			}
			return t.checkConfig(cmd.Context(), path, plugins, strict)
		},
	}
	own, _ := os.Executable() // not known: then the installed ones
	cmd.Flags().StringVar(&plugins, "plugins", pluginsProgram(own, installedPlugins), "the executable with the plugins")
	cmd.Flags().BoolVar(&strict, "strict", false, "end with 1 also when something could not be checked")
	return cmd
}

const installedPlugins = "/usr/libexec/storeward/storeward-plugins"

// pluginsProgram is the executable with the plugins that belongs to this one: beside
// it, else the installed one.
func pluginsProgram(own, installed string) string {
	beside := filepath.Join(filepath.Dir(own), filepath.Base(installed))
	if info, err := os.Stat(beside); own != "" && err == nil && info.Mode().IsRegular() {
		return beside
	}
	return installed
}

func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%w: %s takes at most one %s", errUsage, cmd.CommandPath(), name)
		}
		return nil
	}
}

// checkReport is what a check found.
type checkReport struct {
	File      string   `json:"file"`
	Good      bool     `json:"good"`
	Faults    []string `json:"faults,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Unchecked []string `json:"unchecked,omitempty"`
	Digest    string   `json:"digest,omitempty"`
}

func (t *tool) checkConfig(ctx context.Context, path, plugins string, strict bool) error {
	out := checkReport{File: path}
	cfg, err := config.Load(path)
	if unread := (*fs.PathError)(nil); errors.As(err, &unread) {
		return err // it is not known to have a fault
	}
	if err == nil {
		out.Digest = cfg.Digest()
		for _, w := range cfg.Warnings() {
			out.Warnings = append(out.Warnings, w.Error())
		}
		err = t.checkSections(ctx, cfg, plugins, &out)
	}
	out.Good = err == nil
	out.Faults = faultTexts(err)
	if shown := t.show(out, out.print); shown != nil {
		return shown
	}
	if !out.Good {
		return fmt.Errorf("%s has %d fault(s)", path, len(out.Faults))
	}
	if strict && len(out.Unchecked) > 0 {
		return fmt.Errorf("%s was not checked in full", path)
	}
	return nil
}

// checkSections asks the plugins about their sections, and tells what could not be asked.
func (t *tool) checkSections(ctx context.Context, cfg *config.Config, plugins string, out *checkReport) error {
	ctx, cancel := context.WithTimeout(ctx, sectionsBound)
	defer cancel()
	program, err := host.FindProgram(ctx, plugins)
	if err != nil {
		out.Unchecked = append(out.Unchecked,
			fmt.Sprintf("the sections (with) of the plugins %s: %v: name it with --plugins", strings.Join(pluginsOf(cfg), ", "), err))
		return nil
	}
	allowed, ignored := host.ReadAllowed(filepath.Join(filepath.Dir(t.config), host.AllowDir), program.Plugins)
	for _, why := range ignored {
		out.Warnings = append(out.Warnings, why.Error())
	}
	h, leave, err := t.borrowHost(program, allowed...)
	if err != nil {
		return err
	}
	defer leave()
	judge := sections.Judge{Host: h, Known: program.Plugins, Sick: func(plugin string, err error) bool {
		if errors.Is(err, host.ErrRefused) {
			return false
		}
		out.Unchecked = append(out.Unchecked, fmt.Sprintf("the sections of plugin %s: %v", plugin, err))
		return true
	}}
	for _, a := range allowed {
		judge.Known = append(judge.Known, a.Plugin)
	}
	nodes := []string{}
	for _, n := range cfg.Nodes {
		nodes = append(nodes, n.Name)
	}
	return judge.Check(ctx, cfg, nodes...)
}

// pluginsOf names the plugins that the configuration uses.
func pluginsOf(cfg *config.Config) []string {
	var out []string
	for _, use := range cfg.Uses() {
		out = append(out, use.Plugin)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// print shows the report to people.
func (r checkReport) print(w io.Writer) {
	for _, f := range r.Faults {
		line(w, "%s", f)
	}
	for _, warning := range r.Warnings {
		line(w, "warning: %s", warning)
	}
	for _, what := range r.Unchecked {
		line(w, "not checked: %s", what)
	}
	switch {
	case !r.Good:
	case len(r.Unchecked) > 0:
		line(w, "%s is good as far as it was checked, and it was NOT checked in full.", r.File)
	default:
		line(w, "%s is good.", r.File)
	}
}

func faultTexts(err error) []string {
	if err == nil {
		return nil
	}
	var faults config.Faults
	if !errors.As(err, &faults) {
		return []string{strings.TrimSpace(err.Error())}
	}
	out := make([]string, len(faults))
	for i, f := range faults {
		out[i] = f.Error()
	}
	return out
}
