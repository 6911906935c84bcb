package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is postmaster.pid, src/include/utils/pidfile.h of PostgreSQL: one item a line.
type pidFile struct {
	pid       int
	socketDir string // "" for none
	listen    string // "*" for every address, "" for none
}

func readPIDFile(data string) (pidFile, bool) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return pidFile{}, false
	}
	lines := strings.Split(string(content), "\n")
	line := func(n int) string {
		if n < len(lines) {
			return strings.TrimSpace(lines[n])
		}
		return ""
	}
	pid, err := strconv.Atoi(line(0))
	return pidFile{pid: max(pid, -pid), socketDir: line(4), listen: line(5)}, err == nil
}

// endpoint is where the server itself says that it listens.
func (f pidFile) endpoint(port int) where {
	at := where{host: f.listen, port: uint16(port), tls: "disable"}
	switch {
	case f.socketDir != "":
		at.host = f.socketDir
	case f.listen == "*", f.listen == "", f.listen == "0.0.0.0":
		at.host = "127.0.0.1"
	}
	return at
}

// serverProcesses lists the processes that work in the data directory: the
// server changes into it, and each of its processes stays there.
func serverProcesses(data string) []int {
	home, err := filepath.EvalSymlinks(data)
	if err != nil {
		home = data
	}
	names, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", name.Name(), "cwd"))
		if err != nil || cwd != home {
			continue
		}
		if exe, err := os.Readlink(filepath.Join("/proc", name.Name(), "exe")); err == nil && isServer(exe) {
			found = append(found, pid)
		}
	}
	return found
}

// isServer also knows a program that an upgrade replaced under the running server.
func isServer(exe string) bool {
	return filepath.Base(strings.TrimSuffix(exe, " (deleted)")) == "postgres"
}
