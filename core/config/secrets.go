package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A plugin names its secrets (see HideSecrets). The rest, and all of a plugin that does not
// name any, the core judges by the words that secrets stand under, and hides rather too
// much. What neither gives away is shown: SECURITY.md says so.

const hidden = "<secret>" // as sdk.Secret prints

// secretWords end the names of secrets: auth_password, X-Api-Key, PGPASSWORD.
const secretWords = `(?:community|communities|passw(?:or)?d|pass(?:phrase|code)?|pwd|psk|token|secret|credential|key|authorization|bearer|cookie|pin_?code|(?:^|[^a-z])(?:pin|pw|auth))s?`

var (
	secretName = regexp.MustCompile(`(?i)` + secretWords + `$`)
	keyName    = regexp.MustCompile(`(?i)keys?$`)
	// secretFlag is an argument whose secret is the next one.
	secretFlag = regexp.MustCompile(`(?i)^-[\w-]*` + secretWords + `$`)
	// secretTold is a secret within a text, with all that follows: where it ends, only who reads it knows.
	secretTold = regexp.MustCompile(`(?is)((?:` + secretWords + `["']?\s*[=:]|(?:^|\s)-[\w-]*` + secretWords + `\s|\bbearer\s)\s*)\S.*`)
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY.*`)
	// urlPassword ends at the last @ of the authority (RFC 3986, section 3.2).
	urlPassword = regexp.MustCompile(`(://[^/?#\s:]*):[^/?#\s]+@`)
	// fileName has an extension: a key in base64 may begin with a slash, and never has one.
	fileName = regexp.MustCompile(`^/[\w./+-]*\.\w+$`)
)

// withoutSecrets hides what a text tells of secrets.
func withoutSecrets(text string) string {
	text = privateKey.ReplaceAllString(text, hidden)
	text = secretTold.ReplaceAllString(text, "${1}"+hidden)
	return urlPassword.ReplaceAllString(text, "$1:"+hidden+"@")
}

// secretBelow tells whether a key's scalar value, or whatever stands below it, is a
// secret; within: the key itself stands below a secret's. Not secret is where one is
// kept: the only key of a reference (file or credential), and a key's file.
func secretBelow(key string, value ast.Node, within, alone bool) bool {
	text, scalar := scalarOf(value)
	switch {
	case within && alone && scalar:
		return key != "credential" && (key != "file" || !strings.HasPrefix(text, "/"))
	case within:
		return true
	case keyName.MatchString(key) && fileName.MatchString(text):
		return false
	}
	return secretName.MatchString(key)
}

// HideSecrets hides what the plugins call secret, beside what words give away: paths of a
// plugin's settings, keys joined by ".", with "*" for each item of a list and each key of
// a map. It comes before the configuration is used.
func (c *Config) HideSecrets(of func(plugin string) []string) {
	c.eachUse(func(u Use, with *Section) {
		if with.told = of(u.Plugin); len(with.told) > 0 {
			with.noteSecrets(with.secrets)
		}
	})
}

// hides is what of a value is secret.
type hides struct {
	all   bool
	paths []string // from the value on
	nodes []string // keys below which the paths begin anew
}

func (s Section) hides() hides { return hides{paths: s.told, nodes: s.nodes} }

// below is what the plugin calls secret under a key, or in an item of a list, whose key is "*".
func (h hides) below(key string) (out hides) {
	if slices.Contains(h.nodes, key) {
		return hides{paths: h.paths}
	}
	for _, path := range h.paths {
		switch step, rest, deeper := strings.Cut(path, "."); {
		case step != key && step != "*":
		case deeper:
			out.paths = append(out.paths, rest)
		default:
			out.all = true
		}
	}
	return out
}

// scalarOf returns the text of a scalar that stands there itself.
func scalarOf(n ast.Node) (text string, ok bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case ast.ScalarNode:
		return t.GetToken().Value, true
	}
	return "", false
}
