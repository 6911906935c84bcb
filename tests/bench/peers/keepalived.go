package peers

import (
	"context"
	"fmt"
	"strings"

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
	return fmt.Sprintf(`global_defs {
  router_id %[1]s
  vrrp_version %[2]d
  script_user root
  enable_script_security
  %[8]s
}
vrrp_instance store {
  state BACKUP
  interface %[6]s
  virtual_router_id 51
  priority %[3]d
  nopreempt
  advert_int %[4]s
  virtual_ipaddress {
    %[5]s/24
  }
  notify_master "%[7]s start"
  notify_backup "%[7]s stop"
  notify_fault "%[7]s stop"
}
`, n.Name, version, priority, advertise, n.Store.VIP(1), lab.LAN, echoPath, strings.Join(global, "\n  "))
}
