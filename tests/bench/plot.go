package bench

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// bar is one line of the plot: the spread of a figure.
type bar struct {
	name, note string
	own        bool
	Figure
}

// Measures of the plot, in its own units.
const (
	plotWidth  = 760
	plotLeft   = 250 // where the axis begins
	plotRight  = plotWidth - 70
	plotTop    = 48
	plotLine   = 26
	plotBottom = 40
)

// plotStyle is readable on light and on dark paper.
const plotStyle = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .faint { fill: #6e7781; font-size: 11px } .grid { stroke: #d0d7de } .title { font-weight: 600 }
  .own { stroke: #0969da; fill: #0969da } .peer { stroke: #8250df; fill: #8250df } .unfenced { fill: #ffffff }
  .paper { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #3d444d }
    .own { stroke: #4493f8; fill: #4493f8 } .peer { stroke: #ab7df8; fill: #ab7df8 } .paper, .unfenced { fill: #0d1117 }
  }`

// plot draws the figures on a logarithmic axis of milliseconds: a thin line from
// the least to the greatest, a thick one up to p95, a dot at the median, hollow
// where nobody made sure that the other node was off.
func plot(title string, bars []bar) string {
	bars = measured(bars)
	low, high := decades(bars)
	at := func(ms float64) float64 {
		return plotLeft + (math.Log10(ms)-low)/(high-low)*(plotRight-plotLeft)
	}
	height := plotTop + len(bars)*plotLine + plotBottom
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s\n</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n", html.EscapeString(title), plotStyle)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"12\" y=\"22\">Time without service, ms</text>\n")
	fmt.Fprintf(&b, "<text class=\"faint\" x=\"12\" y=\"38\">dot: median · thick: to p95 · thin: least to greatest · hollow: nobody made sure that the other node was off</text>\n")
	grid(&b, at, low, high, height)
	for i, one := range bars {
		line(&b, one, float64(plotTop+i*plotLine+plotLine/2), at)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func measured(bars []bar) (with []bar) {
	for _, b := range bars {
		if b.N > 0 && b.Min > 0 {
			with = append(with, b)
		}
	}
	return with
}

// decades are the powers of ten that hold every figure.
func decades(bars []bar) (low, high float64) {
	low, high = 1, 3
	for _, b := range bars {
		low, high = min(low, math.Floor(math.Log10(b.Min))), max(high, math.Ceil(math.Log10(b.Max)))
	}
	return low, high
}

func grid(b *strings.Builder, at func(float64) float64, low, high float64, height int) {
	for decade := low; decade <= high; decade++ {
		for _, step := range []float64{1, 2, 5} {
			ms := step * math.Pow(10, decade)
			if decade == high && step > 1 {
				break
			}
			fmt.Fprintf(b, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", at(ms), at(ms), plotTop, height-plotBottom+6)
			fmt.Fprintf(b, "<text class=\"faint\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>\n", at(ms), height-plotBottom+22, axisLabel(ms))
		}
	}
}

func axisLabel(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%g s", ms/1000)
	}
	return fmt.Sprintf("%g", ms)
}

func line(b *strings.Builder, one bar, y float64, at func(float64) float64) {
	class, dot := "peer", "peer"
	if one.own {
		class, dot = "own", "own"
	}
	if one.note == "none" {
		dot += " unfenced"
	}
	fmt.Fprintf(b, "<text text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%s</text>\n", plotLeft-14, y+4, html.EscapeString(one.name))
	fmt.Fprintf(b, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke-width=\"1.5\"/>\n", class, at(one.Min), at(one.Max), y, y)
	fmt.Fprintf(b, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke-width=\"5\"/>\n", class, at(one.Min), at(one.P95), y, y)
	fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\" stroke-width=\"2\"/>\n", dot, at(one.Median), y)
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", at(one.Max)+8, y+4, short(one.Median))
}
