package config

import (
	"fmt"
	"io/fs"
	"os"
)

// othersBits of a file's mode give its group or everybody any right to it.
const othersBits fs.FileMode = 0o077

// exposedKeys are the files with the cluster's key or a private key that others than
// their owner may read or write. Whoever reads such a key can forge beats or speak as
// this node. A file that is not there is not judged here, and a credential is guarded
// by the service manager.
func (c *Config) exposedKeys(path string) Faults {
	k := checker{cfg: c}
	key, holder := c.Key.File(), "the cluster's key"
	if c.Key.Source() == "inline" {
		key, holder = path, "the cluster's key, which stands in this file,"
	}
	k.exposed("key", holder, key)
	k.exposed("peer.private_key", "the private key", c.Peer.PrivateKey)
	for i, console := range c.Report.Consoles {
		k.exposed(fmt.Sprintf("report.consoles[%d].private_key", i), "the private key", console.PrivateKey)
	}
	return k.faults
}

func (k *checker) exposed(path, what, file string) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if mode := info.Mode().Perm(); mode&othersBits != 0 {
		k.faultf(path, "chmod 600 "+file, "%s is open to others: %s has mode %04o", what, file, mode)
	}
}
