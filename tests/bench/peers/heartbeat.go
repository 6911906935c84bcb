package peers

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/storeward/storeward/tests/lab"
)

// HeartbeatTimes are the times of ha.cf.
type HeartbeatTimes struct{ Keepalive, Warntime, Deadtime, Initdead string }

// Heartbeat is Linux-HA's heartbeat 3 with haresources. With a stub its stonith
// does nothing, inside the daemon; else an external plugin switches the UPS.
func Heartbeat(name string, times HeartbeatTimes, stub bool) Stack {
	s := Stack{
		Name: name, Fencing: upsFencing,
		programs: map[string]string{
			"/usr/libexec/heartbeat/heartbeat": "heartbeat", "/usr/lib/stonith/plugins/stonith2": "cluster-glue",
			"/usr/bin/snmpset": "snmp", "/usr/lib/ocf/resource.d/heartbeat/IPaddr2": "resource-agents",
		},
		equip: func(n *lab.Node) error { return equipHeartbeat(n, times, stub) },
		whole: heartbeatWhole,
	}
	if stub {
		s.Fencing = stubFencing
	}
	return s
}

func equipHeartbeat(n *lab.Node, times HeartbeatTimes, stub bool) error {
	stonith := "null " + n.Store.Nodes[0].Name + " " + n.Store.Nodes[1].Name
	if !stub {
		peer := n.Store.Peer(n)
		card, err := cardOf(peer)
		if err != nil {
			return err
		}
		stonith = fmt.Sprintf("external/bench %s %s", peer.Name, card)
	}
	for _, f := range []struct {
		target string
		mode   os.FileMode
		text   string
	}{
		{"/etc/ha.d/ha.cf", 0o644, haCf(n, times, stonith)},
		{"/etc/ha.d/haresources", 0o644, fmt.Sprintf("%s IPaddr2::%s/24/%s echo\n", n.Store.Nodes[0].Name, n.Store.VIP(1), lab.LAN)},
		{"/etc/ha.d/authkeys", 0o600, "auth 1\n1 sha1 of-the-lab-only\n"},
		{"/etc/ha.d/resource.d/echo", 0o755, echoScript},
		{"/usr/lib/stonith/plugins/external/bench", 0o755, stonithScript},
		{cutPath, 0o755, cutScript},
	} {
		if err := show(n, f.target, f.mode, f.text); err != nil {
			return err
		}
	}
	run(n, "heartbeat", `mkdir -p /run/heartbeat/ccm /run/heartbeat/dopd /run/resource-agents
chown -R hacluster:haclient /run/heartbeat
exec /usr/libexec/heartbeat/heartbeat -f`)
	return keep(n, "/var/lib/heartbeat")
}

// haCf sends beats over both networks, as ours go.
func haCf(n *lab.Node, t HeartbeatTimes, stonith string) string {
	peer := n.Store.Peer(n)
	return fmt.Sprintf(`logfile /var/log/storeward/ha-log
logfacility none
udpport 694
keepalive %s
warntime %s
deadtime %s
initdead %s
ucast %s %s
ucast %s %s
auto_failback off
node %s %s
stonith_host * %s
`, t.Keepalive, t.Warntime, t.Deadtime, t.Initdead, lab.LAN, peer.Address(), lab.Cable, peer.CableAddress(),
		n.Store.Nodes[0].Name, n.Store.Nodes[1].Name, stonith)
}

// heartbeatWhole: each node knows the other as active, and the resources lie where they shall.
func heartbeatWhole(ctx context.Context, active, standby *lab.Node) (string, bool) {
	for _, q := range []struct {
		on   *lab.Node
		ask  []string
		want []string
	}{
		{active, []string{"nodestatus", standby.Name}, []string{"active"}},
		{standby, []string{"nodestatus", active.Name}, []string{"active"}},
		{active, []string{"rscstatus"}, []string{"all", "local"}},
		{standby, []string{"rscstatus"}, []string{"none", "local", "foreign"}},
	} {
		answer, err := q.on.Exec(ctx, append([]string{"cl_status"}, q.ask...)...)
		answer = strings.TrimSpace(answer)
		if !slices.Contains(q.want, answer) {
			return fmt.Sprintf("%s says %s of %s: %v", q.on.Name, answer, strings.Join(q.ask, " "), err), false
		}
	}
	return "", true
}
