package peers

import (
	_ "embed" // the scripts
	"fmt"
	"net"

	"github.com/storeward/storeward/tests/lab"
)

//go:embed files/cut.sh
var cutScript string

//go:embed files/stonith.sh
var stonithScript string

//go:embed files/fence.sh
var fenceScript string

// Ways to make sure that the other node is off. Each of them that cuts power
// reads back that it is off, as ours does.
const (
	noFencing   = "none"
	stubFencing = "in-process stub"
	upsFencing  = "UPS, read back"
)

// cardOf is the host address of the UPS that feeds the node.
func cardOf(n *lab.Node) (string, error) {
	host, _, err := net.SplitHostPort(n.UPS().Address)
	if err != nil {
		return "", fmt.Errorf("address of the UPS of %s: %w", n.ID(), err)
	}
	return host, nil
}
