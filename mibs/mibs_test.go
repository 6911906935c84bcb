package mibs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/storeward/storeward/mibs"
)

// TestC2MIBIsClean has smilint judge the module at its strictest level.
func TestC2MIBIsClean(t *testing.T) {
	if _, err := exec.LookPath("smilint"); err != nil {
		t.Skip("smilint is not installed (Debian package smitools)")
	}
	base, err := filepath.Abs("../build/mibs/base")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "./base.sh", base).CombinedOutput(); err != nil {
		t.Fatalf("fetch the base MIBs: %v\n%s", err, out)
	}
	if _, err := os.Stat("/usr/share/snmp/mibs/NET-SNMP-MIB.txt"); err != nil {
		t.Skip("NET-SNMP-MIB is not installed (Debian package libsnmp-base)")
	}
	cmd := exec.CommandContext(t.Context(), "smilint", "-l", "6", "-s", "STOREWARD-MIB.txt")
	cmd.Env = append(os.Environ(), "SMIPATH="+base+":/usr/share/snmp/mibs:.")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("smilint: %v\n%s", err, out)
	}
}

func TestNotification(t *testing.T) {
	if got := mibs.Notification("failover.completed"); !strings.HasPrefix(got, mibs.Notifications+".") {
		t.Errorf("failover.completed has the notification %q", got)
	}
	if mibs.Known("never.heard") {
		t.Error("a kind that the MIB does not name counts as known")
	}
	if mibs.Notification("never.heard") != mibs.Notification("alarm") {
		t.Error("an unknown kind does not get the general notification")
	}
}
