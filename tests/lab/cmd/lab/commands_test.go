package main

import (
	"strings"
	"testing"
)

// TestHelpIsForLab: wherever it is asked for, unless a command inside a node is.
func TestHelpIsForLab(t *testing.T) {
	for _, c := range []struct {
		words string
		want  bool
	}{
		{"--help", true},
		{"-name demo down --help", true},
		{"-name demo kill -h", true},
		{"-name --help down", true},
		{"exec --help", true},
		{"exec alpha --help", true},
		{"exec alpha ls --help", false},
		{"-name demo down", false},
		{"", false},
	} {
		if got := asksForHelp(strings.Fields(c.words)); got != c.want {
			t.Errorf("lab %s: help %t, want %t", c.words, got, c.want)
		}
	}
}

// TestWordsThatNobodyReads: what a command would drop may have been meant to change what it does.
func TestWordsThatNobodyReads(t *testing.T) {
	for _, command := range alone {
		if err := run([]string{"-name", "nosuchlab", command, "-name", "other"}); err == nil || !strings.Contains(err.Error(), "stands alone") {
			t.Errorf("%s was begun, with words that it does not know: %v", command, err)
		}
	}
}
