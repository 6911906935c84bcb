package fenceagent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

func TestFaults(t *testing.T) {
	f := newFake(t)
	f.write("open", "x\n", 0o644)
	f.write("everybodys", "#!/bin/sh\n", 0o755)
	if err := os.Chmod(filepath.Join(f.folder, "everybodys"), 0o777); err != nil { // whatever the umask
		t.Fatal(err)
	}
	agent := "agent: " + f.folder + "/fence_fake\n"
	for _, test := range []struct{ section, want string }{
		{"options: {ip: a}", "agent: is missing: name a fence agent, e.g. fence_apc_snmp"},
		{"agent: ../fence_x", `1:1: agent: "../fence_x" is neither a name nor an absolute path: e.g. fence_apc_snmp`},
		{agent + "options:\n  ip: a\n  plgu: 3\n  plug: 3", "4:3: options.plgu: " + f.folder + "/fence_fake has no such option: it has ip, ipport, password, plug, snmp_version, ssl"},
		{agent + "options: {ip: a}", "2:1: options.plug: is missing: " + f.folder + "/fence_fake requires it"},
		{agent + "options: {ip: a, plug: 3, ipport: snmp}", `2:27: options.ipport: "snmp" does not fit: want a whole number`},
		{agent + "options: {ip: a, plug: 3, ssl: perhaps}", `2:27: options.ssl: "perhaps" does not fit: want 1 or 0`},
		{agent + "options: {ip: a, plug: 3, snmp_version: 2c}", `2:27: options.snmp_version: "2c" does not fit: want one of 1, 3`},
		{agent + "options: {ip: a, plug: 3, action: on}", "2:27: options.action: cannot be set, because the order decides it: leave it out"},
		{agent + "options: {ip: a, plug: 3, verbose: 1}", "2:27: options.verbose: cannot be set, because it would write secrets to the system's log: leave it out"},
		{agent + "options: {ip: a, plug: 3, password: x}", "2:27: options.password: is a secret: write secrets: {password: {file: /etc/storeward/password}}"},
		{agent + `options: {ip: a, plug: "3\naction=on"}`, "2:18: options.plug: holds a line break or nothing at all: want one line"},
		{agent + "secrets: {password: hush}", "2:11: secrets.password: want {file: /path} or {credential: name}"},
		{agent + "options: {ip: a, plug: 3}\nsecrets: {password: {file: " + f.folder + "/open}}", "3:11: secrets.password: " + f.folder + "/open has mode 0644 and is open to others: chmod 600 " + f.folder + "/open"},
		{agent + "options: {ip: a, plug: 3}\nsecrets: {pasword: {credential: x}}", "3:11: secrets.pasword: " + f.folder + "/fence_fake has no such option: it has ip, ipport, password, plug, snmp_version, ssl"},
		{"agent: " + f.folder + "/everybodys\noptions: {ip: a, plug: 3}", "1:1: agent: " + f.folder + "/everybodys is not run: " + f.folder + "/everybodys must belong to root and be writable by root alone"},
		{agent + "options: {ip: a, plug: 3}\ntimeout: 1ms", "3:1: timeout: 1ms is out of range: use 100ms to 1m"},
	} {
		_, err := New().Configure([]byte(test.section))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s\ngot  %v\nwant %s", test.section, err, test.want)
		}
	}
	for _, fine := range []string{
		"options: {ipaddr: a, port: 3}", "options: {ip: a, plug: 03, ssl: true, ipport: 161}", "options: {ip: a, plug: 3}\nsecrets: {password: {credential: x}}",
	} {
		if _, err := New().Configure([]byte(agent + fine)); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
}

// TestTargets: what tells outputs apart, and not how the device is asked.
func TestTargets(t *testing.T) {
	for want, c := range map[string]Config{
		"fence_apc_snmp ip=192.0.2.11 plug=3": {
			Agent:   "/usr/sbin/fence_apc_snmp",
			Options: map[string]string{"plug": "3", "ip": "192.0.2.11", "snmp_version": "1", "login": "a", "power_wait": "2", "login_timeout": "3"},
		},
		"fence_x plug=3": {Agent: "fence_x", Options: map[string]string{"plug": "3"}},
		"":               {Agent: "fence_x", Options: map[string]string{"username": "a"}},
	} {
		if got := strings.Join(c.Targets(), ", "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestAgentIsAskedOnce: its metadata are those that its configuration was judged by.
func TestAgentIsAskedOnce(t *testing.T) {
	f := newFake(t)
	config, err := New().Configure([]byte(f.section("")))
	if err != nil {
		t.Fatal(err)
	}
	f.remove("metadata.xml")
	if _, err := open(t.Context(), sdk.Env{Instance: "pdu", Log: logrus.New()}, config); err != nil {
		t.Error(err)
	}
}

// TestLinesOnStandardInput: what the agent is told is what was written, to the letter.
func TestLinesOnStandardInput(t *testing.T) {
	f := newFake(t)
	p := openSection(t, "agent: "+f.folder+"/fence_fake\noptions: {ip: a b, plug: \"03\", ssl: true}\nsecrets: {password: {file: "+f.folder+"/secret}}")
	if want := "ip=a b\nplug=03\nssl=true\npassword=" + password + "\n"; p.agent.lines != want {
		t.Errorf("%q, want %q", p.agent.lines, want)
	}
	if described, err := p.Describe(t.Context()); err != nil || described.Kind != "fence_fake: Fence agent for nothing at all" || described.OrderLife != 2*p.cfg.Timeout.Std() {
		t.Errorf("%+v, %v", described, err)
	}
}

// TestAgentsThatAreNotOpened: what cannot be judged by its metadata is not used.
func TestAgentsThatAreNotOpened(t *testing.T) {
	for _, test := range []struct {
		name, want string
		config     bool // its configuration is refused already
		spoil      func(fake)
	}{
		{"not there", "no such program: Debian's package is fence-agents", false, func(f fake) { f.chmod(0o644) }},
		{"writable by others", "writable by root alone", true, func(f fake) { f.chmod(0o777) }},
		{"no metadata", "read metadata", false, func(f fake) { f.write("metadata.xml", "usage: fence_fake", 0o644) }},
		{"cuts no power", "it cuts a node off from something else than its power", true, func(f fake) {
			f.write("metadata.xml", strings.Replace(fakeMetadata, `<action name="reboot" />`, "", 1), 0o644)
		}},
		{"cannot be read", "whether a node is off could not be read", true, func(f fake) {
			f.write("metadata.xml", strings.Replace(fakeMetadata, `<action name="status" />`, "", 1), 0o644)
		}},
		{"secret open to others", "is open to others", true, func(f fake) { f.remove("secret"); f.write("secret", "x", 0o644) }},
		{"secret missing", "no such file", false, func(f fake) { f.remove("secret") }},
		{"secret of two lines", "holds several lines", false, func(f fake) { f.write("secret", "x\naction=on\n", 0o600) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t)
			test.spoil(f)
			config, err := New().Configure([]byte(f.section("")))
			if refused := err != nil; refused != test.config {
				t.Fatalf("the configuration is refused %v: %v", refused, err)
			}
			if err == nil {
				_, err = open(t.Context(), sdk.Env{Instance: "pdu"}, config)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}
