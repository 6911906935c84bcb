package fenceagent

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

const password = "hush-hush"

// script is a small fence agent. Its folder holds its output's state, its mood (a
// word of the table in badluck_test.go) and the actions that it was called for.
const script = `#!/bin/sh
cd %s || exit 1
action=reboot
while IFS='=' read -r key value; do
	case $key in action) action=$value ;; password) password=$value ;; esac
done
if [ "$action" = metadata ]; then
	cat metadata.xml
	exit 0
fi
state=$(cat state)
mood=$(cat mood)
echo "$action" >>calls
status() {
	case $state in
	on) echo "Status: ON"; exit 0 ;;
	off) echo "Status: OFF"; exit 2 ;;
	esac
}
case "$mood:$action" in
hangs:* | hangs-at-off:off | hangs-at-status:status) sleep 60 ;;
ignores-term:*) trap '' TERM INT HUP; while :; do sleep 60; done ;;
leaves-children:*) setsid sleep 3600.%[2]d & sleep 60 ;;
leaves-children-and-goes:off) echo off >state; setsid sleep 3600.%[2]d & exit 0 ;;
garbage:status) head -c 600000 /dev/urandom; exit 2 ;;
garbage-off:status) head -c 600000 /dev/zero; echo; echo "Status: OFF"; exit 2 ;;
fails:*) echo "no route to 192.0.2.1 with password $password" >&2; exit 1 ;;
fails-and-obeys:off) echo off >state; exit 1 ;;
fails-once:off) [ -e failed ] && echo off >state && exit 0; : >failed; exit 1 ;;
lies:off | lies:on) echo "Success"; exit 0 ;;
mute:status) exit 2 ;;
contradicts-2:status) echo "Status: ON"; exit 2 ;;
contradicts-0:status) echo "Status: OFF"; exit 0 ;;
both:status) echo "Status: ON"; echo "Status: OFF"; exit 2 ;;
slow:off) (sleep 0.3; echo off >state) & wait; exit 0 ;;
too-slow:off) sleep 1; echo off >state; exit 0 ;;
*:status) status ;;
*:off | *:on) echo "$action" >state; echo "Success" ;;
esac
`

const fakeMetadata = `<?xml version="1.0" ?>
<resource-agent name="fence_fake" shortdesc="Fence agent for nothing at all" >
<parameters>
	<parameter name="action" unique="0" required="1"><content type="string" default="reboot" /></parameter>
	<parameter name="ip" unique="0" required="1" obsoletes="ipaddr"><content type="string" /></parameter>
	<parameter name="ipaddr" unique="0" required="1" deprecated="1"><content type="string" /></parameter>
	<parameter name="ipport" unique="0" required="0"><content type="integer" default="161" /></parameter>
	<parameter name="plug" unique="0" required="1" obsoletes="port"><content type="string" /></parameter>
	<parameter name="port" unique="0" required="1" deprecated="1"><content type="string" /></parameter>
	<parameter name="password" unique="0" required="0"><content type="string" /></parameter>
	<parameter name="ssl" unique="0" required="0"><content type="boolean" /></parameter>
	<parameter name="snmp_version" unique="0" required="0"><content type="select"><option value="1" /><option value="3" /></content></parameter>
	<parameter name="verbose" unique="0" required="0"><content type="boolean" /></parameter>
</parameters>
<actions>
	<action name="on" automatic="0"/><action name="off" /><action name="reboot" /><action name="status" /><action name="metadata" />
</actions>
</resource-agent>
`

// fake is a fence agent in a folder of its own.
type fake struct {
	t      testing.TB
	folder string
}

func newFake(t testing.TB) fake {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: agents must belong to root and run in a PID namespace")
	}
	f := fake{t, t.TempDir()}
	f.write("fence_fake", fmt.Sprintf(script, f.folder, os.Getpid()), 0o755)
	f.write("metadata.xml", fakeMetadata, 0o644)
	f.write("secret", password+"\n", 0o600)
	f.is("well", sdk.PowerOn)
	return f
}

func (f fake) write(name, text string, mode os.FileMode) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.folder, name), []byte(text), mode); err != nil {
		f.t.Error(err)
	}
}

func (f fake) is(mood string, power sdk.Power) {
	f.write("mood", mood, 0o644)
	f.write("state", power.String(), 0o644)
}

func (f fake) read(name string) string {
	text, err := os.ReadFile(filepath.Join(f.folder, name))
	if err != nil && !os.IsNotExist(err) {
		f.t.Error(err)
	}
	return strings.TrimSpace(string(text))
}

func (f fake) chmod(mode os.FileMode) {
	if err := os.Chmod(filepath.Join(f.folder, "fence_fake"), mode); err != nil {
		f.t.Error(err)
	}
}

func (f fake) remove(name string) {
	if err := os.Remove(filepath.Join(f.folder, name)); err != nil {
		f.t.Error(err)
	}
}

func (f fake) orders() int { return strings.Count("\n"+f.read("calls")+"\n", "\noff\n") }

// section is the agent's configuration.
func (f fake) section(more string) string {
	return fmt.Sprintf("agent: %s/fence_fake\noptions: {ip: 192.0.2.1, plug: 3}\nsecrets: {password: {file: %s/secret}}\n%s", f.folder, f.folder, more)
}

func (f fake) open(more string) *instance { return openSection(f.t, f.section(more)) }

func openSection(t testing.TB, section string) *instance {
	t.Helper()
	config, err := New().Configure([]byte(section))
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	opened, err := open(t.Context(), sdk.Env{Instance: "pdu-beta", Log: log}, config)
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*instance)
}

func order(life time.Duration) sdk.Order {
	return sdk.Order{ID: "o1", Expiry: sdk.Monotonic() + life, Mark: "cut by alpha, generation 7"}
}

// childrenLeft counts the processes that the agent started and that still run.
func childrenLeft(t *testing.T) int {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, path := range commands {
		text, _ := os.ReadFile(path) // a process may have ended meanwhile
		if strings.Contains(string(text), fmt.Sprintf("3600.%d", os.Getpid())) {
			left++
		}
	}
	return left
}

// need skips where one of Debian's agents is missing; make test installs them.
func need(t *testing.T, program string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: agents run in a PID namespace")
	}
	if _, err := exec.LookPath("/usr/sbin/" + program); err != nil {
		t.Skipf("%s is not there: Debian's package fence-agents is not installed (make packages-judges installs it)", program)
	}
}

// until waits for a condition, with a bound.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !condition() {
		if !sdk.Pause(ctx, 5*time.Millisecond) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
