package config

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestDiffOfSections: what a plugin reads as something else is told at its key; what it
// reads as the same is no difference.
func TestDiffOfSections(t *testing.T) {
	for _, c := range []struct{ was, will, want string }{
		{"d: {}", "e: {}", "with.d: {} -> | with.e:  -> {}"},
		{"d: {}", "d: []", "with.d: {} -> []"},
		{"d: {}", "d: null", "with.d: {} -> null"},
		{"d: [{}]", "d: []", "with.d: [{}] -> []"},
		{"d: {a: {}}", "d: {a: {b: {}}}", "with.d.a: {} -> | with.d.a.b:  -> {}"},
		{"a.b: 1", "a: {b: 1}", `with."a.b": 1 -> | with.a.b:  -> 1`},
		{`"a[0]": {b: 1}`, "a: [{b: 1}]", `with."a[0]".b: 1 -> | with.a[0].b:  -> 1`},
		{"d: True", `d: "True"`, `with.d: True -> "True"`},
		{"d: null", `d: "Null"`, `with.d: null -> "Null"`},
		{"d: null", `d: "~"`, `with.d: null -> "~"`},
		{"d: 0o17", `d: "0o17"`, `with.d: 0o17 -> "0o17"`},
		{"d: 1_000", `d: "1_000"`, `with.d: 1_000 -> "1_000"`},
		{"d: .inf", `d: ".inf"`, `with.d: .inf -> ".inf"`},
		{"d: .NaN", `d: ".NaN"`, `with.d: .NaN -> ".NaN"`},
		{`d: ["a, b"]`, "d: [a, b]", `with.d: ["a, b"] -> [a, b]`},
		{"d: [&m {a: 1}, *m]", "d: [&m {a: 1}, {a: 2}]", "with.d[1].a: 1 -> 2"},
		{"a: &m {b: 1}\nd: [*m]", "a: &m {b: 2}\nd: [{b: 1}]", "with.a.b: 1 -> 2"},
		{"? a\n: 1", "? b\n: 1", "with.a: 1 -> | with.b:  -> 1"},
		{"password: <secret>", "password: other", "with.password: <secret> -> <secret>"},
		{`{"password=a": 1}`, `{"password=b": 1}`, "with: section -> section"},
		{"a: 1\nb: x", "{b: 'x', a: 1}", ""},
		{"d: ~", "d:", ""},
		{"d: !!str x", `d: "x"`, ""},
		{"d: |-\n  x", "d: x", ""},
		{"{}", "# nothing", ""},
	} {
		var got []string
		for _, change := range Diff(withSection(t, c.was), withSection(t, c.will)) {
			got = append(got, strings.TrimPrefix(strings.TrimSpace(change.Path+": "+change.Was+" -> "+change.Will), "links[cable]."))
		}
		if text := strings.Join(got, " | "); text != c.want {
			t.Errorf("%s -> %s: %q, want %q", c.was, c.will, text, c.want)
		}
	}
}

// TestDiffOfTexts: the core's own lists are compared by their items.
func TestDiffOfTexts(t *testing.T) {
	one, other := edited(t), edited(t)
	one.Policy.OnBattery.Command, other.Policy.OnBattery.Command = []string{"a", "b, c"}, []string{"a, b", "c"}
	if got := Diff(one, other); len(got) != 1 || got[0].Path != "policy.on_battery.command" {
		t.Errorf("changes %v", got)
	}
}

// near draws from few values, so that two of them are often nearly the same.
func near(depth int) *rapid.Generator[any] {
	scalars := rapid.SampledFrom([]any{"a", "a, b", "True", "true", true, "1", 1, "1.0", 1.0, "null", "", nil, "{}", "[]", "password=x", "password=y", "<secret>"})
	if depth == 0 {
		return scalars
	}
	return rapid.OneOf(scalars, rapid.SliceOfN(near(depth-1), 0, 2).AsAny(), nearMapping(depth-1).AsAny())
}

func nearMapping(depth int) *rapid.Generator[map[string]any] {
	keys := rapid.SampledFrom([]string{"a", "b", "a.b", "a[0]", "b.", "\"a\"", "password", "file", "alpha", "1", ""})
	return rapid.MapOfN(keys, near(depth), 0, 3).Filter(func(m map[string]any) bool {
		_, own := m["alpha"].(map[string]any)
		return m["alpha"] == nil || own // a node's own values are keys
	})
}

// TestNoChangeIsMissed: two configurations that a plugin reads differently are never the
// same to Diff, nor the other way, and what it tells is a value's own path.
func TestNoChangeIsMissed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		was := withSection(t, asJSON(nearMapping(2).Draw(r, "was")))
		will := withSection(t, asJSON(nearMapping(2).Draw(r, "will")))
		there, back := Diff(was, will), Diff(will, was)
		if len(there) != len(back) {
			r.Errorf("%v, and back %v", there, back)
		}
		if !reflect.DeepEqual(read(r, was), read(r, will)) && len(there) == 0 {
			r.Errorf("no change is told")
		}
		for _, c := range there {
			if c.Path == "links[cable].with" {
				r.Errorf("a change that was not told at its key")
			}
		}
	})
}

// FuzzDiff: two sections whose whole texts differ never give an empty difference, and
// those that agree no other.
func FuzzDiff(f *testing.F) {
	f.Add("d: {}", "e: {}")
	f.Add("a.b: 1", "a: {b: 1}")
	f.Add("d: True", `d: "True"`)
	f.Add("a: &a {b: [*c, 1]}", "? |\n  x\n: !!str 1")
	f.Add("password: &p x\nb: *p", "<<: {a: 0x1}")
	f.Fuzz(func(t *testing.T, was, will string) {
		old, next := fuzzed(t, was), fuzzed(t, will)
		same := true
		for path, text := range old.list(nil).sections {
			same = same && text == next.list(nil).sections[path]
		}
		same = same && len(old.list(nil).sections) == len(next.list(nil).sections)
		if changes := Diff(old, next); same != (len(changes) == 0) {
			t.Errorf("the same: %v, changes %v", same, changes)
		}
		if _, err := Parse("shown.yaml", []byte(old.Shown())); err != nil {
			t.Errorf("what is shown is no configuration: %v\n%s", err, old.Shown())
		}
	})
}

// fuzzed is the small store with a section that the parser takes.
func fuzzed(t *testing.T, section string) *Config {
	text := strings.Replace(validStore, "KEY", "{file: /etc/storeward/cluster.key}", 1)
	cfg, err := Parse("store.yaml", []byte(strings.Replace(text, "  - {name: cable, plugin: heartbeat}", "  - name: cable\n    plugin: heartbeat\n    with:\n"+indented(section), 1)))
	if err != nil {
		t.Skip(err)
	}
	if len(cfg.Links) != 1 || !reflect.DeepEqual(cfg.PingGroup, []string{"10.0.0.254"}) {
		t.Skip("more than a section")
	}
	return cfg
}
