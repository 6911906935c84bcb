package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// translator stands between two nodes on the LAN and makes each one's beats those of
// another version, as if the other node had been upgraded already.
type translator struct {
	key  []byte
	conn net.PacketConn
	to   map[string]net.Addr // who gets what comes from an address
	edit atomic.Pointer[func(body []byte) []byte]
}

// What may become of a beat without its MAC.
var (
	asItIs = func(body []byte) []byte { return body }
	// grown has fields at its end that nobody here knows.
	grown = func(body []byte) []byte { return append(body, 1, 2, 3) }
	// next is of the next version of the wire form.
	next = func(body []byte) []byte { body[0]++; return body }
)

// translate makes the nodes speak through a translator. It is called before a node gets power.
func (tr *translator) translate(t *testing.T, n *lab.Node) {
	t.Helper()
	here := net.JoinHostPort(n.Store.TillAddress(), fmt.Sprint(beatPort))
	if tr.conn == nil {
		key, err := os.ReadFile(filepath.Join(n.Etc(), "cluster.key"))
		if err != nil {
			t.Fatal(err)
		}
		if tr.conn, err = n.Store.Till.ListenPacket("udp4", here); err != nil {
			t.Fatal(err)
		}
		tr.key, tr.to = bytes.TrimSpace(key), map[string]net.Addr{}
		for _, node := range n.Store.Nodes {
			tr.to[n.Store.Peer(node).Address()] = &net.UDPAddr{IP: net.ParseIP(node.Address()), Port: beatPort}
		}
		tr.edit.Store(&asItIs)
		done := make(chan struct{})
		go func() { defer close(done); tr.run() }()
		t.Cleanup(func() { tr.conn.Close(); <-done })
	}
	file := filepath.Join(n.Etc(), "storeward.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range n.Store.Nodes {
		text = bytes.ReplaceAll(text, fmt.Appendf(nil, `peer: "%s:%d"`, node.Address(), beatPort), fmt.Appendf(nil, `peer: "%s"`, here))
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (tr *translator) run() {
	packet := make([]byte, 2048)
	for {
		n, from, err := tr.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if n <= sha256.Size {
			continue
		}
		body := (*tr.edit.Load())(bytes.Clone(packet[:n-sha256.Size]))
		mac := hmac.New(sha256.New, tr.key)
		mac.Write(body)
		_, _ = tr.conn.WriteTo(mac.Sum(body), tr.to[from.(*net.UDPAddr).IP.String()])
	}
}

// TestRollingUpgrade: beats that have grown are heard. Beats of a version that cannot be
// read are a sign that the peer lives: it is not cut, an alarm names the versions, and a
// node that dies meanwhile is taken over from.
func TestRollingUpgrade(t *testing.T) {
	tr := &translator{}
	s := openWith(t, harness.Options{Timing: unhurried, OffTime: time.Second}, func(n *lab.Node) { tr.translate(t, n) })
	active := s.whole()
	upgraded := s.Store.Peer(active)
	generation := s.state(active).GetGeneration()
	s.do("cut", "cable")
	tr.edit.Store(&grown)
	for _, n := range s.Store.Nodes {
		s.linksAre(n, "lan")
	}
	s.whole()

	tr.edit.Store(&next)
	if err := syscall.Kill(s.daemon(upgraded), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Store.Nodes {
		s.alarm(n, "major", s.Store.Peer(n).Name+" sends beats of version 3, which this node (version 2) cannot read")
	}
	s.refuses(active, "sends beats of version 3", "switchover", "--yes")
	s.refuses(upgraded, "shows life", "fence-confirm", active.Name, "--yes")
	s.never(4*time.Second, "the store moved because of a version", func() bool {
		return s.Active() != active || active.Boots()+upgraded.Boots() != 2 || !active.Alive() || !upgraded.Alive()
	})
	if s.told(active, api.KindFenceOrdered, "fence/ups-"+upgraded.Name)+s.told(upgraded, api.KindFenceOrdered, "fence/ups-"+active.Name) > 0 {
		t.Error("a node that lives was ordered off")
	}

	s.kill(active)
	s.activeIs(upgraded, 30*time.Second)
	if now := s.state(upgraded).GetGeneration(); now <= generation {
		t.Errorf("generation %d after %d", now, generation)
	}
	tr.edit.Store(&asItIs)
	s.do("mend", "cable")
	if s.whole() != upgraded {
		t.Error("the store went back")
	}
}
