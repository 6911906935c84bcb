package postgres

import (
	"errors"
	"fmt"
	"io/fs"
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
// server changes into it, and each of its processes stays there. Ending are those
// that have no program any more: until they are gone they may hold the server's
// shared memory, and the next server does not start.
func serverProcesses(data string) (serving, ending []int, err error) {
	return processesIn("/proc", data)
}

func processesIn(proc, data string) (serving, ending []int, err error) {
	home, err := filepath.EvalSymlinks(data)
	if err != nil {
		home = data
	}
	names, err := os.ReadDir(proc)
	if err != nil {
		return nil, nil, fmt.Errorf("list processes: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join(proc, name.Name(), "cwd"))
		if err != nil || cwd != home {
			continue
		}
		exe, err := os.Readlink(filepath.Join(proc, name.Name(), "exe"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			ending = append(ending, pid)
		case err == nil && isServer(exe):
			serving = append(serving, pid)
		}
	}
	return serving, ending, nil
}

// isServer also knows a program that an upgrade replaced under the running server.
func isServer(exe string) bool {
	return filepath.Base(strings.TrimSuffix(exe, " (deleted)")) == "postgres"
}
