package config

import (
	"encoding/json"
	"fmt"

	"github.com/storeward/storeward/core/sdk"
)

// Whatever prints a configuration, or a part of it, prints no secret of it: each type
// that can hold one hides it from fmt's every verb, from JSON and from YAML.

// Duration is a time with its unit, e.g. 200ms; the SDK's own, because plugins' sections hold it too.
type Duration = sdk.Duration

// Secret is a value that is never printed: text, {file: /path} or {credential: name}.
type Secret = sdk.Secret

// URL is an address that prints without its password (see withoutSecrets).
type URL string

// String hides the password.
func (u URL) String() string { return withoutSecrets(string(u)) }

// Format hides the password from every verb.
func (u URL) Format(f fmt.State, verb rune) { formatAs(f, verb, u.String()) }

// MarshalText hides the password from YAML and JSON.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Command is a program with its arguments. It prints without those that are secret.
type Command []string

// shown are the words without secrets: what an argument tells of one, or all of it if the one before says so.
func (c Command) shown() []string {
	out := make([]string, len(c))
	for i, word := range c {
		if out[i] = withoutSecrets(word); i > 0 && secretFlag.MatchString(c[i-1]) {
			out[i] = hidden
		}
	}
	return out
}

// Format hides secrets from every verb.
func (c Command) Format(f fmt.State, verb rune) { formatAs(f, verb, c.shown()) }

// MarshalJSON hides secrets from JSON.
func (c Command) MarshalJSON() ([]byte, error) { return json.Marshal(c.shown()) }

// MarshalYAML hides secrets from YAML.
func (c Command) MarshalYAML() (any, error) { return c.shown(), nil }

// Format hides secrets from every verb.
func (s Section) Format(f fmt.State, verb rune) { formatAs(f, verb, s.String()) }

// String is the section with its secrets hidden, in YAML's flow style; "" if it is empty.
func (s Section) String() string {
	if t := shownSection(s); t != nil {
		return t.flow(true)
	}
	return ""
}

// MarshalText writes JSON a text, secrets hidden.
func (s Section) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML writes YAML a mapping, secrets hidden.
func (s Section) MarshalYAML() ([]byte, error) {
	if t := shownSection(s); t != nil {
		return []byte(t.flow(true)), nil
	}
	return []byte("{}"), nil
}

// formatAs prints what may be shown in the place of what was to be printed.
func formatAs(f fmt.State, verb rune, shown any) {
	fmt.Fprintf(f, fmt.FormatString(f, verb), shown)
}
