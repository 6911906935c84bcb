package sections

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/sdk"
)

// TestMain serves two plugins when the host starts the test binary as their program.
func TestMain(m *testing.M) {
	if os.Getenv(sdk.Handshake.MagicCookieKey) != "" || len(os.Args) > 1 && os.Args[1] == "list" {
		sdk.Main(testPlugin("cable"), testPlugin("supply"))
	}
	goleak.VerifyTestMain(m)
}

type testConfig struct {
	Address string     `yaml:"address"`
	Port    int        `yaml:"port"`
	Login   sdk.Secret `yaml:"login"`
}

func (c *testConfig) Validate() error {
	if c.Address == "" {
		return errors.New("address: this key is missing: write address: 10.0.0.1")
	}
	return nil
}

// Promotable implements sdk.Promotable.
func (c *testConfig) Promotable() bool { return c.Port == 8 }

// Targets implements sdk.Targeted.
func (c *testConfig) Targets() []string {
	if c.Address == "none" {
		return nil
	}
	return []string{c.Address}
}

func testPlugin(name string) sdk.Plugin {
	return sdk.Plugin{
		Name: name, Version: "1", Summary: "Checks a section.", DefaultConfig: func() any { return &testConfig{} },
		New: func(context.Context, sdk.Env, any) (sdk.Instance, error) { return nil, errors.New("never opened") },
	}
}

// hostOf waits for a plugin's start as long as patience says.
func hostOf(t *testing.T, program host.Program, patience time.Duration) *host.Host {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := host.New(host.Options{
		Log: log, Dir: filepath.Join(t.TempDir(), "plugins"), StartTimeout: patience, Command: program.Command,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

const storeFile = `store: s0001
nodes:
  - {name: alpha, role: primary, address: 10.0.0.1, interface: eth0}
  - {name: beta, role: secondary, address: 10.0.0.2, interface: eth0}
key: 0123456789abcdef0123456789abcdef
links:
  - name: one
    plugin: cable
    with:
      port: 7
      alpha: {address: 10.1.0.1}
      beta: {adddress: 10.1.0.2}
  - {name: two, plugin: cable, with: {port: many, address: a}}
fencing:
  - {name: ups-alpha, plugin: suply, feeds: [alpha], with: {}}
  - {name: ups-beta, plugin: supply, feeds: [beta], with: {}}
ping_group: [10.0.0.254]
resources:
  - {name: warm, plugin: cable, warm: true, with: {address: a, port: 8}}
  - {name: cold, plugin: cable, warm: true, with: {address: a}}
`

// TestEverySectionIsJudged for both nodes: each fault once, with its place.
func TestEverySectionIsJudged(t *testing.T) {
	cfg, err := config.Parse("store.yaml", []byte(storeFile))
	if err != nil {
		t.Fatal(err)
	}
	program, err := host.FindProgram(t.Context(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	judge := Judge{Host: hostOf(t, program, time.Minute), Known: program.Plugins}
	want := strings.Join([]string{
		`store.yaml:12:14: links[0].with.adddress: unknown key: did you mean "address"?`,
		`store.yaml:13:45: links[1].with.port: want a whole number`,
		`store.yaml:15:31: fencing[0].plugin: there is no plugin "suply": did you mean supply?`,
		`store.yaml:16:59: fencing[1].with.address: this key is missing: write address: 10.0.0.1`,
		`store.yaml:20:39: resources[1].warm: plugin cable cannot promote this: it has no running state without its data: ` +
			`take warm out, or give the section what a promotion needs (plugin service: promote, demote, role)`,
	}, "\n")
	if err := judge.Check(t.Context(), cfg, "alpha", "beta"); err == nil || err.Error() != want {
		t.Errorf("found\n%v\nwant\n%s", err, want)
	}
	if err := judge.Check(t.Context(), cfg, "alpha"); err == nil || strings.Contains(err.Error(), "adddress") {
		t.Errorf("beta's own values were judged for alpha: %v", err)
	}
}

// TestOneThingMeantTwice: an address that was copied to the other node's supply, once for
// both nodes; and what moves though somebody has it. The same words may mean two things on
// two nodes (a serial port), and two devices may cut one node.
func TestOneThingMeantTwice(t *testing.T) {
	head := storeFile[:strings.Index(storeFile, "links:")] + "links: [{name: one, plugin: cable, with: {address: a}}]\nping_group: [10.0.0.254, \"2001:db8::fe\"]\n"
	program, err := host.FindProgram(t.Context(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	judge := Judge{Host: hostOf(t, program, time.Minute)}
	for name, c := range map[string]struct{ text, want string }{
		"another login": {
			"fencing:\n  - {name: ups-alpha, plugin: supply, feeds: [alpha], with: {address: u1, login: a}}\n" +
				"  - {name: ups-beta, plugin: supply, feeds: [beta], with: {address: u1, login: b}}\n",
			"store.yaml:10:53: fencing[1].with: u1 is what ups-alpha switches already, which feeds alpha: who cut one node would cut the other: name what feeds beta",
		},
		"seen by one node alone": {
			"fencing:\n  - {name: a, plugin: supply, feeds: [alpha], with: {alpha: {address: x}, beta: {address: u}}}\n" +
				"  - {name: b, plugin: supply, feeds: [beta], with: {alpha: {address: y}, beta: {address: u}}}\n",
			"store.yaml:10:46: fencing[1].with: u is what a switches already, which feeds alpha: who cut one node would cut the other: name what feeds beta",
		},
		"one port's name on two nodes": {
			"fencing:\n  - {name: a, plugin: supply, feeds: [alpha], with: {alpha: {address: none}, beta: {address: tty}}}\n" +
				"  - {name: b, plugin: supply, feeds: [beta], with: {alpha: {address: tty}, beta: {address: none}}}\n", "",
		},
		"two plugins, and two devices of one node": {
			"fencing:\n  - {name: a, plugin: supply, feeds: [alpha], with: {address: u}}\n  - {name: a2, plugin: supply, feeds: [alpha], with: {address: u}}\n" +
				"  - {name: b, plugin: cable, feeds: [beta], with: {address: u}}\n", "",
		},
		"a probe of the device": {
			"fencing: [{name: a, plugin: supply, feeds: [alpha], with: {address: 10.0.0.2}}]\n" +
				"probes: [{name: p, plugin: supply, every: 10s, with: {address: 10.0.0.2}}]\n", "",
		},
		"a node's address moves": {
			"resources: [{name: ip, plugin: cable, with: {address: 10.0.0.2}}]\n",
			"store.yaml:8:39: resources[0].with: 10.0.0.2 is node beta's own address: whoever became active would take it from it: write an address that nobody has",
		},
		"a ping address moves": {
			"resources: [{name: ip, plugin: cable, with: {address: \"2001:DB8:0::FE\"}}]\n",
			"store.yaml:8:39: resources[0].with: 2001:DB8:0::FE is in ping_group too: the active node would ask itself whether it is connected: take it out of ping_group, or write an address that nobody has",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse("store.yaml", []byte(head+c.text))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := judge.Check(t.Context(), cfg, "alpha", "beta"); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("found\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestWhatPluginsCallSecretIsHidden once their sections were judged, for either node.
func TestWhatPluginsCallSecretIsHidden(t *testing.T) {
	text := storeFile[:strings.Index(storeFile, "links:")] + "links: [{name: one, plugin: cable, with: {address: a, login: hush, beta: {login: hush}}}]\nping_group: [10.0.0.254]\n"
	cfg, err := config.Parse("store.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	program, err := host.FindProgram(t.Context(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := (Judge{Host: hostOf(t, program, time.Minute)}).Check(t.Context(), cfg, "alpha"); err != nil {
		t.Fatal(err)
	}
	if shown := cfg.Shown(); strings.Count(shown, "<secret>") != 3 || strings.Contains(shown, "hush") { // and the key
		t.Errorf("shown as\n%s", shown)
	}
}

func TestMissingProgram(t *testing.T) {
	if _, err := host.FindProgram(t.Context(), "/no/such/program"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestPluginThatIsSick is passed over where that is wanted, and a fault elsewhere.
func TestPluginThatIsSick(t *testing.T) {
	for name, does := range map[string]string{"hangs": "exec sleep 1000", "answers garbage": "echo what is a handshake; exec sleep 1000"} {
		t.Run(name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "sick")
			if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" = list ] && exit 1\n"+does+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			program, err := host.FindProgram(t.Context(), script)
			if err != nil {
				t.Fatal(err)
			}
			cfg := &config.Config{Probes: []config.Probe{{Name: "one", Plugin: "sick"}, {Name: "two", Plugin: "sick"}}}
			var told []string
			lenient := Judge{Host: hostOf(t, program, 200*time.Millisecond), Sick: func(plugin string, _ error) bool {
				told = append(told, plugin)
				return true
			}}
			if err := lenient.Check(t.Context(), cfg, "alpha"); err != nil || len(told) != 1 {
				t.Errorf("told of %v, error %v", told, err)
			}
			strict := Judge{Host: lenient.Host}
			if err := strict.Check(t.Context(), cfg, "alpha"); err == nil {
				t.Error("a section that nobody checked was taken")
			}
		})
	}
}

// TestProgramThatEnds is refused in one line for each use.
func TestProgramThatEnds(t *testing.T) {
	program := host.Program{Path: "/bin/false"}
	judge := Judge{Host: hostOf(t, program, time.Minute), Sick: func(string, error) bool { return true }}
	cfg := &config.Config{Probes: []config.Probe{{Name: "one", Plugin: "http"}}}
	err := judge.Check(t.Context(), cfg, "alpha")
	if err == nil || !strings.HasPrefix(err.Error(), "probes[0].plugin: plugin http cannot be asked about its section: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}
