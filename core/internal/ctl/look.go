package ctl

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/control"
)

func (t *tool) historyCommand() *cobra.Command {
	var limit int
	var decisions bool
	cmd := &cobra.Command{
		Use: "history", Short: "Show what happened last", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if decisions && (cmd.Flags().Changed("limit") || t.output != "text") {
				return fmt.Errorf("%w: --decisions prints all that is kept, as simulate reads it: neither --limit nor -o json", errUsage)
			}
			if decisions {
				text, err := t.client().Decisions(cmd.Context())
				if err != nil {
					return err
				}
				_, err = io.WriteString(t.Out, text)
				return err
			}
			if limit < 1 || limit > control.MostEntries {
				return fmt.Errorf("%w: --limit is at least 1 and at most %d, not %d", errUsage, control.MostEntries, limit)
			}
			entries, err := t.client().History(cmd.Context(), limit)
			if err != nil {
				return err
			}
			return t.show(entries, func(w io.Writer) { renderHistory(w, entries) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, fmt.Sprintf("at most so many entries, up to %d", control.MostEntries))
	cmd.Flags().BoolVar(&decisions, "decisions", false, "print the inputs of the last decisions, for storewardctl simulate")
	return cmd
}

// renderHistory prints oldest first: the newest line ends up beside the prompt.
func renderHistory(w io.Writer, entries []control.Entry) {
	if len(entries) == 0 {
		line(w, "Nothing happened yet.")
	}
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		line(w, "%s  %-8s %-20s %s", e.Time.Local().Format("2006-01-02 15:04:05.000"), severityWord(e.Severity), e.Object, e.Message)
	}
}

// severityWord is X.733's word, but for the one of what is no trouble at all.
func severityWord(severity string) string {
	if severity == "indeterminate" {
		return "info"
	}
	return severity
}

func (t *tool) planCommand() *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Show what the policy decides now, and why", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := t.client().Plan(cmd.Context())
			if err != nil {
				return err
			}
			return t.show(plan, func(w io.Writer) { renderPlan(w, plan) })
		},
	}
}

func renderPlan(w io.Writer, p control.Plan) {
	line(w, "Generation %d: %s", p.Generation, p.Decision)
	list := func(title string, lines []string, none string) {
		if len(lines) == 0 {
			line(w, "%s: %s", title, none)
			return
		}
		line(w, "%s:", title)
		for _, l := range lines {
			line(w, "  %s", l)
		}
	}
	list("Ordered last", p.Actions, "none")
	list("Because", p.Why, "all is as it shall be")
	if p.WakeSeconds > 0 {
		line(w, "Looks again in %s, or when something happens.", seconds(p.WakeSeconds))
	}
}
