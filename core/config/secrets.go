package config

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// The core cannot know a plugin's secrets by their type, so it goes by the words they
// stand under, and hides rather too much. What no word gives away is shown: SECURITY.md
// says so.

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
