package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mounted is one line of /proc/self/mountinfo, proc(5).
type mounted struct {
	device string // major:minor
	root   string // the directory within the file system
	target string
	source string
	fsType string
	// options of the mount and of the file system below it.
	options, super []string
}

// readOnly: an error of the disk turns the file system, not the mount, to read only.
func (m mounted) readOnly() bool {
	return slices.Contains(m.options, "ro") || slices.Contains(m.super, "ro")
}

// table holds the mounts of this namespace, the later ones above the earlier.
type table []mounted

func readTable() (table, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	return parse(string(data)), nil
}

func parse(text string) table {
	var t table
	for line := range strings.Lines(text) {
		// 36 35 98:0 /root /target rw,noatime shared:1 - ext3 /dev/root rw,errors=continue
		mount, fs, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(mount), strings.Fields(fs)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		t = append(t, mounted{
			device: left[2], root: unescape(left[3]), target: unescape(left[4]), source: unescape(right[1]), fsType: right[0],
			options: strings.Split(left[5], ","), super: strings.Split(right[2], ","),
		})
	}
	return t
}

// on returns what is mounted on target, the uppermost of several.
func (t table) on(target string) (mounted, bool) {
	for i := len(t) - 1; i >= 0; i-- {
		if t[i].target == target {
			return t[i], true
		}
	}
	return mounted{}, false
}

// place returns the device that a directory lies on and its path there. Mounts
// on except do not count.
func (t table) place(directory, except string) (device, root string, ok bool) {
	best := -1
	for _, m := range t {
		under := m.target == directory || m.target == "/" || strings.HasPrefix(directory, m.target+"/")
		if under && m.target != except && len(m.target) >= best {
			best = len(m.target)
			device, root, ok = m.device, filepath.Join(m.root, strings.TrimPrefix(directory, m.target)), true
		}
	}
	return device, root, ok
}

// deviceOf is the number of a block device, as the table has it: a device has many names.
func deviceOf(path string) string {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return fmt.Sprintf("%d:%d", unix.Major(stat.Rdev), unix.Minor(stat.Rdev))
}

// unescape undoes the kernel's octal form of space, tab, line break and backslash.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// maxHolders bounds how many processes an error names.
const maxHolders = 5

// holders names the processes that keep the mount busy: by their working
// directory, root, program or an open file.
func holders(target string) []string {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []string
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		if path, ok := holds(pid, target); ok {
			comm, _ := os.ReadFile(filepath.Join("/proc", name.Name(), "comm"))
			found = append(found, fmt.Sprintf("%s (process %d, %s)", strings.TrimSpace(string(comm)), pid, path))
		}
		if len(found) == maxHolders {
			return append(found, "and perhaps more")
		}
	}
	return found
}

func holds(pid int, target string) (path string, ok bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	links := []string{filepath.Join(dir, "cwd"), filepath.Join(dir, "root"), filepath.Join(dir, "exe")}
	files, _ := os.ReadDir(filepath.Join(dir, "fd"))
	for _, file := range files {
		links = append(links, filepath.Join(dir, "fd", file.Name()))
	}
	for _, link := range links {
		path, err := os.Readlink(link)
		if err == nil && (path == target || strings.HasPrefix(path, target+"/")) {
			return path, true
		}
	}
	return "", false
}
