package httpapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGoldenAnswers compares whole answers with testdata; STOREWARD_REWRITE=1 writes them anew.
func TestGoldenAnswers(t *testing.T) {
	s := newSite(t)
	c := s.client(t, "view")
	for name, path := range map[string]string{
		"incident": "/api/v1/incidents/i1", "store": "/api/v1/stores/s0001", "alarms": "/api/v1/alarms", "failovers": "/api/v1/failovers?days=30",
	} {
		_, text := s.do(t, c, "GET", path, "")
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", append(got, '\n'))
	}
	doc, err := OpenAPI("test")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	pretty, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "openapi.json", append(pretty, '\n'))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("STOREWARD_REWRITE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (STOREWARD_REWRITE=1 writes it anew):\n%s", path, diff)
	}
}
