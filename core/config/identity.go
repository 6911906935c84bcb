package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// NodeName says which of the configured nodes this machine is: the one that
// /etc/storeward/node names (etcNode, the file's text; empty without a file), else
// the one with the machine's host name, whole or up to its first dot.
func NodeName(etcNode, hostname string, cfg *Config) (string, error) {
	known := cfg.nodeNames()
	if said := strings.TrimSpace(etcNode); said != "" {
		if cfg.Node(said) == nil {
			return "", fmt.Errorf("this machine is %q by /etc/storeward/node, and the configuration knows only %s", said, strings.Join(known, " and "))
		}
		return said, nil
	}
	short, _, _ := strings.Cut(hostname, ".")
	for _, name := range []string{hostname, short} {
		if name != "" && cfg.Node(name) != nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("this machine's host name is %q, and the configuration knows only %s: write one of them into /etc/storeward/node", hostname, strings.Join(known, " and "))
}

// Node returns the node of that name, or nil.
func (c *Config) Node(name string) *Node {
	for i := range c.Nodes {
		if c.Nodes[i].Name == name {
			return &c.Nodes[i]
		}
	}
	return nil
}

// PeerOf returns the other node, or nil.
func (c *Config) PeerOf(name string) *Node {
	for i := range c.Nodes {
		if c.Nodes[i].Name != name {
			return &c.Nodes[i]
		}
	}
	return nil
}

// Primary returns the name of the preferred node.
func (c *Config) Primary() string {
	for _, n := range c.Nodes {
		if n.Role == "primary" {
			return n.Name
		}
	}
	return ""
}

// safety is what both nodes must agree on before their decisions fit together.
type safety struct {
	Store     string
	Nodes     []safetyNode
	Timing    Timing
	Links     []safetyLink
	Fencing   []safetyDevice
	PingGroup []string
	Policy    safetyPolicy
	Resources []safetyResource
}

type (
	safetyNode   struct{ Name, Role, Address string }
	safetyDevice struct {
		Name, Plugin string
		Feeds        []string
		Level        int
		OrderLife    Duration
	}
	safetyLink struct {
		Name, Plugin string
		Direct       bool
	}
	// safetyPolicy has the command as it is: by itself it is written without its secrets.
	safetyPolicy struct {
		Policy
		OnBattery safetyOnBattery
	}
	safetyOnBattery struct {
		OnBattery
		Command []string
	}
	safetyResource struct {
		Name, Plugin, Mode string
		Warm               bool
		After              []string
		StopTimeout        Duration
		OnFailure          string
		StopFailed         string
	}
)

// Digest returns 32 hexadecimal digits over the part of the configuration that
// the nodes' decisions depend on. It travels in every beat: while the nodes' digests
// differ they keep to the more careful of the two. Reports, probes and the plugins'
// own sections are not in it.
func (c *Config) Digest() string {
	battery := safetyOnBattery{c.Policy.OnBattery, c.Policy.OnBattery.Command}
	s := safety{Store: c.Store, Timing: c.Timing, PingGroup: c.PingGroup, Policy: safetyPolicy{c.Policy, battery}}
	for _, n := range c.Nodes {
		s.Nodes = append(s.Nodes, safetyNode{n.Name, n.Role, n.Address})
	}
	for _, l := range c.Links {
		s.Links = append(s.Links, safetyLink{l.Name, l.Plugin, l.Direct})
	}
	for _, f := range c.Fencing {
		s.Fencing = append(s.Fencing, safetyDevice{f.Name, f.Plugin, f.Feeds, f.Level, f.OrderLife})
	}
	for _, r := range c.Resources {
		s.Resources = append(s.Resources, safetyResource{
			Name: r.Name, Plugin: r.Plugin, Mode: r.Mode, Warm: r.Warm, After: r.After,
			StopTimeout: r.StopTimeout, OnFailure: r.OnFailure, StopFailed: r.StopFailed,
		})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic("config: a digest of plain values: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
