package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machineLine says what the figures were measured on, and how busy it was.
func machineLine(loadBefore string) string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("machine: %d x %s, Linux %s, %s; load %s before, %s after", runtime.NumCPU(), model,
		strings.TrimSpace(string(kernel)), runtime.Version(), loadBefore, load())
}

// load is the machine's load average of the last minute.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}
