package config

import (
	"os"
	"strings"
	"testing"
)

// TestNoConfigurationAtAll: what no person wrote is refused before the parser
// sees it, in one sentence.
func TestNoConfigurationAtAll(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"brackets":  {strings.Repeat("[", 200_000), "x.yaml:1:65: lists or maps nested too deeply: at most 64"},
		"maps":      {"a:\n  " + strings.Repeat("{a: ", 20_000), "x.yaml:2:259: lists or maps nested too deeply: at most 64"},
		"dashes":    {"a: b # - - -\n" + strings.Repeat("- ", 100_000), "x.yaml:2:129: lists or maps nested too deeply: at most 64"},
		"huge":      {strings.Repeat("# x\n", 1<<20), "x.yaml: the file is too large for a configuration: at most 1048576 bytes"},
		"UTF-16":    {"\xff\xfes\x00t\x00", "x.yaml:1:1: this is not text: save the file in UTF-8"},
		"Latin-1":   {"store: s1\nkey: stra\xdfe\n", "x.yaml:2:10: this is not text: save the file in UTF-8"},
		"zero byte": {"store: s1\n\x00", "x.yaml:2:1: this is not text: save the file in UTF-8"},
	} {
		if _, err := Parse("x.yaml", []byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %.200v, want %s", name, err, c.want)
		}
	}
}

// TestByteOrderMark: some editors write one, and it means nothing.
func TestByteOrderMark(t *testing.T) {
	text, err := os.ReadFile("testdata/valid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("x.yaml", append([]byte("\ufeff"), text...)); err != nil {
		t.Error(err)
	}
}
