package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/sdk"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests get into the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func valid(t *testing.T) *Config {
	t.Helper()
	cfg, err := Load("testdata/valid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Each invalid-NAME.yaml holds one fault, or a few that belong together; NAME.err beside it says what an operator reads.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid-*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d files (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file) //nolint:gosec // found by the glob above
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := Parse("storeward.yaml", text)
			if err == nil || cfg != nil {
				t.Fatalf("got %v, %v", cfg, err)
			}
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("%T is no Faults", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".err", err.Error()+"\n")
		})
	}
}

func TestValid(t *testing.T) {
	cfg := valid(t)
	if got := cfg.Timing.Initdead.Std(); got != 30*time.Second {
		t.Errorf("a default beside given keys: initdead %v", got)
	}
	if got := cfg.Resources[2].Restarts.Max; got != 0 {
		t.Errorf("an explicit 0 over a default of 3: %d", got)
	}
	if got := cfg.Resources[2].Failovers.Max; got != 3 {
		t.Errorf("a list element's default: %d", got)
	}
	if cfg.Primary() != "alpha" || cfg.PeerOf("alpha").Name != "beta" {
		t.Errorf("primary %q, its peer %v", cfg.Primary(), cfg.PeerOf("alpha"))
	}
	if w := cfg.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
}

func TestWarnings(t *testing.T) {
	cfg := valid(t)
	cfg.Links, cfg.Fencing, cfg.Probes = cfg.Links[:1], cfg.Fencing[:1], cfg.Probes[:1]
	cfg.Fencing[0].OrderLife = DefaultFenceDevice().OrderLife
	cfg.Probes[0].Verify, cfg.Probes[0].Timeout = false, Duration(time.Minute)
	golden(t, "testdata/warnings.golden", cfg.Warnings().Error()+"\n")
}

func TestSectionForNode(t *testing.T) {
	cfg := valid(t)
	type link struct {
		Address   string `yaml:"address"`
		Peer      string `yaml:"peer"`
		Interface string `yaml:"interface"`
	}
	for _, c := range []struct {
		link int
		node string
		want link
	}{
		{0, "alpha", link{"10.1.0.1:694", "10.1.0.2:694", "eth1"}},
		{0, "beta", link{"10.1.0.2:694", "10.1.0.1:694", "eth1"}},
		{1, "beta", link{"10.0.0.2:694", "10.0.0.1:694", "eth0"}},
	} {
		var got link
		if err := sdk.Decode(cfg.Links[c.link].With.For(c.node), &got); err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("link %d on %s: %+v", c.link, c.node, got)
		}
	}
}

// What a plugin says of line and column is the file's own line and column.
func TestSectionKeepsPlaces(t *testing.T) {
	const text = `store: s
links:
  - name: cable
    with:
      # a comment
      base: &base
        port: 694
        list:
          - one
          - "two: \"x\""
      text: |
        first
        second
      number: 0x10
      again: *base
      beta:
        address: [7]
        inner: {a: 1.5, b: [true, null]}
      alpha: {address: far}
`
	root, err := parseRoot("storeward.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	d := newDecoder("storeward.yaml", root)
	decodeInto(d, root, cfg)
	cfg.places = d.places
	cfg.Nodes = []Node{{Name: "alpha"}, {Name: "beta"}}
	cfg.nameSections()
	got := cfg.Links[0].With.For("beta")
	golden(t, "testdata/section.golden", string(got))

	type base struct {
		Port int      `yaml:"port"`
		List []string `yaml:"list"`
	}
	var decoded struct {
		Base, Again base
		Text        string
		Number      int
		Address     string
		Inner       struct {
			A float64
			B []any
		}
	}
	err = sdk.Decode(got, &decoded)
	explained := cfg.Links[0].With.Explain(err)
	if want := "storeward.yaml:17:18: links[0].with.address: "; err == nil || !strings.HasPrefix(explained.Error(), want) {
		t.Errorf("a wrong type is explained as %v, want %s", explained, want)
	}
}

func TestSectionExplain(t *testing.T) {
	cfg := valid(t)
	for in, want := range map[string]string{
		"22:7: interface: unknown key":         "valid.yaml:22:7: links[0].with.interface: unknown key",
		"interface: want a name\n23:9: broken": "valid.yaml:22:7: links[0].with.interface: want a name\nvalid.yaml:23:9: links[0].with: broken",
		"no route":                             "valid.yaml:22:7: links[0].with: no route",
	} {
		if got := cfg.Links[0].With.Explain(errors.New(in)).Error(); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// A plugin that misses a key of a section that is not there is shown where it should be.
func TestExplainWithoutSection(t *testing.T) {
	cfg := valid(t)
	const want = "valid.yaml:63:5: probes[1].with.mounts: this key is missing"
	if got := cfg.Probes[1].With.Explain(errors.New("mounts: this key is missing")).Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEmptySection(t *testing.T) {
	if got := string(Section{}.For("alpha")); got != "{}\n" {
		t.Errorf("got %q", got)
	}
	s, err := NewSection("a: 1\nalpha: {a: 2}\n", "alpha", "beta")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(s.For("alpha")); !strings.Contains(got, `a: 2`) {
		t.Errorf("got %q", got)
	}
}

func TestNodeName(t *testing.T) {
	cfg := valid(t)
	for _, c := range []struct{ etc, host, want, err string }{
		{"", "alpha", "alpha", ""},
		{"", "beta.store.example", "beta", ""},
		{"beta\n", "alpha", "beta", ""},
		{"gamma", "alpha", "", `this machine is "gamma" by /etc/storeward/node, and the configuration knows only alpha and beta`},
		{"", "other", "", `this machine's host name is "other", and the configuration knows only alpha and beta: write one of them into /etc/storeward/node`},
	} {
		got, err := NodeName(c.etc, c.host, cfg)
		if got != c.want || (err != nil) != (c.err != "") || err != nil && err.Error() != c.err {
			t.Errorf("%q, %q: %q, %v", c.etc, c.host, got, err)
		}
	}
}

func TestDigest(t *testing.T) {
	cfg, other := valid(t), valid(t)
	if cfg.Digest() != other.Digest() || len(cfg.Digest()) != 32 {
		t.Fatalf("digest %q, %q", cfg.Digest(), other.Digest())
	}
	other.Report.Traps, other.Probes = nil, nil
	if cfg.Digest() != other.Digest() {
		t.Error("the digest depends on reports or probes")
	}
	other.Timing.Deadtime++
	if cfg.Digest() == other.Digest() {
		t.Error("the digest does not depend on deadtime")
	}
}

func TestSecretsStayHidden(t *testing.T) {
	text, err := os.ReadFile("testdata/valid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), "community: public", "community: [hunter2]", 1)
	if _, err := Parse("storeward.yaml", []byte(bad)); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/valid.yaml", "testdata/invalid-unknown-key.yaml"} {
		text, err := os.ReadFile(file) //nolint:gosec // named above
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &a [*a]")
	f.Add("links: [{with: {x: *y, z: !!t 1}}]")
	f.Fuzz(func(_ *testing.T, text string) {
		cfg, err := Parse("f", []byte(text))
		if err != nil {
			_ = err.Error()
			return
		}
		for _, l := range cfg.Links {
			_ = l.With.For(cfg.Nodes[0].Name)
		}
	})
}
