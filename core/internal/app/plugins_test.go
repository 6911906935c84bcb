package app

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/host"
)

func hostOf(t *testing.T, command ...string) *host.Host {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := host.New(host.Options{
		Log: log, Dir: filepath.Join(t.TempDir(), "plugins"), StartTimeout: 200 * time.Millisecond,
		Command: func(string) (string, []string) { return command[0], command[1:] },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestStartWithAPluginThatIsSick: the daemon starts; a reload is refused.
func TestStartWithAPluginThatIsSick(t *testing.T) {
	for name, command := range map[string][]string{
		"hangs":           {"/bin/sleep", "1000"},
		"answers garbage": {"/bin/sh", "-c", "echo what is a handshake; exec sleep 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hostOf(t, command...)
			cfg := &config.Config{Probes: []config.Probe{{Name: "one", Plugin: "sick"}, {Name: "two", Plugin: "sick"}}}
			var told []string
			sick := func(plugin string, _ error) { told = append(told, plugin) }
			if err := checkAll(t.Context(), h, cfg, "alpha", sick); err != nil || len(told) != 1 {
				t.Errorf("at the start: told of %v, error %v", told, err)
			}
			if err := checkAll(t.Context(), h, cfg, "alpha", nil); err == nil {
				t.Error("a reload took a section that nobody checked")
			}
		})
	}
}

// TestStartWithAPluginThatEnds: that is how an unknown name shows; it is refused.
func TestStartWithAPluginThatEnds(t *testing.T) {
	h := hostOf(t, "/bin/false")
	cfg := &config.Config{Probes: []config.Probe{{Name: "one", Plugin: "htpp"}}}
	if err := checkAll(t.Context(), h, cfg, "alpha", func(string, error) {}); err == nil {
		t.Error("a plugin that cannot run was taken")
	}
}
