package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsThatOthersMayRead are refused, each with its place, file and mode, and what
// would be right.
func TestSecretsThatOthersMayRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.yaml")
	files := map[string]string{}
	for _, name := range []string{"cluster.key", "peer.key", "hq.key", "token", "community"} {
		files[name] = filepath.Join(dir, name)
		if err := os.WriteFile(files[name], []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(validStore, "KEY", "{file: "+files["cluster.key"]+"}", 1) + fmt.Sprintf(`peer:
  private_key: %s
report:
  consoles:
    - {name: hq, url: "tls://hq:4222", ca: /ca.pem, certificate: /node.pem, private_key: %s}
    - {name: away, url: "tls://hq:4222", ca: /ca.pem, certificate: /node.pem, private_key: /no/such.key}
  influx: [{name: metrics, url: "http://hq:8428", token: {file: %s}}]
  traps: [{address: "hq:162", community: {file: %s}}]
`, files["peer.key"], files["hq.key"], files["token"], files["community"])
	load := func(text string, mode os.FileMode) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err != nil {
			return err.Error()
		}
		return ""
	}
	if got := load(text, 0o644); got != "" {
		t.Errorf("keys that are readable by their owner alone: %s", got)
	}
	for name, mode := range map[string]os.FileMode{"cluster.key": 0o640, "peer.key": 0o604, "hq.key": 0o620, "token": 0o644, "community": 0o660} {
		if err := os.Chmod(files[name], mode); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Join([]string{
		"store.yaml:5:7: key: the cluster's key is open to others: DIR/cluster.key has mode 0640: chmod 600 DIR/cluster.key",
		"store.yaml:10:16: peer.private_key: the private key is open to others: DIR/peer.key has mode 0604: chmod 600 DIR/peer.key",
		"store.yaml:13:90: report.consoles[0].private_key: the private key is open to others: DIR/hq.key has mode 0620: chmod 600 DIR/hq.key",
		"store.yaml:15:59: report.influx[0].token: the token is open to others: DIR/token has mode 0644: chmod 600 DIR/token",
		"store.yaml:16:43: report.traps[0].community: the community is open to others: DIR/community has mode 0660: chmod 600 DIR/community",
	}, "\n")
	if got := strings.ReplaceAll(load(text, 0o644), dir, "DIR"); got != want {
		t.Errorf("refused with\n%s\nwant\n%s", got, want)
	}
	inline := strings.Replace(validStore, "KEY", strings.Repeat("k", 40), 1)
	if got := load(inline, 0o600); got != "" {
		t.Errorf("an inline key in a file of its owner's: %s", got)
	}
	want = "store.yaml:5:6: key: the cluster's key, which stands in this file, is open to others: DIR/store.yaml has mode 0644: chmod 600 DIR/store.yaml"
	if got := strings.ReplaceAll(load(inline, 0o644), dir, "DIR"); got != want {
		t.Errorf("refused with\n%s\nwant\n%s", got, want)
	}
}

const validStore = `store: s0001
nodes:
  - {name: alpha, role: primary, address: 10.0.0.1, interface: eth0}
  - {name: beta, role: secondary, address: 10.0.0.2, interface: eth0}
key: KEY
links:
  - {name: cable, plugin: heartbeat}
ping_group: [10.0.0.254]
`
