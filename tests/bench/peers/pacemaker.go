package peers

import (
	"context"
	_ "embed" // the configuration
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/tests/lab"
)

//go:embed files/cib.xml
var cibText string

var cib = template.Must(template.New("cib.xml").Parse(cibText))

// Corosync is corosync alone, which carries messages and takes nothing over.
// Totem are further lines of its section "totem".
func Corosync(name string, totem ...string) Stack {
	return Stack{
		Name: name, Fencing: noFencing,
		programs: map[string]string{"/usr/sbin/corosync": "corosync"},
		equip:    func(n *lab.Node) error { return equipCorosync(n, totem) },
	}
}

// Pacemaker is pacemaker on corosync: a group of an address and the service, and
// a fence agent for each node that switches its UPS.
func Pacemaker(name string, totem ...string) Stack {
	return Stack{
		Name: name, Fencing: upsFencing,
		programs: map[string]string{
			"/usr/sbin/corosync": "corosync", "/usr/sbin/pacemakerd": "pacemaker", "/usr/sbin/crm_mon": "pacemaker-cli-utils",
			"/usr/bin/snmpset": "snmp", "/usr/lib/ocf/resource.d/heartbeat/IPaddr2": "resource-agents",
		},
		equip: func(n *lab.Node) error { return equipPacemaker(n, totem) },
		whole: pacemakerWhole,
	}
}

func equipCorosync(n *lab.Node, totem []string) error {
	run(n, "corosync", "exec /usr/sbin/corosync -f")
	if err := keep(n, "/var/lib/corosync"); err != nil {
		return err
	}
	return show(n, "/etc/corosync/corosync.conf", 0o644, corosyncConf(n.Store, totem))
}

func corosyncConf(s *lab.Store, totem []string) string {
	var b strings.Builder
	b.WriteString("totem {\n  version: 2\n  cluster_name: lab\n  transport: knet\n  crypto_cipher: none\n  crypto_hash: none\n")
	for _, line := range totem {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("}\nlogging {\n  to_logfile: yes\n  logfile: /var/log/storeward/corosync-own.log\n  to_syslog: no\n  to_stderr: no\n  timestamp: hires\n}\n")
	b.WriteString("quorum {\n  provider: corosync_votequorum\n  two_node: 1\n}\nnodelist {\n")
	for i, n := range s.Nodes {
		fmt.Fprintf(&b, "  node {\n    name: %s\n    nodeid: %d\n    ring0_addr: %s\n    ring1_addr: %s\n  }\n", n.Name, i+1, n.Address(), n.CableAddress())
	}
	b.WriteString("}\n")
	return b.String()
}

func equipPacemaker(n *lab.Node, totem []string) error {
	if err := equipCorosync(n, totem); err != nil {
		return err
	}
	for target, text := range map[string]string{
		"/usr/lib/ocf/resource.d/bench/echo": echoScript, "/usr/sbin/fence_bench": fenceScript, cutPath: cutScript,
	} {
		if err := show(n, target, 0o755, text); err != nil {
			return err
		}
	}
	run(n, "pacemaker", `until corosync-quorumtool -s >/dev/null 2>&1; do sleep 0.1; done
mkdir -p /run/crm /run/pacemaker /run/resource-agents
chown hacluster:haclient /run/crm /run/pacemaker
export PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none
exec /usr/sbin/pacemakerd`)
	if err := keep(n, "/var/lib/pacemaker"); err != nil {
		return err
	}
	return writeCIB(n)
}

// writeCIB leaves the configuration on the node's disk; both nodes begin with the same one.
func writeCIB(n *lab.Node) error {
	type fenced struct{ Name, Card string }
	var nodes []fenced
	for _, one := range n.Store.Nodes {
		card, err := cardOf(one)
		if err != nil {
			return err
		}
		nodes = append(nodes, fenced{one.Name, card})
	}
	folder := filepath.Join(n.Disk(), "pacemaker", "cib")
	file, err := os.OpenFile(filepath.Join(folder, "cib.xml"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := cib.Execute(file, map[string]any{"Nodes": nodes, "VIP": n.Store.VIP(1), "Interface": lab.LAN}); err != nil {
		return err
	}
	var owner unix.Stat_t // the daemons' own user
	if err := unix.Stat(folder, &owner); err != nil {
		return err
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

// pacemakerWhole: both nodes are online, everything is started, nothing is under way.
func pacemakerWhole(ctx context.Context, _, standby *lab.Node) (string, bool) {
	text, err := standby.Exec(ctx, "crm_mon", "-1", "--output-as=xml")
	if err != nil {
		return err.Error(), false
	}
	if seen, ok := allStarted([]byte(text)); !ok {
		return seen, false
	}
	state, err := standby.Exec(ctx, "sh", "-c", `timeout -s KILL 5 crmadmin -q -S "$(timeout -s KILL 5 crmadmin -q -D 2>&1 | awk '{print $NF}')" 2>&1`)
	return fmt.Sprintf("coordinator: %s %v", strings.TrimSpace(state), err), strings.Contains(state, "S_IDLE")
}

// allStarted reads crm_mon's XML.
func allStarted(text []byte) (seen string, ok bool) {
	var status struct {
		Nodes []struct {
			Name    string `xml:"name,attr"`
			Online  bool   `xml:"online,attr"`
			Pending bool   `xml:"pending,attr"`
			Unclean bool   `xml:"unclean,attr"`
		} `xml:"nodes>node"`
		Resources []crmResource `xml:"resources>resource"`
		Grouped   []crmResource `xml:"resources>group>resource"`
	}
	if err := xml.Unmarshal(text, &status); err != nil {
		return err.Error(), false
	}
	if len(status.Nodes) != 2 {
		return fmt.Sprintf("%d nodes", len(status.Nodes)), false
	}
	for _, n := range status.Nodes {
		if !n.Online || n.Pending || n.Unclean {
			return fmt.Sprintf("node %s: online %v, pending %v, unclean %v", n.Name, n.Online, n.Pending, n.Unclean), false
		}
	}
	all := slices.Concat(status.Resources, status.Grouped)
	for _, r := range all {
		if r.Role != "Started" || r.Failed {
			return fmt.Sprintf("%s is %s, failed %v", r.ID, r.Role, r.Failed), false
		}
	}
	return fmt.Sprintf("%d resources", len(all)), len(all) == 4
}

type crmResource struct {
	ID     string `xml:"id,attr"`
	Role   string `xml:"role,attr"`
	Failed bool   `xml:"failed,attr"`
}
