package config

import (
	"fmt"

	"github.com/storeward/storeward/core/sdk"
)

// exposedSecrets are the files with the cluster's key, a private key or another secret
// of the core that others than their owner may read or write. Whoever reads such a key
// can forge beats or speak as this node. A file that is not there is not judged here,
// and a credential is guarded by the service manager. Plugins' secrets are judged with
// their sections (sdk.Plugin.Configure).
func (c *Config) exposedSecrets(path string) Faults {
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
	for i, sink := range c.Report.Influx {
		k.exposed(fmt.Sprintf("report.influx[%d].token", i), "the token", sink.Token.File())
	}
	for i, receiver := range c.Report.Traps {
		k.exposed(fmt.Sprintf("report.traps[%d].community", i), "the community", receiver.Community.File())
	}
	return k.faults
}

func (k *checker) exposed(path, what, file string) {
	if mode, open := sdk.OpenToOthers(file); open {
		k.faultf(path, "chmod 600 "+file, "%s is open to others: %s has mode %04o", what, file, mode)
	}
}
