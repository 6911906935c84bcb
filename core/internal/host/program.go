package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// listBound is how long an executable may take to name its plugins.
const listBound = 5 * time.Second

// Program is an executable that holds several plugins: it serves the one that its
// first argument names (see sdk.Main).
type Program struct {
	Path string
	// Plugins are the plugins' names. None: the executable does not tell.
	Plugins []string
}

// FindProgram looks for the executable and has it list its plugins. One that lists
// nothing may still serve them; one that is not there is an error.
func FindProgram(ctx context.Context, path string) (Program, error) {
	if _, err := os.Stat(path); err != nil {
		return Program{}, fmt.Errorf("find the plugins' executable: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, listBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "list") //nolint:gosec // the daemon's own flag names it
	cmd.WaitDelay = time.Second
	text, err := cmd.Output()
	if err != nil {
		return Program{Path: path}, nil //nolint:nilerr // its sections will tell what is wrong with it
	}
	found := Program{Path: path}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 {
			found.Plugins = append(found.Plugins, words[0])
		}
	}
	return found, nil
}

// Command is what is executed for a plugin (see Options).
func (p Program) Command(plugin string) (path string, args []string) {
	if len(p.Plugins) > 0 && !slices.Contains(p.Plugins, plugin) {
		return "", nil
	}
	return p.Path, []string{plugin}
}
