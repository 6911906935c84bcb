package ctl

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/peer"
)

func (t *tool) keygenCommand() *cobra.Command {
	var store string
	cmd := &cobra.Command{
		Use:   "keygen DIRECTORY NODE NODE",
		Short: "Make the cluster's key and the certificates of the peer channel",
		Long: `Makes, in DIRECTORY: cluster.key (authenticates beats; the same file on both nodes),
peer-ca.pem (on both nodes), and NODE.pem with NODE.key for each node (each on its own node).
No existing file is replaced: a changed key makes the nodes strangers to each other.`,
		Args: exactly("DIRECTORY", "NODE", "NODE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[1] == args[2] {
				return fmt.Errorf("%w: the two nodes need two names", errUsage)
			}
			for _, node := range args[1:] {
				if node == "" || node[0] == '.' || filepath.Base(node) != node {
					return fmt.Errorf("%w: %q is no node's name: its files would lie outside of %s", errUsage, node, args[0])
				}
			}
			if err := t.keygen(args[0], store, args[1:]...); err != nil {
				return err
			}
			return t.show(map[string]string{"directory": args[0]}, func(w io.Writer) {
				line(w, "Keys and certificates are in %s. Keep cluster.key and *.key readable by root alone.", args[0])
			})
		},
	}
	cmd.Flags().StringVar(&store, "store", "store", "the store's code, named in the CA")
	return cmd
}

func (t *tool) keygen(dir, store string, nodes ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	names := []string{"cluster.key", "peer-ca.pem"}
	for _, node := range nodes {
		names = append(names, node+".pem", node+".key")
	}
	for _, name := range names { // half a set of keys would be worse than none
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s exists in %s: nothing was made: name an empty folder", name, dir)
		}
	}
	key := make([]byte, 48)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("make cluster key: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	if err := writeNew(dir, "cluster.key", []byte(text), 0o600); err != nil {
		return err
	}
	ca, pairs, err := peer.Certify(store, t.Now(), nodes...)
	if err != nil {
		return err
	}
	all := writeNew(dir, "peer-ca.pem", ca, 0o644)
	for node, pair := range pairs {
		all = errors.Join(all,
			writeNew(dir, node+".pem", pair.Certificate, 0o644),
			writeNew(dir, node+".key", pair.PrivateKey, 0o600))
	}
	return all
}
