package demo

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestEachWordOfAnIncidentOnce: its title grows with what is learnt, and is no news by itself.
func TestEachWordOfAnIncidentOnce(t *testing.T) {
	var out bytes.Buffer
	d := &demo{out: newPrinter(&out)}
	told := map[string]string{}
	for _, message := range []string{
		`{"id":"1","title":"alpha hands over.","kind":"drill"}`,
		`{"id":"1","title":"beta took over.","kind":"drill","recoverySeconds":0.4}`,
		`{"id":"1","title":"beta took over in 400 ms.","kind":"drill","recoverySeconds":0.4}`,
		`{"id":"2","title":"the UPS runs on its battery.","kind":"degraded"}`,
		`{"id":"2","title":"the UPS runs on its battery.","kind":"degraded","closed":"2026-11-26T12:00:00Z"}`,
		`{"id":"1","title":"beta took over in 400 ms.","kind":"drill","recoverySeconds":0.4,"redundant":"2026-11-26T12:00:00Z","closed":"2026-11-26T12:00:00Z"}`,
	} {
		d.live("incident", []byte(message), told)
	}
	d.out.close()
	var words []string
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line) // the time, the console, the noun and the word
		words = append(words, strings.Join(fields[2:4], " "))
	}
	if got, want := strings.Join(words, " "), "drill opened: drill done: incident opened: incident recorded: drill closed:"; got != want {
		t.Errorf("%s, want %s, of\n%s", got, want, out.String())
	}
}

// TestEventsBearTheirOwnTime: what comes after the WAN was mended is told with when it happened.
func TestEventsBearTheirOwnTime(t *testing.T) {
	var out bytes.Buffer
	d := &demo{out: newPrinter(&out)}
	at := time.Date(2026, 11, 26, 12, 0, 1, 0, time.Local)
	for _, delay := range []time.Duration{80 * time.Millisecond, 34 * time.Second} {
		data, err := json.Marshal(event{Node: "beta", Time: at, Received: at.Add(delay), Message: "alpha is silent"})
		if err != nil {
			t.Fatal(err)
		}
		d.live("event", data, nil)
	}
	d.out.close()
	want := "12:00:01.000  beta     alpha is silent\n12:00:01.000  beta     alpha is silent  (the console learnt it 34 s later)\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
