package engine

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/storeward/storeward/core/internal/failover"
)

// TestEveryReasonHasWords: whatever the policy gives as a reason can be read.
func TestEveryReasonHasWords(t *testing.T) {
	files, err := filepath.Glob("../failover/*.go")
	if err != nil {
		t.Fatal(err)
	}
	reason := regexp.MustCompile(`m\.why\("\w+", "([\w-]+)"`)
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range reason.FindAllStringSubmatch(string(text), -1) {
			found[match[1]] = true
			if reasonWords[match[1]] == "" {
				t.Errorf("%s: no words for %q", file, match[1])
			}
		}
	}
	for code := range reasonWords {
		if !found[code] {
			t.Errorf("the policy has no reason %q", code)
		}
	}
	got := reasonTexts([]failover.Reason{
		{Rule: "S5", Code: "silent", Subject: "beta", Span: 4 * time.Minute},
		{Rule: "S6", Code: "wait", Subject: "turn 2"},
		{Rule: "S9", Code: "new"},
	}, "beta")
	for i, want := range []string{
		"beta has not been heard for 4 min (rule S5)",
		"the order to cut beta waits for this node's next turn (now: turn 2) (rule S6)",
		"S9 new",
	} {
		if got[i] != want {
			t.Errorf("%q, want %q", got[i], want)
		}
	}
}
