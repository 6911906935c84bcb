package httpapi

import (
	"strings"
	"testing"

	"github.com/storeward/storeward/console/internal/db"
)

// TestManyStreams: beyond a number of streams a further one is refused.
func TestManyStreams(t *testing.T) {
	s := newSite(t)
	for range maxStreams {
		defer s.Hub.Watch(1).Stop()
	}
	if code, text := s.do(t, s.client(t, "view"), "GET", "/api/v1/stream", ""); code != 503 || !strings.Contains(text, "streams are open") {
		t.Errorf("%d %s", code, text)
	}
}

// TestIncidentWithoutParts: a row whose parts are gone is an error, no panic.
func TestIncidentWithoutParts(t *testing.T) {
	s := newSite(t)
	if _, err := s.DB.Write.NewInsert().Model(&db.Incident{Store: "s0001", ID: "bare"}).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, text := s.do(t, s.client(t, "view"), "GET", "/api/v1/incidents/bare", ""); code != 500 {
		t.Errorf("%d %s", code, text)
	}
}
