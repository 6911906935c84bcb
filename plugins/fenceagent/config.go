package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// Agent is the fence agent: a name such as fence_apc_snmp, or an absolute path.
	Agent string `yaml:"agent"`
	// Options are the agent's parameters, as its own metadata names them.
	Options map[string]string `yaml:"options"`
	// Secrets are further parameters, each from a file that its owner alone may read
	// or from a credential.
	Secrets map[string]sdk.Secret `yaml:"secrets"`
	// Timeout is how long one call of the agent may take.
	Timeout sdk.Duration `yaml:"timeout"`

	judged *metadata // what the agent said of itself; nil while it was not asked
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any { return &Config{Timeout: sdk.Duration(2 * time.Second)} }

var (
	agentShape = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)
	// secretShape are the parameters that hold what nobody else may know.
	secretShape = regexp.MustCompile(`(passwd|password|community|token|apikey|secret)$`)
)

// manner are the parameters that say how the device is asked, not which output of which device is meant.
var manner = regexp.MustCompile(`^(login|username|user|.*_timeout|.*_wait|retry_on|separator|quiet|method|secure|ssh|ssl.*|notls|tls1.0|cipher|lanplus|auth|privlvl|cmd_prompt|command_prompt|inet[46]_only|snmp_.*)$`)

// Targets implements sdk.Targeted: the agent with what its options say of the output.
func (c *Config) Targets() []string {
	text := filepath.Base(c.Agent)
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		if !manner.MatchString(name) {
			text += " " + name + "=" + c.Options[name]
		}
	}
	if text == filepath.Base(c.Agent) {
		return nil // what it switches is its own secret
	}
	return []string{text}
}

// reserved are parameters that are not the configuration's to set.
var reserved = map[string]string{
	"action":        "the order decides it",
	"option":        "the order decides it",
	"delay":         "it would use the order's time up: the turns of the fence race keep the nodes from cutting each other",
	"debug":         "it would write secrets to a file",
	"debug_file":    "it would write secrets to a file",
	"verbose":       "it would write secrets to the system's log",
	"verbose_level": "it would write secrets to the system's log",
	"help":          "the agent would do nothing else",
	"version":       "the agent would do nothing else",
}

// Validate returns every fault of the configuration, each with its path. The
// agent judges its options by its metadata; one that is not installed here, or
// cannot be asked (that needs root), is judged when the device is opened.
func (c *Config) Validate() error {
	if err := errors.Join(c.checkAgent(), c.checkOptions(), c.checkSecrets(), c.checkTimeout()); err != nil {
		return err
	}
	a, err := newAgent(c)
	switch {
	case errors.Is(err, errNotThere):
		return nil
	case err != nil:
		return fmt.Errorf("agent: %w", err)
	}
	m, err := a.metadata(context.Background())
	if err != nil {
		return nil //nolint:nilerr // opening it says so
	}
	c.judged = m
	return m.judge(c)
}

func (c *Config) checkAgent() error {
	switch {
	case c.Agent == "":
		return errors.New("agent: is missing: name a fence agent, e.g. fence_apc_snmp")
	case filepath.IsAbs(c.Agent), agentShape.MatchString(c.Agent):
		return nil
	}
	return fmt.Errorf("agent: %q is neither a name nor an absolute path: e.g. fence_apc_snmp", c.Agent)
}

func (c *Config) checkOptions() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		path := "options." + name
		switch why, is := reserved[name]; {
		case is:
			faults = append(faults, fmt.Errorf("%s: cannot be set, because %s: leave it out", path, why))
		case secretShape.MatchString(name):
			faults = append(faults, fmt.Errorf("%s: is a secret: write secrets: {%s: {file: /etc/storeward/%s}}", path, name, name))
		case !sendable(c.Options[name]):
			faults = append(faults, fmt.Errorf("%s: holds a line break or nothing at all: want one line", path))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) checkSecrets() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		path, secret := "secrets."+name, c.Secrets[name]
		_, twice := c.Options[name]
		why, is := reserved[name]
		switch {
		case is:
			faults = append(faults, fmt.Errorf("%s: cannot be set, because %s: leave it out", path, why))
		case twice:
			faults = append(faults, fmt.Errorf("%s: stands in options too: write it once", path))
		case secret.IsZero() || secret.Source() == "inline":
			faults = append(faults, fmt.Errorf("%s: want {file: /path} or {credential: name}", path))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) checkTimeout() error {
	if t := c.Timeout.Std(); t < 100*time.Millisecond || t > time.Minute {
		return fmt.Errorf("timeout: %v is out of range: use 100ms to 1m", t)
	}
	return nil
}

// sendable tells whether a value fits into one line key=value.
func sendable(value string) bool { return value != "" && !strings.ContainsAny(value, "\n\r\x00") }
