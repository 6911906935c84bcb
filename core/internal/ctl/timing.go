package ctl

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/control"
)

func (t *tool) timingCommand() *cobra.Command {
	return &cobra.Command{
		Use: "timing", Short: "Show how beats arrive, and which interval and deadtime that supports", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			timing, err := t.client().Timing(cmd.Context())
			if err != nil {
				return err
			}
			return t.show(timing, func(w io.Writer) { renderTiming(w, timing) })
		},
	}
}

// renderTiming writes the verdict first, then what it rests on.
func renderTiming(w io.Writer, t control.Timing) {
	line(w, "%s", timingVerdict(t))
	line(w, "")
	if t.Advice.Given {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		line(table, "\tINTERVAL\tWARNTIME\tDEADTIME\t")
		line(table, "configured\t%s\t", settingText(t.Now))
		line(table, "fastest supported\t%s\t", settingText(t.Advice.TimingSetting))
		_ = table.Flush()
	}
	for _, reason := range t.Advice.Reasons {
		line(w, "- %s", reason)
	}
	for _, l := range t.Links {
		if l.Alone > max(t.Now.Deadtime, t.Any.Alone) {
			line(w, "- link %s cannot keep the pair together when it is the last one left: it wants deadtime %s, not %s",
				l.Link, seconds(l.Alone), seconds(t.Now.Deadtime))
		}
	}
	if t.Any.Count == 0 {
		return
	}
	line(w, "")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(table, "LINK\tBEATS\tLOST\tOUTAGES\tLATE P50\tP99\tP99.9\tMAX\tSILENT\tANSWER\tALONE\t")
	for _, l := range t.Links {
		linkLine(table, l.Link, l)
	}
	linkLine(table, "first of all", t.Any)
	_ = table.Flush()
	line(w, "\nMeasured for %s, since the daemons of this node and %s both run. Silences of 10 s and more count as outages and nothing else.", seconds(t.Seconds), t.Peer)
	line(w, "LOST: beats that never came. LATE: how much later than announced they came. SILENT: the longest time between two.")
	line(w, "ANSWER: how old our own beat was at most when its answer came. ALONE: the deadtime that the link needs as the last one left.")
}

func linkLine(w io.Writer, name string, l control.LinkTiming) {
	lost := fmt.Sprint(l.Lost)
	if l.Lost > 0 {
		lost += fmt.Sprintf(" (%s)", share(l.Loss))
	}
	alone := "-"
	if l.Alone > 0 {
		alone = seconds(l.Alone)
	}
	line(w, "%s\t%d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t", name, l.Count, lost, l.Outages,
		seconds(l.P50), seconds(l.P99), seconds(l.P999), seconds(l.Max), seconds(l.Silent), seconds(l.Answer), alone)
}

// share prints a small ratio honestly: what is not none is never 0 %.
func share(ratio float64) string {
	if ratio < .001 {
		return "below 0.1 %"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*ratio), ".0") + " %"
}

func settingText(s control.TimingSetting) string {
	return seconds(s.Interval) + "\t" + seconds(s.Warntime) + "\t" + seconds(s.Deadtime)
}

// timingVerdict is the one sentence that a tired person needs.
func timingVerdict(t control.Timing) string {
	deadtime, worst := seconds(t.Now.Deadtime), seconds(max(t.Any.Silent, t.Any.Answer))
	switch {
	case t.Any.Count == 0:
		return fmt.Sprintf("NOTHING MEASURED: no beat of %s has come.", t.Peer)
	case max(t.Any.Silent, t.Any.Answer) >= t.Now.Deadtime:
		return fmt.Sprintf("TOO SHORT: deadtime is %s, and a living %s was not heard for %s.", deadtime, t.Peer, worst)
	case !t.Advice.Given:
		return "NO RECOMMENDATION YET."
	case t.Any.Alone > t.Now.Deadtime:
		return fmt.Sprintf("TIGHT: deadtime %s is less than twice the longest time that a living %s was not heard, %s.", deadtime, t.Peer, worst)
	default:
		return fmt.Sprintf("WELL: deadtime %s holds; what was measured asks for %s.", deadtime, seconds(t.Any.Alone))
	}
}
