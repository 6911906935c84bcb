package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/storeward/storeward/contrib/retail"
)

// printer writes one line per event. Whoever prints never waits for the
// terminal: a paused one must not hold up the lab, so lines beyond a long queue are dropped.
type printer struct {
	lines chan string
	stop  chan struct{}
	done  chan struct{}
}

const printerQueue = 4096

func newPrinter(out io.Writer) *printer {
	p := &printer{lines: make(chan string, printerQueue), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for {
			select {
			case line := <-p.lines:
				fmt.Fprint(out, line)
			case <-p.stop:
				for range len(p.lines) {
					fmt.Fprint(out, <-p.lines)
				}
				return
			}
		}
	}()
	return p
}

func (p *printer) line(source, format string, arguments ...any) {
	p.text(fmt.Sprintf("%s  %-8s %s\n", time.Now().Format("15:04:05.000"), source, fmt.Sprintf(format, arguments...)))
}

func (p *printer) text(text string) {
	select {
	case p.lines <- text:
	default:
	}
}

// close prints what is left; what comes later is dropped.
func (p *printer) close() {
	close(p.stop)
	<-p.done
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

// follow prints the console's live events until it is stopped, and connects again when the console was away.
func (d *demo) follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
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
	return func() { cancel(); <-done }
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
		word := "opened"
		switch {
		case i.Closed != nil:
			word = "closed"
		case i.RecoverySeconds > 0:
			word = "recovered"
		}
		text := fmt.Sprintf("incident %s: %s", word, strings.TrimSuffix(i.Title, "."))
		if told[i.ID] != text {
			told[i.ID] = text
			d.out.line("console", "%s  http://%s/incidents/%s", text, consoleAddress, i.ID)
		}
	}
}
