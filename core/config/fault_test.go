package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestFaultsRepeatNoSecret: a password that lacks its quotes, or stands where none belongs,
// is a fault, and faults go to the journal and to the console.
func TestFaultsRepeatNoSecret(t *testing.T) {
	for _, line := range []string{
		"key: >HUSH", "key: |HUSH", "key: *HUSH", "key: &HUSH", "key: @HUSH", "key: %HUSH", "key: \"HUSH", "key: {HUSH", "key: [HUSH]", "key: HUSH: x",
		"report: {influx: [{url: \"ftp://u:HUSH@h/\"}]}", "report: {influx: [{url: \"ftp://h/?token=HUSH\"}]}",
		"report: {consoles: [{url: \"http://u:HUSH@h/\"}]}",
		"policy: {on_battery: {command: --password=HUSH}}",
		"timing: password=HUSH",
	} {
		_, err := Parse("store.yaml", []byte(strings.Replace(validStore, "key: KEY", line, 1)))
		if err == nil || strings.Contains(err.Error(), "HUSH") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestFaultsOfAForeignFile are told as far as anybody would read them.
func TestFaultsOfAForeignFile(t *testing.T) {
	var text strings.Builder
	for i := range 3 * maxFaults {
		fmt.Fprintf(&text, "key%d: value\n", i)
	}
	_, err := Parse("foreign.yaml", []byte(text.String()))
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != maxFaults+1 {
		t.Fatalf("%d faults: %.500v", len(faults), err)
	}
	if last := faults[maxFaults].Error(); !strings.HasPrefix(last, "foreign.yaml: ") || !strings.HasSuffix(last, " more faults") {
		t.Errorf("the last fault is %q", last)
	}
}

// TestListThatGrowsByAliases is refused before it is read.
func TestListThatGrowsByAliases(t *testing.T) {
	text := "resources: [" + strings.Repeat("*r, ", maxItems) + "*r]\n"
	_, err := Parse("store.yaml", []byte("probes: [&r {name: a, plugin: service}]\n"+text))
	if want := "resources: 1001 items are too many: write at most 1000"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%.500v, want %s", err, want)
	}
}
