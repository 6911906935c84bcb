package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/control"
)

func (t *tool) diffCommand() *cobra.Command {
	var peer bool
	cmd := &cobra.Command{
		Use: "diff [FILE]", Short: "Show what a file, or the other node, has different from the running configuration", Args: atMostOne("FILE"),
		Long: `Compares what this node runs with a file (the daemon's own one unless another is named), or with --peer
with what the other node runs, key by key: comments, the way a value is written and defaults that are written
out are no difference. Secrets are compared and never shown; one that is kept in a file goes by the file's name.
Of each change of a file it tells whether "storewardctl config apply" makes it at once, or the daemon has to be
restarted for it. Nothing is changed.

Exit codes, as diff(1): 0 nothing differs; 1 something does; 2 trouble.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := t.config
			if len(args) > 0 {
				path = args[0]
			}
			if peer && len(args) > 0 {
				return fmt.Errorf("%w: give a FILE or --peer, not both", errUsage)
			}
			err := t.diff(cmd.Context(), path, peer)
			if err != nil && !errors.Is(err, errDiffers) {
				return trouble{err}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&peer, "peer", false, "compare with what the other node runs")
	return cmd
}

func (t *tool) diff(ctx context.Context, path string, peer bool) error {
	found, err := t.difference(ctx, path, peer)
	if err != nil {
		return err
	}
	if found.Changes == nil {
		found.Changes = []config.Change{} // in JSON too
	}
	if err := t.show(found, func(w io.Writer) { renderDifference(w, found, peer) }); err != nil {
		return err
	}
	if len(found.Changes) > 0 {
		return errDiffers
	}
	return nil
}

func (t *tool) difference(ctx context.Context, path string, peer bool) (control.Difference, error) {
	if peer {
		return t.client().PeerDifference(ctx)
	}
	if _, err := config.Load(path); err != nil { // in its own words, and within its bounds
		return control.Difference{}, err
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return control.Difference{}, fmt.Errorf("read configuration: %w", err)
	}
	found, err := t.client().Difference(ctx, control.File{Name: filepath.Base(path), Text: string(text)})
	found.To = path
	return found, err
}

// renderDifference prints one change a line, and what follows from them.
func renderDifference(w io.Writer, d control.Difference, peer bool) {
	if len(d.Changes) == 0 {
		line(w, "No difference: %s, %s.", d.From, d.To)
		return
	}
	line(w, "--- %s", d.From)
	line(w, "+++ %s", d.To)
	for _, c := range d.Changes {
		effect := ""
		if !peer {
			effect = map[bool]string{true: "  (needs a restart)", false: "  (at once)"}[c.Restart]
		}
		line(w, "%s%s", changeText(c), effect)
		for _, s := range c.Settings {
			line(w, "    %s", s)
		}
	}
	line(w, "")
	switch {
	case peer && d.Digests:
		line(w, "Until both nodes run the same, they keep to the more careful of the two: failover works, and takes longer.")
	case peer:
		line(w, "The nodes' decisions do not depend on what differs.")
	case len(d.Restart) > 0:
		line(w, "config apply refuses the whole file: a restart of the daemon is needed for %s.", strings.Join(d.Restart, ", "))
	default:
		line(w, "config apply makes all of it at once; no plugin and no resource is restarted.")
	}
	if !peer && d.Digests {
		line(w, "The other node must have the same file: until then failover takes longer.")
	}
}

func changeText(c config.Change) string {
	switch c.Kind {
	case config.Added, config.Removed:
		return c.Path + ": " + string(c.Kind)
	case config.Reordered:
		return fmt.Sprintf("%s: another order: %s -> %s", c.Path, c.Was, c.Will)
	case config.Changed:
	}
	was, will := valueText(c.Was), valueText(c.Will)
	if was == will { // a secret, hidden on both sides
		will = "another " + will
	}
	return c.Path + ": " + was + " -> " + will
}

func valueText(value string) string {
	if value == "" {
		return "(none)"
	}
	return value
}
