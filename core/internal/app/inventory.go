package app

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/api"
)

const (
	inventoryEvery = 24 * time.Hour
	// inventoryAfter gives the plugins time to say who they are.
	inventoryAfter = 5 * time.Second
)

// inventories tells what the node is made of, soon after the start and daily.
func (a *App) inventories(ctx context.Context) {
	timer := time.NewTimer(inventoryAfter)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			a.report.Inventory(&api.Inventory{Facts: a.facts()})
			timer.Reset(inventoryEvery)
		}
	}
}

func (a *App) facts() map[string]string {
	facts := map[string]string{
		"storeward_version": a.o.Version, "architecture": runtime.GOARCH, "cpus": strconv.Itoa(runtime.NumCPU()),
		"os": valueOf("/etc/os-release", "PRETTY_NAME", "="), "cpu_model": valueOf("/proc/cpuinfo", "model name", ":"),
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		facts["kernel"] = unix.ByteSliceToString(name.Release[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		facts["memory_bytes"] = strconv.FormatUint(uint64(info.Totalram)*uint64(info.Unit), 10) //nolint:unconvert // its type differs between architectures
	}
	for _, part := range []string{"sys_vendor", "product_name", "product_serial"} {
		if text, err := os.ReadFile("/sys/class/dmi/id/" + part); err == nil {
			facts["machine_"+strings.TrimPrefix(part, "product_")] = strings.TrimSpace(string(text))
		}
	}
	status := a.engine.Status()
	for _, p := range status.GetPlugins() {
		facts["plugin/"+p.GetName()+"/version"] = p.GetVersion()
	}
	for _, d := range status.GetFenceDevices() {
		facts["fence/"+d.GetName()+"/kind"] = d.GetKind()
	}
	return facts
}

// valueOf finds the first value of a key in a file of keys and values.
func valueOf(path, key, between string) string {
	text, err := os.ReadFile(path) //nolint:gosec // fixed names
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, between); ok && strings.TrimSpace(name) == key {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
