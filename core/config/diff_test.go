package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/storeward/storeward/core/sdk"
)

// edited is valid.yaml with some of its text replaced.
func edited(t *testing.T, pairs ...string) *Config {
	t.Helper()
	text, err := os.ReadFile("testdata/valid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(text), pairs[i]) {
			t.Fatalf("no %q in valid.yaml", pairs[i])
		}
	}
	cfg, err := Parse("storeward.yaml", []byte(strings.NewReplacer(pairs...).Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestDiff has one golden file: each kind of change, and what makes no difference.
func TestDiff(t *testing.T) {
	alpha := "  - name: ups-alpha\n    plugin: ups\n    feeds: [alpha]\n    order_life: 1s\n    with: {address: 10.0.0.11:161}\n"
	beta := "  - name: ups-beta\n    plugin: ups\n    feeds: [beta]\n    order_life: 1s\n    with: {address: 10.0.0.12:161}\n"
	host := "\n    cron: \"*/5 8-20 * * 1-6\""
	inline := []string{"key: {file: /etc/storeward/cluster.key}", "key: 0123456789abcdef0123456789abcdef"}
	secrets := "with: {address: 10.0.0.11:161, auth_password: hush, url: \"http://a:hush@b/\", secrets: {pin: 1, community: {file: /a}}}"
	for _, c := range []struct {
		name      string
		old, next []string
	}{
		{name: "nothing"},
		{name: "comments, quotes, flow style and defaults written out", next: []string{
			"deadtime: 200ms", "deadtime: \"200ms\" # fast", "    feeds: [alpha]", "    feeds:\n      - alpha", "resources:", "policy: {failback: manual}\nresources:",
			"    with: {address: 10.0.0.12:161}", "    level: 1\n    with:\n      # the cellar's\n      address: \"10.0.0.12:161\"",
		}},
		{name: "times and choices", next: []string{"deadtime: 200ms", "deadtime: 300ms", "restarts: {max: 0, within: 1m}", "restarts: {max: 2, within: 1m}"}},
		{name: "deadtime with a watchdog", old: []string{"timing:", "watchdog: {timeout: 10s}\ntiming:"}, next: []string{"timing:", "watchdog: {timeout: 10s}\ntiming:", "deadtime: 200ms", "deadtime: 300ms"}},
		{name: "a plugin's section", next: []string{"10.0.0.11:161}", "10.0.0.13:161, outlets: [1, \"2\", b]}", "interface: eth1", "interface: eth2"}},
		{name: "a text that was a number", old: []string{"port: 5432", "port: \"5432\""}},
		{name: "another order", next: []string{alpha + beta, beta + alpha}},
		{name: "an entry removed, another added", next: []string{"name: night", "name: morning", host, "\n    every: 1m\n    timeout: 3s"}},
		{name: "a list grown and a list gone", next: []string{"ping_group: [10.0.0.254]", "ping_group: [10.0.0.254, 10.0.0.253]", "\n    services: [\"10.0.0.1:22\"]", ""}},
		{name: "a key in the file instead of beside it", next: inline},
		{name: "another key", old: inline, next: []string{inline[0], strings.Replace(inline[1], "01", "10", 1)}},
		{name: "secrets of a section", old: []string{"with: {address: 10.0.0.11:161}", secrets}, next: []string{
			"with: {address: 10.0.0.11:161}", strings.NewReplacer("hush", "still", "pin: 1", "pin: 2", "/a}", "/b}").Replace(secrets),
		}},
	} {
		old, next := edited(t, c.old...), edited(t, c.next...)
		var out strings.Builder
		for _, change := range Diff(old, next) {
			fmt.Fprintf(&out, "%s %s: %q -> %q restart=%v %q\n", change.Kind, change.Path, change.Was, change.Will, change.Restart, change.Settings)
		}
		for _, secret := range []string{"hush", "still", "0123456789", "1023456789"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: a secret is shown in\n%s", c.name, out.String())
			}
		}
		if back := Diff(next, old); len(back) != len(Diff(old, next)) {
			t.Errorf("%s: the way back differs: %v", c.name, back)
		}
		if old.Digest() != next.Digest() && out.Len() == 0 {
			t.Errorf("%s: the digests differ and no change is told", c.name)
		}
		t.Run(c.name, func(t *testing.T) {
			golden(t, "testdata/diff-"+strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(c.name)+".golden", out.String())
		})
	}
}

// TestEverySettingIsCompared: a change of any single value is told, once.
func TestEverySettingIsCompared(t *testing.T) {
	count, old, next := 0, edited(t), edited(t)
	eachValue("", reflect.ValueOf(next).Elem(), func(path string, v reflect.Value) {
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		alter(t, v)
		defer v.Set(before)
		count++
		changes := Diff(old, next)
		if strings.HasSuffix(path, ".name") || strings.HasPrefix(path, "report.traps[0].address") { // another entry
			if len(changes) != 2 {
				t.Errorf("%s: %v", path, changes)
			}
		} else if len(changes) != 1 {
			t.Errorf("%s: %v", path, changes)
		}
	})
	if count < 100 {
		t.Errorf("only %d values were changed", count)
	}
}

func eachValue(path string, v reflect.Value, do func(string, reflect.Value)) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		at, f := join(path, name), v.Field(i)
		switch {
		case f.Type() == sectionType || unmarshals(f):
			do(at, f)
		case f.Kind() == reflect.Struct:
			eachValue(at, f, do)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Len() {
				eachValue(fmt.Sprintf("%s[%d]", at, j), f.Index(j), do)
			}
		default:
			do(at, f)
		}
	}
}

func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch held := v.Addr().Interface().(type) {
	case *Section:
		text := "new: 1\n"
		if !held.IsZero() {
			text = held.Text() + "\nnew: 1\n"
			if strings.HasPrefix(text, "{") {
				text = strings.Replace(held.Text(), "{", "{new: 1, ", 1)
			}
		}
		next, err := NewSection(text)
		if err != nil {
			t.Fatal(err, text)
		}
		*held = next
	case *Secret:
		*held = sdk.NewSecret("something else")
	case *Duration:
		*held += 1000000000
	case *string:
		*held += "x"
	case *URL:
		*held += "x"
	case *bool:
		*held = !*held
	case *int:
		*held++
	case *int64:
		*held++
	case *[]string:
		*held = append(*held, "one more")
	case *Command:
		*held = append(*held, "one more")
	default:
		t.Fatalf("no other value for %T", held)
	}
}

// TestSettingsAreMarkedUnderASalt: two nodes see that secrets differ without telling them.
func TestSettingsAreMarkedUnderASalt(t *testing.T) {
	one := edited(t, "key: {file: /etc/storeward/cluster.key}", "key: 0123456789abcdef0123456789abcdef")
	two := edited(t, "key: {file: /etc/storeward/cluster.key}", "key: 0123456789abcdef0123456789abcdee")
	if got := DiffSettings(one.Settings([]byte("salt")), one.Settings([]byte("salt"))); len(got) != 0 {
		t.Errorf("the same: %v", got)
	}
	if got := DiffSettings(one.Settings([]byte("salt")), two.Settings([]byte("salt"))); len(got) != 1 || got[0].Path != "key" {
		t.Errorf("another key: %v", got)
	}
	if got := DiffSettings(one.Settings([]byte("salt")), one.Settings([]byte("pepper"))); len(got) != 2 {
		t.Errorf("another salt leaves the marks as they were: %v", got)
	}
	for _, s := range one.Settings([]byte("salt")) {
		if strings.Contains(s.Value+s.Mark, "0123456789abcdef") {
			t.Errorf("%s shows a secret", s.Path)
		}
	}
}

// TestSettingsAreBounded where a section's aliases of aliases would fill the memory.
func TestSettingsAreBounded(t *testing.T) {
	bomb := "    with:\n      a: &a [{x: 1}, {x: 1}, {x: 1}, {x: 1}, {x: 1}, {x: 1}, {x: 1}, {x: 1}]\n"
	for c := 'b'; c <= 'k'; c++ {
		bomb += fmt.Sprintf("      %c: &%c [{x: *%c}, {x: *%c}, {x: *%c}, {x: *%c}]\n", c, c, c-1, c-1, c-1, c-1)
	}
	with := "    with: {address: 10.0.0.11:161}\n"
	old, next := edited(t, with, bomb), edited(t, with, strings.Replace(bomb, "x: 1", "x: 2", 1))
	if n := len(old.Settings(nil)); n > 2*maxSettings {
		t.Errorf("%d settings", n)
	}
	if got := Diff(old, next); len(got) != 1 || got[0].Path != "fencing[ups-alpha].with" {
		t.Errorf("changes %v", got)
	}
}

// TestDiffOfOddEntries: a peer's entries are its own words.
func TestDiffOfOddEntries(t *testing.T) {
	for _, entry := range []string{"", "[", "]", "links", "links[", "links]", "links[]", "links[a", "links[a]]", "links[a].b", "report.traps[", "[]"} {
		odd := []Setting{{Path: entry + ".plugin", Value: "x", Entry: entry}, {Path: entry, Entry: entry}}
		if changes := DiffSettings(odd, odd); len(changes) != 0 {
			t.Errorf("%q differs from itself: %v", entry, changes)
		}
		DiffSettings(odd, nil)
		if changes := DiffSettings(nil, odd); len(changes) == 0 {
			t.Errorf("%q is not seen", entry)
		}
	}
}
