package demo

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestHolderOfAPort: who is to free a port is told what holds it.
func TestHolderOfAPort(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("iproute2 is missing: tests/lab/install.sh lab")
	}
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := socket.Addr().String()
	if got, want := holder(t.Context(), address), fmt.Sprintf("(process %d)", os.Getpid()); !strings.HasSuffix(got, want) {
		t.Errorf("held by %s, want %s", got, want)
	}
	socket.Close()
	if got := holder(t.Context(), address); strings.Contains(got, "process") {
		t.Errorf("nobody holds %s any more, and it is held by %s", address, got)
	}
}
