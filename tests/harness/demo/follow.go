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
	"github.com/storeward/storeward/core/api"
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
	p.lineAt(time.Now(), source, format, arguments...)
}

func (p *printer) lineAt(at time.Time, source, format string, arguments ...any) {
	p.text(fmt.Sprintf("%s  %-8s %s\n", at.Local().Format("15:04:05.000"), source, fmt.Sprintf(format, arguments...)))
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
	Node     string    `json:"node"`
	Time     time.Time `json:"time"`
	Received time.Time `json:"received"`
	Message  string    `json:"message"`
}

// late is how long the console did not know of it; longer than this is said.
const late = 2 * time.Second

// text is the event's message, and that it came late where it did: the time before it is its own.
func (e event) text() string {
	delay := e.Received.Sub(e.Time)
	if delay < late {
		return e.Message
	}
	return fmt.Sprintf("%s  (the console learnt it %.0f s later)", e.Message, delay.Seconds())
}

// incident is what the console's stream says of one.
type incident struct {
	ID              string  `json:"id"`
	Title           string  `json:"title"`
	Kind            string  `json:"kind"`
	RecoverySeconds float64 `json:"recoverySeconds"`
	Redundant       *string `json:"redundant"`
	Closed          *string `json:"closed"`
}

// noun names what somebody asked for as that: it is no trouble.
func (i incident) noun() string {
	if i.Kind == api.IncidentDrill || i.Kind == api.IncidentSwitchover {
		return i.Kind
	}
	return "incident"
}

// word is how far the incident is. One that never was about the pair, as a UPS on its
// battery, closes with its evidence, whatever lasts longer.
func (i incident) word() string {
	switch {
	case i.Closed != nil && i.Redundant == nil && i.RecoverySeconds == 0:
		return "recorded"
	case i.Closed != nil:
		return "closed"
	case i.RecoverySeconds > 0 && i.noun() != "incident":
		return "done"
	case i.RecoverySeconds > 0:
		return "recovered"
	}
	return "opened"
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

// live prints one message of the stream; told holds the last word about each incident.
func (d *demo) live(kind string, data []byte, told map[string]string) {
	switch kind {
	case "event":
		var e event
		if json.Unmarshal(data, &e) == nil {
			d.out.lineAt(e.Time, e.Node, "%s", e.text())
		}
	case "incident":
		var i incident
		if json.Unmarshal(data, &i) != nil {
			return
		}
		if word := i.word(); told[i.ID] != word {
			told[i.ID] = word
			d.out.line("console", "%s %s: %s  http://%s/incidents/%s", i.noun(), word, strings.TrimSuffix(i.Title, "."), consoleAddress, i.ID)
		}
	}
}
