package api_test

import (
	"strings"
	"testing"

	"github.com/storeward/storeward/core/api"
)

func TestParseSubject(t *testing.T) {
	cases := []struct {
		subject, store, node, what string
		bad                        bool
	}{
		{subject: "storeward.v1.s0001.alpha.batch", store: "s0001", node: "alpha", what: "batch"},
		{subject: "storeward.v1.s0001.alpha.ask.snapshot", store: "s0001", node: "alpha", what: "ask.snapshot"},
		{subject: "storeward.v2.s0001.alpha.batch", bad: true},
		{subject: "storeward.v1.s0001.alpha", bad: true},
		{subject: "storeward.v1.s0001..batch", bad: true},
		{subject: "storeward.v1.S0001.alpha.batch", bad: true},
		{subject: "storeward.v1.*.alpha.batch", bad: true},
		{subject: "storeward.v1.s0001.alpha.", bad: true},
		{subject: "", bad: true},
	}
	for _, c := range cases {
		store, node, what, err := api.ParseSubject(c.subject)
		if (err != nil) != c.bad {
			t.Errorf("ParseSubject(%q): error %v, want an error: %v", c.subject, err, c.bad)
			continue
		}
		if store != c.store || node != c.node || what != c.what {
			t.Errorf("ParseSubject(%q) = %q, %q, %q", c.subject, store, node, what)
		}
		if err == nil && api.Subject(store, node, what) != c.subject {
			t.Errorf("Subject does not give %q back", c.subject)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"s0001": true, "alpha": true, "a-b_c": true, "9": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "_a": false, "A": false, "a.b": false, "a>": false, "a b": false, strings.Repeat("a", 64): false,
	} {
		if got := api.ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %v, want %v", name, got, want)
		}
	}
}
