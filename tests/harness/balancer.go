package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/storeward/storeward/tests/lab"
)

const keepalivedFile = "keepalived.conf"

// BalancerAddress is what the balancer's master holds.
const BalancerAddress = "192.0.2.101"

// Keepalived is the virtual router 51 on the LAN, see keepalived.conf(5). Whose
// priority is the greatest is the master.
type Keepalived struct {
	Name      string
	Version   int    // of VRRP
	Advertise string // seconds
	Priority  int
	Address   string   // CIDR
	Global    []string // further lines of global_defs
	Instance  []string // and of the instance
}

// Text is the configuration file.
func (k Keepalived) Text() string {
	const next = "\n  "
	return fmt.Sprintf(`global_defs {
  router_id %s
  vrrp_version %d
  %s
}
vrrp_instance store {
  state BACKUP
  interface %s
  virtual_router_id 51
  priority %d
  advert_int %s
  virtual_ipaddress {
    %s
  }
  %s
}
`, k.Name, k.Version, strings.Join(k.Global, next), lab.LAN, k.Priority, k.Advertise, k.Address, strings.Join(k.Instance, next))
}

// keepalived is the configuration of a balancer.
func keepalived(name string, priority int) string {
	return Keepalived{Name: name, Version: 3, Advertise: "0.2", Priority: priority, Address: BalancerAddress + "/32"}.Text()
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
