// Package ca is the console's own certificate authority for the link to the
// stores: it is made at the first start, signs the console's certificate and
// one certificate for each enrolled node. Its key never leaves the data directory.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/storeward/storeward/core/api"
)

// File holds the authority's certificate and key in the data directory.
const File = "link-ca.pem"

// ServerName is a name that the console's certificate always carries: a node may
// ask for it whatever address it reaches the console at.
const ServerName = "storeward-console"

// How long certificates hold. The console makes itself a new one at every start.
const (
	authorityLife = 20 * 365 * 24 * time.Hour
	serverLife    = 10 * 365 * 24 * time.Hour
	nodeLife      = 3 * 365 * 24 * time.Hour
	// clockSlack lets a peer whose clock is behind use a new certificate.
	clockSlack = 24 * time.Hour
)

const (
	blockCertificate = "CERTIFICATE"
	blockKey         = "PRIVATE KEY"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a certificate with its key, both PEM.
type Pair struct{ Cert, Key []byte }

// Open reads the authority from dir, or makes it if there is none yet.
func Open(dir string, now time.Time) (*Authority, error) {
	path := filepath.Join(dir, File)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path, now); err != nil {
			return nil, fmt.Errorf("make certificate authority: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	a, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority in %s: %w", path, err)
	}
	return a, nil
}

func parse(text []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return &Authority{cert: pair.Leaf, key: key}, nil
}

// create writes a new authority, unless another process was faster.
func create(path string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := template("Storeward link CA", now, authorityLife)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	pair, err := encode(der, key)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), File+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // the link below keeps it
	_, err = tmp.Write(append(pair.Cert, pair.Key...))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func template(name string, now time.Time, life time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails, see crypto/rand
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(life),
	}
}

func encode(der []byte, key crypto.Signer) (Pair, error) {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: k}),
	}, nil
}

func (a *Authority) issue(t *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, err
	}
	return encode(der, key)
}

// Certificate returns the authority's own certificate, PEM.
func (a *Authority) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: a.cert.Raw})
}

// Node issues a certificate with which a node may speak for itself on the link.
func (a *Authority) Node(store, node string, now time.Time) (Pair, error) {
	for _, name := range []string{store, node} {
		if !api.ValidName(name) {
			return Pair{}, fmt.Errorf("%q is no name: take 1 to 63 lower-case letters, digits, hyphens, underscores", name)
		}
	}
	t := template(store+"."+node, now, nodeLife)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	pair, err := a.issue(t)
	if err != nil {
		return Pair{}, fmt.Errorf("issue certificate of %s.%s: %w", store, node, err)
	}
	return pair, nil
}

// NodeOf returns who a node's certificate, already verified, belongs to.
func NodeOf(cert *x509.Certificate) (store, node string, err error) {
	store, node, ok := strings.Cut(cert.Subject.CommonName, ".")
	if !ok || !api.ValidName(store) || !api.ValidName(node) {
		return "", "", fmt.Errorf("certificate of %q is not one of a node", cert.Subject.CommonName)
	}
	return store, node, nil
}

// Server returns the TLS configuration of the console's side of the link: nodes
// have to show a certificate of this authority. The console's own certificate
// carries ServerName, this machine's names and addresses, and the extra ones.
func (a *Authority) Server(extra []string, now time.Time) (*tls.Config, error) {
	t := template(ServerName, now, serverLife)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range append(ownNames(), extra...) {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	pair, err := a.issue(t)
	if err != nil {
		return nil, fmt.Errorf("issue certificate of the console: %w", err)
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate of the console: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}, nil
}

func ownNames() []string {
	names := []string{ServerName, "localhost"}
	if h, err := os.Hostname(); err == nil && h != "localhost" {
		names = append(names, h)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return append(names, "127.0.0.1", "::1")
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}
