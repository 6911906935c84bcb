package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/storeward/storeward/contrib/retail"
)

// printer writes one line per event.
type printer struct {
	mu  sync.Mutex
	out io.Writer
}

func newPrinter(out io.Writer) *printer { return &printer{out: out} }

func (p *printer) line(source, format string, arguments ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%s  %-8s %s\n", time.Now().Format("15:04:05.000"), source, fmt.Sprintf(format, arguments...))
}

func (p *printer) text(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprint(p.out, text)
}

// reports turns what the till prints into lines.
type reports struct {
	out  *printer
	rest []byte
}

func (r *reports) Write(p []byte) (int, error) {
	r.rest = append(r.rest, p...)
	for {
		line, rest, found := bytes.Cut(r.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		r.rest = rest
		var report retail.Report
		if err := json.Unmarshal(line, &report); err != nil {
			r.out.line("till", "%s", line)
			continue
		}
		r.out.line("till", "%s", report.Text)
	}
}

// event is what the console's stream says of one.
type event struct {
	Node     string `json:"node"`
	Kind     string `json:"kind"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
}

// incident is what the console's stream says of one.
type incident struct {
	ID              string  `json:"id"`
	Title           string  `json:"title"`
	Kind            string  `json:"kind"`
	RecoverySeconds float64 `json:"recoverySeconds"`
	Closed          *string `json:"closed"`
}

// follow prints the console's live events, and connects again when the console was away.
func (d *demo) follow(ctx context.Context) {
	go func() {
		told := map[string]string{}
		for ctx.Err() == nil {
			client, err := d.site.HQ.Client(ctx)
			if err == nil {
				err = client.Stream(ctx, func(kind string, data []byte) { d.live(kind, data, told) })
			}
			if err != nil && ctx.Err() == nil {
				d.out.line("console", "does not answer: %s", strings.TrimSpace(err.Error()))
			}
			pause := time.NewTimer(time.Second)
			select {
			case <-ctx.Done():
				pause.Stop()
			case <-pause.C:
			}
		}
	}()
}

// live prints one message of the stream; told holds what was said of each incident.
func (d *demo) live(kind string, data []byte, told map[string]string) {
	switch kind {
	case "event":
		var e event
		if json.Unmarshal(data, &e) == nil {
			d.out.line(e.Node, "%s", e.Message)
		}
	case "incident":
		var i incident
		if json.Unmarshal(data, &i) != nil {
			return
		}
		text := fmt.Sprintf("incident opened: %s", i.Title)
		if i.RecoverySeconds > 0 {
			text = fmt.Sprintf("incident: %s, recovered in %.0f ms", i.Title, i.RecoverySeconds*1000)
		}
		if i.Closed != nil {
			text += ", closed"
		}
		if told[i.ID] != text {
			told[i.ID] = text
			d.out.line("console", "%s  http://%s/incidents/%s", text, consoleAddress, i.ID)
		}
	}
}
