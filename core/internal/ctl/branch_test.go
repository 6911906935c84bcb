package ctl

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestUnknownCommands: a word that is no command is wrong usage, at every level.
func TestUnknownCommands(t *testing.T) {
	for args, want := range map[string]string{
		"nosuch":      `usage: there is no command "nosuch": storewardctl --help lists them`,
		"statsu":      `usage: there is no command "statsu": did you mean status?`,
		"config chek": `usage: there is no command "chek": did you mean check?`,
		"plugin list": `usage: there is no command "list": storewardctl plugin --help lists them`,
	} {
		var out bytes.Buffer
		cmd := New(Env{Out: &out, Err: &out})
		cmd.SetArgs(strings.Fields(args))
		if err := cmd.Execute(); !errors.Is(err, errUsage) || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}
