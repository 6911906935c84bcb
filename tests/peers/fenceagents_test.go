package peers

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// agent runs a fence agent as a cluster does, with its options on stdin, and
// returns its exit status: 0 done or on, 2 off, 1 failed.
func agent(t *testing.T, program string, c card, options ...string) (int, string) {
	t.Helper()
	lines := append([]string{"ip=" + c.Host, "ipport=" + c.Port, "shell_timeout=10", "power_timeout=20", "power_wait=0"}, options...)
	out, err := output(t, nil, strings.Join(lines, "\n")+"\n", program)
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return failed.ExitCode(), out
	case err != nil:
		t.Fatal(err)
	}
	return 0, out
}

// TestFenceAgentsAgree: the agents of ClusterLabs detect the device, switch an
// outlet off, are content that it is off, and switch it on.
func TestFenceAgentsAgree(t *testing.T) {
	community := []string{"snmp_version=1", "community=private"}
	secure := []string{
		"snmp_version=3", "username=" + user.Name, "snmp_sec_level=authPriv", "snmp_auth_prot=SHA", "password=" + user.AuthPassword,
		"snmp_priv_prot=AES", "snmp_priv_passwd=" + user.PrivacyPassword,
	}
	for _, test := range []struct {
		program, kind, plug string
		outlet              int
		access              []string
	}{
		{"fence_apc_snmp", "masterswitch", "plug=3", 3, community},
		{"fence_apc_snmp", "masterswitchplus", "plug=1:7", 7, community},
		{"fence_apc_snmp", "rpdu", "plug=2", 2, community},
		{"fence_apc_snmp", "rpdu", "plug=till", 6, community},
		{"fence_apc_snmp", "rpdu", "plug=2", 2, secure},
		{"fence_apc_snmp", "rpdu2", "plug=8", 8, community},
		{"fence_apc_snmp", "tripplite", "plug=4", 4, community},
		{"fence_apc_snmp", "tripplite-lx", "plug=4", 4, community},
		{"fence_eaton_snmp", "epdu-managed", "plug=3", 3, community},
		{"fence_eaton_snmp", "epdu-switched", "plug=3", 3, community},
	} {
		t.Run(fmt.Sprintf("%s %s %s %s", test.program, test.kind, test.plug, test.access[0]), func(t *testing.T) {
			t.Parallel()
			need(t, test.program, "fence-agents")
			c := newCard(t, test.kind, test.outlet)
			c.Name(test.outlet, "till")
			run := func(action string, want int) {
				t.Helper()
				if got, out := agent(t, test.program, c, append(test.access, test.plug, "action="+action)...); got != want {
					t.Errorf("%s: exit status %d, want %d: %s", action, got, want, out)
				}
			}
			run("monitor", 0)
			run("status", 0)
			run("off", 0)
			if c.On() {
				t.Error("the agent was content and the output is on")
			}
			run("status", 2)
			run("on", 0)
			if !c.On() {
				t.Error("the agent was content and the output is off")
			}
		})
	}
}
