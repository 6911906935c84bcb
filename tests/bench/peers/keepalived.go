package peers

import (
	"context"
	"fmt"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// Keepalived is VRRP as keepalived.conf(5) has it: version 2 with whole seconds
// (the default), version 3 with hundredths. It fences nobody. Global are further
// lines of its section "global_defs".
func Keepalived(name string, version int, advertise string, global ...string) Stack {
	return Stack{
		Name: name, Fencing: noFencing,
		programs: map[string]string{"/usr/sbin/keepalived": "keepalived"},
		equip: func(n *lab.Node) error {
			run(n, "keepalived", "exec /usr/sbin/keepalived --dont-fork --log-console --log-detail --use-file /etc/keepalived/keepalived.conf")
			return show(n, "/etc/keepalived/keepalived.conf", 0o600, keepalivedConf(n, version, advertise, global))
		},
		whole: func(ctx context.Context, _, standby *lab.Node) (string, bool) {
			_, err := standby.Exec(ctx, "test", "-e", "/run/echo.stopped") // notify_backup was called in this boot
			return fmt.Sprintf("%s is no backup: %v", standby.Name, err), err == nil
		},
	}
}

func keepalivedConf(n *lab.Node, version int, advertise string, global []string) string {
	priority := 150
	if n.Name != n.Store.Nodes[0].Name {
		priority = 100
	}
	return harness.Keepalived{
		Name: n.Name, Version: version, Advertise: advertise, Priority: priority, Address: n.Store.VIP(1) + "/24",
		Global: append([]string{"script_user root", "enable_script_security"}, global...),
		Instance: []string{
			"nopreempt",
			`notify_master "` + echoPath + ` start"`, `notify_backup "` + echoPath + ` stop"`, `notify_fault "` + echoPath + ` stop"`,
		},
	}.Text()
}
