package sdk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Secret is a value of a configuration that is never shown: inline text,
// {file: /path} or {credential: name} (a systemd credential, see
// systemd.exec(5), LoadCredential=). It prints as <secret> in every format.
type Secret struct {
	text       string
	file       string
	credential string
}

const secretShown = "<secret>"

// NewSecret makes an inline secret, for defaults and tests.
func NewSecret(text string) Secret { return Secret{text: text} }

// IsZero tells whether no secret was given.
func (s Secret) IsZero() bool { return s == Secret{} }

// Source tells where the secret comes from without showing it: "", "inline",
// "file /path" or "credential name".
func (s Secret) Source() string {
	switch {
	case s.file != "":
		return "file " + s.file
	case s.credential != "":
		return "credential " + s.credential
	case s.text != "":
		return "inline"
	default:
		return ""
	}
}

// File returns the path of the file that holds the secret; "" if none does.
func (s Secret) File() string { return s.file }

// Reveal returns the secret itself; a file's one final line break is dropped.
// It reads the file or credential on every call.
func (s Secret) Reveal() (string, error) {
	path := s.file
	if s.credential != "" {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("read credential %s: the service manager passed none", s.credential)
		}
		path = filepath.Join(dir, s.credential)
	}
	if path == "" {
		return s.text, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("read secret: %s is empty", path)
	}
	return text, nil
}

// String hides the secret; an absent one prints as nothing.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return secretShown
}

// Format hides the secret from every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the secret from YAML and JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalYAML reads one of the three forms; errors never quote a value.
func (s *Secret) UnmarshalYAML(node ast.Node) error {
	if text, ok := scalarText(node); ok {
		*s = Secret{text: text}
		return nil
	}
	var reference struct {
		File       string `yaml:"file"`
		Credential string `yaml:"credential"`
	}
	fault := func() error {
		return &yaml.SyntaxError{
			Message: "want text, {file: /path} or {credential: name}", Token: node.GetToken(),
		}
	}
	if _, isMap := node.(ast.MapNode); !isMap {
		return fault()
	}
	if err := yaml.NodeToValue(node, &reference, yaml.Strict()); err != nil {
		return fault()
	}
	if (reference.File == "") == (reference.Credential == "") {
		return fault()
	}
	if reference.File != "" && !filepath.IsAbs(reference.File) {
		return &yaml.SyntaxError{Message: "file: want an absolute path", Token: node.GetToken()}
	}
	if reference.Credential != "" && filepath.Base(reference.Credential) != reference.Credential {
		return &yaml.SyntaxError{Message: "credential: want a name without slashes", Token: node.GetToken()}
	}
	*s = Secret{file: reference.File, credential: reference.Credential}
	return nil
}

// UnmarshalText refuses what a Secret printed: <secret> is nobody's password.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == secretShown {
		return errors.New("a hidden secret cannot be read back")
	}
	*s = Secret{text: string(text)}
	return nil
}
