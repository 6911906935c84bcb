package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// certificateLife is long because a store's channel must not end by a date:
// certificates are replaced with the nodes, and revoked with the CA.
const certificateLife = 20 * 365 * 24 * time.Hour

// Pair is a certificate and its private key, PEM.
type Pair struct {
	Certificate, PrivateKey []byte
}

// Certify makes a new CA for one cluster and a pair for each node, good for
// both ends of the channel. The CA's private key is thrown away: a new node
// means new certificates for both.
func Certify(store string, now time.Time, nodes ...string) (ca []byte, pairs map[string]Pair, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make CA key: %w", err)
	}
	authority := template(store+" peer channel", now)
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return nil, nil, fmt.Errorf("make CA: %w", err)
	}
	pairs = map[string]Pair{}
	for _, node := range nodes {
		pair, err := certifyNode(node, now, authority, caKey)
		if err != nil {
			return nil, nil, fmt.Errorf("make certificate of %s: %w", node, err)
		}
		pairs[node] = pair
	}
	return pemText("CERTIFICATE", der), pairs, nil
}

func certifyNode(node string, now time.Time, authority *x509.Certificate, caKey *ecdsa.PrivateKey) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	leaf := template(node, now)
	leaf.DNSNames = []string{node}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), caKey)
	if err != nil {
		return Pair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Certificate: pemText("CERTIFICATE", der), PrivateKey: pemText("PRIVATE KEY", private)}, nil
}

func template(name string, now time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-24 * time.Hour), // a store's clock may be wrong
		NotAfter:     now.Add(certificateLife),
	}
}

func pemText(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
