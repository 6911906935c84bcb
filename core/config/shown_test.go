package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// withSection is a small store with a plugin's section.
func withSection(t testing.TB, section string) *Config {
	t.Helper()
	store := strings.Replace(validStore, "KEY", "{file: /etc/storeward/cluster.key}", 1)
	text := strings.Replace(store, "plugin: heartbeat}", "plugin: heartbeat, with: "+section+"}", 1)
	if !strings.HasPrefix(section, "{") {
		text = strings.Replace(store, "  - {name: cable, plugin: heartbeat}", "  - name: cable\n    plugin: heartbeat\n    with:\n"+indented(section), 1)
	}
	cfg, err := Parse("store.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return cfg
}

func indented(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n      ") + "\n"
}

// TestSecretsOfSectionsAreHidden, however they are written: from show, from both sides of
// a comparison, from what the peer is told, and from a section that is written by itself.
func TestSecretsOfSectionsAreHidden(t *testing.T) {
	without := valid(t)
	for name, section := range map[string]string{
		"with blanks":              "password: correct horse HUSH staple",
		"a quoted key":             `"password": HUSH`,
		"quoted in flow style":     `{"password": "HUSH"}`,
		"a block":                  "password: |\n  HUSH\n",
		"a folded block":           "password: >-\n  one\n  HUSH\n",
		"with a comma":             "password: ab,HUSH",
		"with a tag":               "password: !!str HUSH",
		"with an anchor":           "password: &p HUSH",
		"with a bracket":           "password: <HUSH",
		"plain, of two lines":      "password: one\n  HUSH",
		"a list":                   "tokens:\n  - HUSH\n  - other",
		"a list in flow style":     "tokens: [a, HUSH]",
		"free keys":                "secrets: {pin: HUSH}",
		"a free key of a place":    "secrets: {file: HUSH}",
		"a map below":              "secret: {of: {any: [HUSH]}}",
		"a tagged key":             "!!str password: HUSH",
		"an anchored key":          "&k password: HUSH",
		"an explicit key":          "? password\n: HUSH",
		"an aliased key":           "a: &k password\nb: {*k : HUSH}",
		"a header":                 "headers: {Authorization: Bearer HUSH}",
		"a header's own name":      "headers: {X-Api-Key: HUSH, Cookie: a=HUSH}",
		"headers in a list":        `headers: ["Authorization: Basic HUSH"]`,
		"a bearer":                 `headers: {X-Own: "Bearer HUSH"}`,
		"auth_key":                 "auth_key: HUSH",
		"api_key":                  "api_key: HUSH",
		"key":                      "key: HUSH",
		"a key like a path":        "key: /HUSH+/abc==",
		"private_key in the file":  "private_key: HUSH",
		"an armoured key":          "pem: |\n  -----BEGIN EC PRIVATE KEY-----\n  HUSH\n",
		"psk":                      "psk: HUSH",
		"pin":                      "pin: HUSH",
		"sim_pin":                  "sim_pin: HUSH",
		"pass":                     "pass: HUSH",
		"passphrase":               "passphrase: HUSH",
		"a variable":               "environment: {PGPASSWORD: HUSH, DB_PW: HUSH}",
		"a connection":             `conninfo: "host=a password=HUSH user=b"`,
		"a quoted connection":      `conninfo: "host=a password='one HUSH' user=b"`,
		"an argument":              `args: ["--password=HUSH"]`,
		"an argument with a blank": `args: ["--password=one HUSH"]`,
		"the next argument":        "args: [--auth-token, HUSH]",
		"a command's words":        "command: curl --api-key HUSH http://a/",
		"pwd and token":            `a: "x;pwd=HUSH"` + "\n" + `b: "http://h/?token=HUSH&c=1"`,
		"JSON in a text":           `body: '{"user": "a", "password":"HUSH"}'`,
		"a URL":                    "url: http://a:HUSH@h/",
		"an at sign in a URL":      "url: http://a:b@HUSH@h/",
		"a URL's user with one":    "url: http://a@b:HUSH@h/",
		"an alias":                 "password: &p HUSH\ngreeting: *p",
		"an alias in front":        "greeting: &p HUSH\npassword: *p",
		"an alias in a list":       "password: &p HUSH\nargs: [a, *p]",
		"a list's alias":           "tokens: &p [HUSH]\nargs: *p",
		"an alias of an alias":     "password: &p HUSH\na: &q [*p]\nb: *q",
		"a key of a mapping":       `options: {"password=HUSH": 1}`,
	} {
		one, other := withSection(t, section), withSection(t, strings.ReplaceAll(section, "HUSH", "STILL"))
		out := one.Shown() + fmt.Sprintf("%v %v", Diff(one, other), Diff(other, without)) + fmt.Sprint(one.Settings([]byte("salt")))
		text, err := yaml.Marshal(one)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if out += string(text); strings.Contains(out, "HUSH") || strings.Contains(out, "STILL") {
			t.Errorf("%s: shown in\n%s", name, out)
		}
		if len(Diff(one, other)) == 0 {
			t.Errorf("%s: another one is no difference", name)
		}
	}
}

// TestSecretsOfTheCoreAreHidden also where a section repeats them.
func TestSecretsOfTheCoreAreHidden(t *testing.T) {
	text := strings.NewReplacer("KEY", "&k HUSH"+strings.Repeat("k", 40), "plugin: heartbeat}", "plugin: heartbeat, with: {group: *k}}").Replace(validStore) + `policy: {on_battery: {command: [down, --token, HUSH, "--pin=HUSH"]}}
report:
  influx: [{name: metrics, url: "http://a:b@HUSH@hq:8428", token: HUSH}]
  traps: [{address: "hq:162", community: HUSH}]
`
	cfg, err := Parse("store.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if out := cfg.Shown() + fmt.Sprint(cfg.Settings(nil), Diff(cfg, valid(t)), Diff(valid(t), cfg)); strings.Contains(out, "HUSH") {
		t.Errorf("shown in\n%s", out)
	}
	other, err := Parse("store.yaml", []byte(strings.Replace(text, "--pin=HUSH", "--pin=STILL", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(Diff(cfg, other)) == 0 || cfg.Digest() == other.Digest() {
		t.Error("another secret is no difference")
	}
}

// TestWhatAPluginCallsSecretIsHidden, whatever word it stands under, and nothing else.
func TestWhatAPluginCallsSecretIsHidden(t *testing.T) {
	for name, c := range map[string]struct{ section, told string }{
		"a setting":             {"{login: HUSH, name: SEEN}", "login"},
		"within another":        {"{a: {login: HUSH, name: SEEN}, login: SEEN}", "a.login"},
		"in a list":             {"{a: [{login: HUSH, name: SEEN}]}", "a.*.login"},
		"a list":                {"{a: [HUSH, HUSH], b: SEEN}", "a.*"},
		"any key":               {"{a: {b: HUSH, c.d: HUSH}, b: SEEN}", "a.*"},
		"all below":             {"{a: {b: {c: HUSH}}, b: SEEN}", "a"},
		"a node's own":          {"{login: HUSH, name: SEEN, alpha: {login: HUSH}, beta: {login: HUSH, name: SEEN}}", "login"},
		"an alias":              {"{login: &l HUSH, name: *l, b: SEEN}", "login"},
		"an alias in front":     {"{a: &l HUSH, login: *l, b: SEEN}", "login"},
		"called as a reference": {"{credential: HUSH, name: SEEN}", "credential"},
		"kept in a file":        {"{login: {file: /etc/SEEN}}", "login"},
	} {
		one, other := withSection(t, c.section), withSection(t, strings.ReplaceAll(c.section, "HUSH", "STILL"))
		for _, cfg := range []*Config{one, other} {
			cfg.HideSecrets(func(plugin string) []string {
				return map[string][]string{"heartbeat": {"of.another", c.told}}[plugin]
			})
		}
		changes := Diff(one, other)
		out := one.Shown() + fmt.Sprint(changes, one.Settings([]byte("salt")), one.Links[0])
		if strings.Contains(out, "HUSH") || strings.Contains(out, "STILL") || strings.Count(one.Shown(), "SEEN") != strings.Count(c.section, "SEEN") {
			t.Errorf("%s: shown as\n%s", name, out)
		}
		if strings.Contains(c.section, "HUSH") && len(changes) == 0 {
			t.Errorf("%s: another one is no difference", name)
		}
	}
}

// TestWhatIsNoSecretIsShown: where a secret is kept, and what only looks like one.
func TestWhatIsNoSecretIsShown(t *testing.T) {
	for _, section := range []string{
		"password: {file: /etc/SEEN}", "password: {credential: SEEN}", "secrets: {login: {file: /etc/SEEN}}",
		"private_key: /etc/SEEN.key", "tls: {key: /etc/SEEN.pem}", "url: http://user@SEEN/", "url: http://h:80/SEEN@x",
		"address: SEEN:694", "password_file: /etc/SEEN", "keyspace: SEEN", "pinned: SEEN", "password: null\na: SEEN",
	} {
		cfg := withSection(t, section)
		if out := cfg.Shown(); !strings.Contains(out, "SEEN") || strings.Contains(out, hidden) {
			t.Errorf("%s: shown as\n%s", section, out)
		}
	}
}

// TestShown has a golden file, and is read as the same configuration.
func TestShown(t *testing.T) {
	cfg := edited(t, "community: public", "community: {file: /etc/storeward/trap.community}")
	golden(t, "testdata/shown.golden", cfg.Shown())
	again, err := Parse("shown.yaml", []byte(cfg.Shown()))
	if err != nil {
		t.Fatal(err)
	}
	if got := Diff(cfg, again); len(got) > 0 || cfg.Digest() != again.Digest() {
		t.Errorf("read as another one: %v", got)
	}
}

// TestSectionIsWrittenAsItsKeys by whatever writes a configuration.
func TestSectionIsWrittenAsItsKeys(t *testing.T) {
	for section, want := range map[string]string{
		"":                               "with: {}\n",
		"b: [1, \"1\"]\na: &x {c: True}": "with: {a: {c: True}, b: [1, \"1\"]}\n",
		"password: hush":                 "with: {password: <secret>}\n",
	} {
		s, err := NewSection(section)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(struct {
			With Section `yaml:"with"`
		}{s})
		if err != nil || string(text) != want {
			t.Errorf("%q is written as %q (%v), want %q", section, text, err, want)
		}
	}
}

// TestShownIsReadAsTheSame whatever a section holds.
func TestShownIsReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		section := asJSON(mapping(3).Draw(r, "section"))
		cfg := withSection(t, section)
		text := cfg.Shown()
		if strings.Contains(text, hidden) {
			r.Skip("a secret by chance")
		}
		again, err := Parse("shown.yaml", []byte(text))
		if err != nil {
			r.Fatalf("%v in\n%s", err, text)
		}
		if got := Diff(cfg, again); len(got) > 0 {
			r.Errorf("read as another one: %v from\n%s", got, text)
		}
		if want, got := read(r, cfg), read(r, again); cmp.Diff(want, got) != "" {
			r.Errorf("%s from\n%s", cmp.Diff(want, got), text)
		}
	})
}

// asJSON writes a section as JSON, which is YAML in flow style.
func asJSON(section map[string]any) string {
	var text strings.Builder
	writeJSON(&text, section)
	return text.String()
}

// read is what the plugin on alpha gets.
func read(t *rapid.T, cfg *Config) map[string]any {
	var out map[string]any
	if err := yaml.Unmarshal(cfg.Links[0].With.For("alpha"), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// writeJSON keeps fractions fractions: the encoder writes 1.0 as 1.
func writeJSON(out *strings.Builder, v any) {
	switch held := v.(type) {
	case map[string]any:
		out.WriteString("{")
		for i, key := range slices.Sorted(maps.Keys(held)) {
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(quoted(key) + ": ")
			writeJSON(out, held[key])
		}
		out.WriteString("}")
	case []any:
		out.WriteString("[")
		for i, item := range held {
			if i > 0 {
				out.WriteString(", ")
			}
			writeJSON(out, item)
		}
		out.WriteString("]")
	case string:
		out.WriteString(quoted(held))
	case float64:
		fmt.Fprintf(out, "%.3f", held)
	case nil:
		out.WriteString("null")
	default:
		fmt.Fprint(out, held)
	}
}
