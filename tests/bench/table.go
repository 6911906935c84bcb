package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is what people read, on a terminal and in the README.
type table struct {
	title string
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) text(out io.Writer) error {
	fmt.Fprintln(out, t.title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// markdown is the table as a README has it; all columns but the first hold figures.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| %s |\n| --- |%s\n", t.title, strings.Join(t.head, " | "), strings.Repeat(" ---: |", len(t.head)-1))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// summary are the cells of a figure: n, min, median, p95, max.
func (f Figure) summary() []string {
	if f.N == 0 {
		return []string{"0", "", "", "", ""}
	}
	return []string{fmt.Sprint(f.N), short(f.Min), short(f.Median), short(f.P95), short(f.Max)}
}

var summaryHead = []string{"n", "min", "median", "p95", "max"}

// short shows three digits, and no more of whole numbers than there are.
func short(x float64) string {
	switch {
	case x == float64(int64(x)), x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}
