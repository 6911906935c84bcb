package upssim

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tools runs Debian's net-snmp against an agent.
type tools struct {
	t     *testing.T
	at    string
	state string
}

func newTools(t *testing.T, a *Agent) *tools {
	t.Helper()
	if _, err := exec.LookPath("snmpget"); err != nil {
		t.Skip("Debian's package snmp is not installed")
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.Serve(conn) }()
	t.Cleanup(func() {
		conn.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	state := t.TempDir()
	if err := os.Mkdir(filepath.Join(state, "cert_indexes"), 0o700); err != nil {
		t.Fatal(err)
	}
	return &tools{t, conn.LocalAddr().String(), state}
}

// run starts a tool; what follows the credentials are objects and values.
func (s *tools) run(tool, credentials string, objects ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	all := append([]string{"-On", "-t", "2", "-r", "1"}, strings.Fields(credentials)...)
	command := exec.CommandContext(ctx, tool, append(append(all, s.at), objects...)...)
	command.Env = append(command.Environ(), "SNMP_PERSISTENT_DIR="+s.state) // else they write below /var/lib/snmp
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Logf("%s: %v", tool, err)
	}
	return strings.TrimSpace(string(out))
}

// TestDebianToolsAgree lets net-snmp judge the agent.
func TestDebianToolsAgree(t *testing.T) {
	a, device, supply := newAgent(t)
	s := newTools(t, a)
	for _, version := range []string{"1", "2c"} {
		public := "-v" + version + " -c public"
		if out := s.run("snmpget", public, "1.3.6.1.2.1.33.1.4.1.0"); out != ".1.3.6.1.2.1.33.1.4.1.0 = INTEGER: 3" {
			t.Errorf("v%s snmpget: %s", version, out)
		}
		out := s.run("snmpwalk", public, "1.3.6.1.2.1")
		if lines := strings.Count(out, "\n") + 1; lines < len(a.objects()) || !strings.Contains(out, ".1.3.6.1.2.1.1.2.0 = OID: .1.3.6.1.2.1.33") {
			t.Errorf("v%s snmpwalk: %d lines of %d:\n%s", version, lines, len(a.objects()), out)
		}
	}
	if out := s.run("snmpbulkwalk", "-v2c -Cr40 -c public", "1.3"); strings.Count(out, "\n") < len(a.objects()) {
		t.Errorf("snmpbulkwalk:\n%s", out)
	}
	const descriptions = ".1.3.6.1.2.1.33.1.6.2.1.2"
	if out := s.run("snmpwalk", "-v2c -c public", descriptions); !strings.Contains(out, "No Such") {
		t.Errorf("a healthy device has alarms: %s", out)
	}
	device.SetBehaviour(Behaviour{Worn: true})
	if out := s.run("snmpwalk", "-v2c -c public", descriptions); out != descriptions+".1 = OID: .1.3.6.1.2.1.33.1.6.3.1" {
		t.Errorf("alarms of a worn battery: %s", out)
	}
	if out := s.run("snmpset", "-v2c -c public", "1.3.6.1.2.1.33.1.8.2.0", "i", "0"); !strings.Contains(out, "noAccess") {
		t.Errorf("snmpset with the read community: %s", out)
	}
	s.run("snmpset", "-v2c -c private", "1.3.6.1.2.1.33.1.1.6.0", "s", "cut by beta, generation 7", "1.3.6.1.2.1.33.1.8.2.0", "i", "0")
	s.until("-v2c -c public", "2")
	if device.On() || supply.Offs.Load() != 1 || device.Attached() != "cut by beta, generation 7" {
		t.Errorf("on %v, offs %d, attached %q", device.On(), supply.Offs.Load(), device.Attached())
	}
}

// until waits until the output's source reads a value.
func (s *tools) until(credentials, want string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out := s.run("snmpget", "-Oqv "+credentials, "1.3.6.1.2.1.33.1.4.1.0")
		if out == want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the output's source reads %s, want %s", out, want)
		}
	}
}

// netSNMP are our words in net-snmp's. It has AES with longer keys only after
// Blumenthal; Cisco's after Reeder has a C at its end.
var netSNMP = map[string]string{
	"md5": "MD5", "sha": "SHA", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512",
	"des": "DES", "aes": "AES", "aes192": "AES-192", "aes256": "AES-256", "aes192c": "AES-192-C", "aes256c": "AES-256-C",
}

// TestDebianToolsAgreeAboutUSM: every user of every protocol, by net-snmp's own
// discovery, keys and clocks.
func TestDebianToolsAgreeAboutUSM(t *testing.T) {
	a, _, _ := newAgent(t)
	s := newTools(t, a)
	judged := map[string]bool{}
	for _, user := range testUsers {
		if !user.Write {
			continue
		}
		t.Run(user.Name, func(t *testing.T) {
			out := s.run("snmpset", credentials(user), "1.3.6.1.2.1.33.1.1.6.0", "s", user.Name)
			if strings.Contains(out, "Invalid privacy protocol") {
				t.Skipf("this net-snmp has no %s", user.Privacy)
			}
			if want := fmt.Sprintf(".1.3.6.1.2.1.33.1.1.6.0 = STRING: %q", user.Name); out != want {
				t.Errorf("snmpset: %s", out)
			}
			judged[user.Auth], judged[user.Privacy] = true, true
		})
	}
	for _, protocol := range []string{"md5", "sha", "sha224", "sha256", "sha384", "sha512", "aes"} {
		if !judged[protocol] {
			t.Errorf("net-snmp judged no %s", protocol)
		}
	}
}

func credentials(user User) string {
	words := []string{"-v3 -u", user.Name}
	switch {
	case user.Auth == "":
		return strings.Join(append(words, "-l noAuthNoPriv"), " ")
	case user.Privacy == "":
		words = append(words, "-l authNoPriv")
	default:
		words = append(words, "-l authPriv -x", netSNMP[user.Privacy], "-X", user.PrivacyPassword)
	}
	return strings.Join(append(words, "-a", netSNMP[user.Auth], "-A", user.AuthPassword), " ")
}

// TestDebianToolsNameDenials: what net-snmp says to the reports.
func TestDebianToolsNameDenials(t *testing.T) {
	a, _, _ := newAgent(t)
	s := newTools(t, a)
	const source = "1.3.6.1.2.1.33.1.4.1.0"
	for _, test := range []struct{ credentials, says string }{
		{"-v3 -u nobody -l authNoPriv -a SHA -A authentic1", "Unknown user name"},
		{"-v3 -u sha -l authNoPriv -a SHA -A authentic2", "Authentication failure"},
		{"-v3 -u sha -l authPriv -a SHA -A authentic1 -x AES -X private-1", "Unsupported security level"},
		{"-v3 -u sha-aes -l authPriv -a SHA -A authentic1 -x AES -X private-2", "Decryption error"},
		{"-v3 -u sha -n elsewhere -l authNoPriv -a SHA -A authentic1", "Bad context specified"},
	} {
		if out := s.run("snmpget", test.credentials, source); !strings.Contains(out, test.says) {
			t.Errorf("%s: %s, want %s", test.credentials, out, test.says)
		}
	}
	if out := s.run("snmpset", "-v3 -u reader -l authNoPriv -a SHA -A authentic1", "1.3.6.1.2.1.33.1.8.2.0", "i", "0"); !strings.Contains(out, "authorizationError") {
		t.Errorf("a user who may only read: %s", out)
	}
}
