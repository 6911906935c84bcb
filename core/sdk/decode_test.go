package sdk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

type sampleReady struct {
	TCP   string   `yaml:"tcp"`
	Every Duration `yaml:"every"`
}

type sample struct {
	Address string            `yaml:"address"`
	Port    int               `yaml:"port"`
	Window  uint16            `yaml:"window"`
	Direct  bool              `yaml:"direct"`
	Ratio   float64           `yaml:"ratio"`
	Timeout Duration          `yaml:"timeout"`
	Targets []string          `yaml:"targets"`
	Ready   sampleReady       `yaml:"ready"`
	Checks  []sampleReady     `yaml:"checks"`
	Labels  map[string]string `yaml:"labels"`
	Token   Secret            `yaml:"token"`
	Maybe   *sampleReady      `yaml:"maybe"`
}

func (s *sample) Validate() error {
	var faults []error
	if s.Port == 13 {
		faults = append(faults, errors.New("port: 13 is unlucky: want another"))
	}
	for i, check := range s.Checks {
		if check.TCP == "" {
			faults = append(faults, fmt.Errorf("checks[%d].tcp: missing: want host:port", i))
		}
	}
	return errors.Join(faults...)
}

func defaults() *sample {
	return &sample{
		Address: "127.0.0.1", Port: 7, Timeout: Duration(time.Second), Targets: []string{"a", "b"},
		Ready:  sampleReady{TCP: "kept", Every: Duration(time.Minute)},
		Labels: map[string]string{"a": "1"},
	}
}

func TestDecodeKeepsDefaults(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing\n", "document mark": "---\n", "null": "null",
	} {
		t.Run(name, func(t *testing.T) {
			got := defaults()
			if err := Decode([]byte(text), got); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(defaults()) {
				t.Errorf("got %v", got)
			}
		})
	}
	got := defaults()
	if err := Decode([]byte("ready: {every: 5s}\ntargets: [c]\n"), got); err != nil {
		t.Fatal(err)
	}
	if got.Ready.TCP != "kept" || got.Ready.Every.Std() != 5*time.Second || len(got.Targets) != 1 {
		t.Errorf("a part of the defaults was lost: %+v", got)
	}
}

func TestDecodeFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"windw: x", `1:1: windw: unknown key: did you mean "window"?`},
		{"port: 1\nready:\n  tpc: x", `3:3: ready.tpc: unknown key: did you mean "tcp"?`},
		{"ready: {colour: x}", `1:9: ready.colour: unknown key: known keys are every, tcp`},
		{"checks:\n  - tcp: a\n  - tcpp: b", `3:5: checks[1].tcpp: unknown key: did you mean "tcp"?`},
		{"maybe:\n  tpc: x", `2:3: maybe.tpc: unknown key: did you mean "tcp"?`},
		{"port: many", "1:7: port: want a whole number"},
		{"port: [1]", "1:7: port: want a whole number"},
		{"port: 1.5", "1:7: port: want a whole number"},
		{"window: -1", "1:9: window: want a whole number from 0 to 65535"},
		{"window: 70000", "1:9: window: want a whole number from 0 to 65535"},
		{"direct: maybe", "1:9: direct: want true or false"},
		{"direct: 1", "1:9: direct: want true or false"},
		{"ratio: x", "1:8: ratio: want a number"},
		{"targets: one", "1:10: targets: want a list"},
		{"targets: {a: b}", "1:10: targets: want a list"},
		{"targets: [[a]]", "1:11: targets[0]: want text"},
		{"address: [a]", "1:10: address: want text"},
		{"address: {a: b}", "1:10: address: want text"},
		{"ready: x", "1:8: ready: want a mapping (key: value)"},
		{"ready: [x]", "1:8: ready: want a mapping (key: value)"},
		{"timeout: 5", `1:10: timeout: "5" is not a time: want a time with its unit, for example "200ms", "10s" or "1m30s"`},
		{"timeout: -5s", `1:10: timeout: "-5s" is negative: want 0 or more`},
		{"timeout: [5s]", `1:10: timeout: want a time with its unit, for example "200ms", "10s" or "1m30s"`},
		{"checks:\n  - every: soon", `2:12: checks[0].every: "soon" is not a time: want a time with its unit, for example "200ms", "10s" or "1m30s"`},
		{"token: [hush]", "1:8: token: want text, {file: /path} or {credential: name}"},
		{"token: {fil: /x}", "1:8: token: want text, {file: /path} or {credential: name}"},
		{"port: 1\nport: 2", "2:1: port: this key was given before"},
		{"[a, b]", "1:1: want a mapping (key: value)"},
		{"just text", "1:1: want a mapping (key: value)"},
		{"port: 1\n---\nport: 2", "3:5: want one document"},
	} {
		t.Run(c.text, func(t *testing.T) {
			err := Decode([]byte(c.text), defaults())
			if err == nil {
				t.Fatal("accepted")
			}
			var fault *ConfigError
			if !errors.As(err, &fault) {
				t.Errorf("%T is not a ConfigError", err)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecodeSyntaxHasAPlace(t *testing.T) {
	for _, text := range []string{"a: [", "a: b: c", "\tport: 1", "port: \"x"} {
		var fault *ConfigError
		if err := Decode([]byte(text), defaults()); !errors.As(err, &fault) || fault.Line == 0 || strings.Contains(fault.Message, "\n") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestDecodeAnchors(t *testing.T) {
	got := defaults()
	if err := Decode([]byte("ready: &r {tcp: x, every: 1s}\nmaybe: *r\nchecks: [*r]\n"), got); err != nil {
		t.Fatal(err)
	}
	if got.Maybe == nil || got.Maybe.TCP != "x" || len(got.Checks) != 1 || got.Checks[0].Every.Std() != time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestConfigurePlacesValidation(t *testing.T) {
	p := Plugin{DefaultConfig: func() any { return defaults() }}
	_, err := p.Configure([]byte("port: 13\nchecks:\n  - tcp: a\n  - every: 1s\n"))
	want := "1:1: port: 13 is unlucky: want another\n4:5: checks[1].tcp: missing: want host:port"
	if err == nil || !strings.HasPrefix(err.Error(), "1:1: port: 13") || !strings.Contains(err.Error(), "checks[1].tcp: missing") {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	got, err := p.Configure([]byte("port: 14"))
	if err != nil || got.(*sample).Port != 14 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDurationRoundTrip(t *testing.T) {
	for _, text := range []string{"200ms", "10s", "1m30s", "0s"} {
		var got struct {
			D Duration `yaml:"d"`
		}
		if err := Decode([]byte("d: "+text), &got); err != nil || got.D.String() != text {
			t.Errorf("%s: got %v, %v", text, got.D, err)
		}
		out, err := yaml.Marshal(got)
		if err != nil || string(out) != "d: "+text+"\n" {
			t.Errorf("%s: marshalled %q, %v", text, out, err)
		}
	}
	var got struct {
		D Duration `yaml:"d"`
	}
	if err := Decode([]byte("d: 0"), &got); err != nil {
		t.Errorf("0 needs no unit: %v", err)
	}
}

func TestSecretHidesAndReveals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, text := range []string{"hush", "{file: " + file + "}", "{credential: token}"} {
		got := defaults()
		if err := Decode([]byte("token: "+text), got); err != nil {
			t.Fatal(err)
		}
		revealed, err := got.Token.Reveal()
		if err != nil || revealed != "hush" {
			t.Errorf("%s: revealed %q, %v", text, revealed, err)
		}
		out, err := yaml.Marshal(got)
		shown := string(out) + fmt.Sprintf("%v %+v %#v %s %q %x %d", got.Token, got, got.Token, got.Token, got.Token, got.Token, got.Token)
		if err != nil || strings.Contains(shown, "hush") || strings.Contains(shown, "68757368") || !strings.Contains(shown, secretShown) {
			t.Errorf("%s: shown as %s, %v", text, shown, err)
		}
	}
}

func TestSecretFaults(t *testing.T) {
	for _, text := range []string{"{file: relative}", "{file: /a, credential: b}", "{credential: ../b}", "{}"} {
		if err := Decode([]byte("token: "+text), defaults()); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	if _, err := (Secret{file: "/does/not/exist"}).Reveal(); err == nil {
		t.Error("a missing file is no secret")
	}
}

func TestMonotonicNeverGoesBack(t *testing.T) {
	last := Monotonic()
	for range 1000 {
		now := Monotonic()
		if now < last {
			t.Fatalf("%v after %v", now, last)
		}
		last = now
	}
}
