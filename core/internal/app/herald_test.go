package app

import (
	"strings"
	"testing"

	"github.com/storeward/storeward/core/internal/engine"
)

// TestWhatHappensAtTheStartIsToldLater, in its order, and once.
func TestWhatHappensAtTheStartIsToldLater(t *testing.T) {
	var h herald
	var told []string
	say := func(what string) func(*engine.Engine) {
		return func(e *engine.Engine) {
			if e == nil {
				t.Error("told to nobody")
			}
			told = append(told, what)
		}
	}
	h.tell(say("one"))
	h.tell(say("two"))
	if len(told) > 0 {
		t.Error("told before there is an engine")
	}
	h.ready(&engine.Engine{})
	h.tell(say("three"))
	if got := strings.Join(told, " "); got != "one two three" {
		t.Errorf("told %q", got)
	}
}
