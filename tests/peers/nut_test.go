package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nut is one driver of the Network UPS Tools and an upsd before it.
type nut struct {
	t           *testing.T
	environment []string
	address     string // of the UPS at upsd
	log         string
}

// startNUT starts a driver with its options of ups.conf. NUT finds everything by
// its environment: nothing below /etc or /run is touched.
func startNUT(t *testing.T, driver, options string) *nut {
	t.Helper()
	need(t, "/lib/nut/"+driver, map[bool]string{true: "nut-snmp", false: "nut-server"}[driver == "snmp-ups"])
	need(t, "/lib/nut/upsd", "nut-server")
	dir := t.TempDir()
	n := &nut{t: t, log: filepath.Join(dir, "log")}
	for _, name := range []string{"NUT_CONFPATH", "NUT_STATEPATH", "NUT_PIDPATH", "NUT_ALTPIDPATH"} {
		n.environment = append(n.environment, name+"="+dir)
	}
	n.environment = append(n.environment, "SNMP_PERSISTENT_DIR="+dir) // else net-snmp writes below /var/lib/snmp
	listener, err := net.Listen("tcp4", "127.0.0.1:0")                // upsd wants to be told a port
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	n.address = "ups@" + net.JoinHostPort(host, port)
	for name, text := range map[string]string{
		"nut.conf":   "MODE=standalone\n",
		"ups.conf":   fmt.Sprintf("maxretry = 3\n[ups]\ndriver = %s\n%s", driver, options),
		"upsd.conf":  fmt.Sprintf("LISTEN %s %s\nSTATEPATH %s\n", host, port, dir),
		"upsd.users": "[judge]\npassword = judge\nactions = SET\ninstcmds = ALL\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	account := []string{}
	if os.Geteuid() == 0 {
		account = []string{"-u", "root"}
	}
	n.start("/lib/nut/"+driver, append([]string{"-F", "-a", "ups"}, account...)...)
	n.start("/lib/nut/upsd", append([]string{"-F"}, account...)...)
	return n
}

// start runs a daemon in the foreground until the test ends.
func (n *nut) start(program string, arguments ...string) {
	n.t.Helper()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	command := exec.Command(program, arguments...)
	command.Env, command.Stdout, command.Stderr = append(command.Environ(), n.environment...), log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		log.Close()
		if n.t.Failed() {
			text, _ := os.ReadFile(n.log)
			n.t.Logf("%s: %s", filepath.Base(program), text)
		}
	})
}

// reads waits until a variable reads as wanted, or, with several words in it, has
// the wanted one.
func (n *nut) reads(variable, want string) {
	n.t.Helper()
	until(n.t, 60*time.Second, variable+" reads "+want, func() (string, bool) {
		got, err := output(n.t, n.environment, "", "upsc", n.address, variable)
		lines := strings.Split(got, "\n") // the last one: upsc speaks of SSL first
		last := lines[len(lines)-1]
		return got, err == nil && (last == want || slices.Contains(strings.Fields(last), want))
	})
}

// orders sends an instant command, some with a value, and waits for its result.
func (n *nut) orders(command ...string) {
	n.t.Helper()
	arguments := append([]string{"-u", "judge", "-p", "judge", "-w", n.address}, command...)
	if got, err := output(n.t, n.environment, "", "upscmd", arguments...); err != nil || strings.Contains(got, "ERR") {
		n.t.Fatalf("%s: %v: %s", command, err, got)
	}
}

// options are a section of ups.conf, for version 1 or, with a user, 3. NUT finds
// out by the sysObjectID what it speaks with, unless it is told.
func (c card) options(mibs, version string) string {
	text := fmt.Sprintf("port = %s:%s\nmibs = %s\npollfreq = 2\nsnmp_version = %s\n", c.Host, c.Port, mibs, version)
	if version != "v3" {
		return text + "community = private\n"
	}
	return text + fmt.Sprintf("secLevel = authPriv\nsecName = %s\nauthProtocol = SHA\nauthPassword = %s\nprivProtocol = AES\nprivPassword = %s\n",
		user.Name, user.AuthPassword, user.PrivacyPassword)
}

// TestNUTAgreesAboutUPSes: NUT reads them, switches them off and reads that they
// are off, and on again.
func TestNUTAgreesAboutUPSes(t *testing.T) {
	for _, test := range []struct{ kind, mibs, version, model string }{
		{"rfc1628", "auto", "v1", "Simulated UPS"},
		{"rfc1628", "auto", "v3", "Simulated UPS"},
		{"apcups", "auto", "v1", "Smart-UPS 1500"},
		{"apcups", "auto", "v3", "Smart-UPS 1500"},
		{"xups", "auto", "v1", "9PX 1500i"},
		{"cyberpower", "auto", "v2c", "OR1500ELCDRM1U"},
	} {
		t.Run(test.kind+" "+test.version, func(t *testing.T) {
			t.Parallel()
			c := newCard(t, test.kind)
			n := startNUT(t, "snmp-ups", c.options(test.mibs, test.version))
			n.reads("ups.model", test.model)
			n.reads("battery.charge", "100")
			variable, on, off := "ups.status", "OL", "OFF"
			switchOff, switchOn := []string{"load.off"}, []string{"load.on"}
			if test.kind == "cyberpower" { // NUT 2.8.0 has no words for its states, and must be told what to write
				variable, on, off = "output.voltage", "230", "0"
				switchOff, switchOn = append(switchOff, "2"), append(switchOn, "2")
			}
			n.reads(variable, on)
			n.orders(switchOff...)
			until(t, 20*time.Second, "the output is off", func() (string, bool) { return "", !c.On() })
			n.reads(variable, off)
			n.orders(switchOn...)
			until(t, 20*time.Second, "the output is on", func() (string, bool) { return "", c.On() })
			n.reads(variable, on)
			if test.kind != "cyberpower" {
				_ = c.SetMains(false)
				n.reads("ups.status", "OB")
			}
		})
	}
}

// TestNUTAgreesAboutPDUs: it detects them, counts their outlets and reads and
// switches the third, which is what our outlet 3 is.
func TestNUTAgreesAboutPDUs(t *testing.T) {
	for _, test := range []struct {
		kind, third string
		// only says that NUT 2.8.0 reads the outlets and cannot switch them: of rPDU it
		// has no command, and of Pulizzi's it sends the one before (outlet1Command is
		// 20677.2.6.2.2 in the MIB; NUT writes 20677.2.6.2.1, which is all outlets).
		only bool
	}{
		{"epdu", "outlet.3", false},
		{"epdu-managed", "outlet.2", false}, // NUT counts its outlets from 0
		{"epdu-switched", "outlet.3", true},
		{"raritan-px2", "outlet.3", false},
		{"rpdu", "outlet.3", true},
		{"rpdu2", "outlet.3", true},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			c := newCard(t, test.kind, 3)
			c.Name(3, "till")
			n := startNUT(t, "snmp-ups", c.options("auto", "v1"))
			n.reads("outlet.count", "8")
			n.reads(test.third+".desc", "till")
			n.reads(test.third+".status", "on")
			order := func(on bool) {
				if test.only {
					_ = c.Switch(on)
					return
				}
				n.orders(test.third + map[bool]string{false: ".load.off", true: ".load.on"}[on])
			}
			for _, on := range []bool{false, true} {
				order(on)
				until(t, 20*time.Second, fmt.Sprint("outlet 3 is on: ", on), func() (string, bool) { return "", c.On() == on })
				n.reads(test.third+".status", map[bool]string{false: "off", true: "on"}[on])
			}
			if !c.OutletOn(2) || !c.OutletOn(4) {
				t.Error("a neighbour was switched")
			}
		})
	}
}
