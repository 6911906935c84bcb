package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// LoadTLS reads the cluster's CA and this node's own pair, all PEM.
func LoadTLS(ca, certificate, privateKey string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, privateKey)
	if err != nil {
		return nil, fmt.Errorf("load peer certificate: %w", err)
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read peer CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read peer CA %s: no certificate in it", ca)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
	}, nil
}

// clientTLS insists that the answering node is the peer by name.
func clientTLS(o Options) *tls.Config {
	c := o.TLS.Clone()
	c.ServerName = o.Peer
	return c
}

// serverTLS lets the peer in and nobody else, whoever signed them.
func serverTLS(o Options) *tls.Config {
	c := o.TLS.Clone()
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("no certificate")
		}
		return state.PeerCertificates[0].VerifyHostname(o.Peer)
	}
	return c
}
