package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/storeward/storeward/tests/lab"
)

const keepalivedFile = "keepalived.conf"

// keepalived is the configuration of a balancer: the virtual router 51 with an
// address of its own. Whose priority is the greatest is the master.
func keepalived(name string, priority int) string {
	return fmt.Sprintf(`global_defs { router_id %s }
vrrp_instance shop {
	state BACKUP
	interface %s
	virtual_router_id 51
	priority %d
	version 3
	advert_int 0.2
	virtual_ipaddress { 192.0.2.101/32 }
}
`, name, lab.LAN, priority)
}

// StartRival runs one more keepalived of the same virtual router at the store's till,
// deaf to all others: a second master. It returns how to end it.
func (s *Site) StartRival(ctx context.Context) (end func(), err error) {
	till := s.Store.Till
	if _, err := till.Run(ctx, "nft", "add table ip deaf; add chain ip deaf in { type filter hook input priority 0; }; add rule ip deaf in ip protocol 112 drop"); err != nil {
		return nil, err
	}
	folder := filepath.Join(s.Lab.DataDir(), "rival")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, keepalivedFile)
	if err := os.WriteFile(file, []byte(keepalived("rival", 50)), 0o600); err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, keepalivedCommand[0], append(slices.Clone(keepalivedCommand[1:]), "--use-file", file,
		"--pid", filepath.Join(folder, "pid"), "--vrrp_pid", filepath.Join(folder, "vrrp_pid"))...)
	if err := till.Start(command); err != nil {
		return nil, err
	}
	return func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}, nil
}

var keepalivedCommand = []string{"/usr/sbin/keepalived", "--dont-fork", "--log-console", "--no-syslog", "--vrrp"}
