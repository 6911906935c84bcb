package retail

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		acknowledged, recorded string
		missing, doubled       int
	}{
		{"a b", "a b", 0, 0},
		{"a b", "a b c", 0, 0}, // c was committed and its confirmation lost when the till ended
		{"a b", "a", 1, 0},
		{"a", "a a a", 0, 1},
	} {
		missing, doubled := compare(strings.Fields(test.acknowledged), strings.Fields(test.recorded))
		if missing != test.missing || doubled != test.doubled {
			t.Errorf("%+v: missing %d doubled %d", test, missing, doubled)
		}
	}
}

func TestStallAndResumeAreToldOnce(t *testing.T) {
	var kinds []string
	till := New(Config{Report: func(r Report) { kinds = append(kinds, r.Kind) }})
	till.waits(context.DeadlineExceeded)
	till.waits(context.DeadlineExceeded)
	till.acknowledged("a")
	till.acknowledged("b")
	if got := strings.Join(kinds, " "); got != "stall resume" {
		t.Errorf("told %q", got)
	}
}

func TestLookUp(t *testing.T) {
	for body, good := range map[string]bool{"[199]": true, "[]": false, "<html>": false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		till := New(Config{Prices: server.URL, Attempt: 5 * time.Second})
		if _, cents, err := till.lookUp(t.Context()); (err == nil && cents == 199) != good {
			t.Errorf("%s: %d %v", body, cents, err)
		}
		server.Close()
	}
}

func TestUsage(t *testing.T) {
	if err := Run(nil, &strings.Builder{}); err == nil {
		t.Error("a till without addresses started")
	}
}
