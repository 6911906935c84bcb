package ca

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOpenKeepsTheAuthority(t *testing.T) {
	dir := t.TempDir()
	var g sync.WaitGroup
	texts := make([]string, 8)
	for i := range texts {
		g.Go(func() {
			a, err := Open(dir, time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			texts[i] = string(a.Certificate())
		})
	}
	g.Wait()
	for _, s := range texts {
		if s == "" || s != texts[0] {
			t.Fatal("several authorities in one data directory")
		}
	}
	info, err := os.Stat(filepath.Join(dir, File))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func TestDamagedAuthorityIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, File)
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, time.Now()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}

func TestEnrol(t *testing.T) {
	a, err := Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "new")
	if err := a.Enrol("s0001", "alpha", out, time.Now()); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(out, NodeCertFile), filepath.Join(out, NodeKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, AuthorityFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a node could pass for the console")
	}
	if store, node, err := NodeOf(pair.Leaf); err != nil || store != "s0001" || node != "alpha" {
		t.Errorf("certificate of %s.%s, %v", store, node, err)
	}
	if info, err := os.Stat(filepath.Join(out, NodeKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key %v %v", info, err)
	}
	if err := a.Enrol("s0001", "alpha", out, time.Now()); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("key overwritten: %v", err)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	a, err := Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"", "a.b", "*", ">", "A", "../x", strings.Repeat("a", 64)} {
		if _, err := a.Node(n, "alpha", time.Now()); err == nil {
			t.Errorf("store %q taken", n)
		}
		if _, err := a.Node("s1", n, time.Now()); err == nil {
			t.Errorf("node %q taken", n)
		}
		if _, _, err := NodeOf(&x509.Certificate{Subject: pkix.Name{CommonName: "s1." + n}}); err == nil {
			t.Errorf("certificate of node %q taken", n)
		}
	}
}

func TestServerNames(t *testing.T) {
	a, err := Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Server([]string{"console.example", "192.0.2.7"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ServerName, "localhost", "127.0.0.1", "console.example", "192.0.2.7"} {
		if err := c.Certificates[0].Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if c.ClientAuth != tls.RequireAndVerifyClientCert {
		t.Error("clients need no certificate")
	}
}
