package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// buildRoot gives the calling process, alone in its new mount namespace, a root
// of its own: the machine's files below a memory-backed layer that takes every
// write, private /run, /tmp, /dev/shm, /proc and /sys, and a boot id of its own.
// Nothing written there reaches the machine, except through the binds.
func buildRoot(spec bootSpec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	others, err := otherFilesystems()
	if err != nil {
		return err
	}
	root, err := layer(spec.Root)
	if err != nil {
		return err
	}
	for _, path := range others {
		// A filesystem that cannot be shown is one the node does not need: what it does, fails loudly later.
		_ = bindInto(root, Bind{Source: path, Target: path})
	}
	if err := privateFilesystems(root); err != nil {
		return err
	}
	if err := identity(root, spec); err != nil {
		return err
	}
	for _, bind := range spec.Binds {
		if err := bindInto(root, bind); err != nil {
			return fmt.Errorf("bind %s: %w", bind.Target, err)
		}
	}
	if spec.DiskBytes > 0 {
		options := fmt.Sprintf("mode=755,size=%d", spec.DiskBytes)
		if err := unix.Mount("tmpfs", filepath.Join(root, stateFolder), "tmpfs", 0, options); err != nil {
			return fmt.Errorf("mount a small disk: %w", err)
		}
	}
	return enter(root)
}

// layer mounts the machine's root below a bounded, memory-backed layer.
func layer(base string) (string, error) {
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, "mode=755,size=512m"); err != nil {
		return "", fmt.Errorf("mount %s: %w", base, err)
	}
	upper, work, root := filepath.Join(base, "upper"), filepath.Join(base, "work"), filepath.Join(base, "root")
	for _, folder := range []string{upper, work, root} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return "", err
		}
	}
	options := fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", upper, work)
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		return "", fmt.Errorf("mount overlay: %w", err)
	}
	return root, nil
}

// otherFilesystems lists the machine's outermost mounts besides its root: a
// separate /usr or /home belongs to what a node shall see.
func otherFilesystems() ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	private := []string{"/proc", "/sys", "/dev", "/run", "/tmp"}
	var paths []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || fields[4] == "/" || below(fields[4], private) || below(fields[4], paths) {
			continue
		}
		paths = append(paths, fields[4])
	}
	return paths, nil
}

func below(path string, folders []string) bool {
	for _, folder := range folders {
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

func privateFilesystems(root string) error {
	if err := bindInto(root, Bind{"/dev", "/dev"}); err != nil {
		return err
	}
	for _, m := range []struct{ kind, target, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/dev/shm", "mode=1777,size=256m"},
		{"tmpfs", "/run", "mode=755,size=64m"},
		{"tmpfs", "/tmp", "mode=1777,size=256m"},
	} {
		if err := unix.Mount(m.kind, filepath.Join(root, m.target), m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return os.Mkdir(filepath.Join(root, "run/lock"), 0o1777)
}

// identity makes the node a machine of its own: host name, hosts, boot id.
func identity(root string, spec bootSpec) error {
	if err := unix.Sethostname([]byte(spec.Node)); err != nil {
		return err
	}
	files := map[string]string{
		"etc/hostname": spec.Node + "\n", "etc/hosts": spec.Hosts, "run/boot_id": spec.BootID + "\n",
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		_ = unix.Unmount(path, unix.MNT_DETACH) // containers bind their own over it
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return bindInto(root, Bind{filepath.Join(root, "run/boot_id"), "/proc/sys/kernel/random/boot_id"})
}

// bindInto shows source at target below root, making the place where it lacks.
func bindInto(root string, bind Bind) error {
	info, err := os.Stat(bind.Source)
	if err != nil {
		return err
	}
	target := filepath.Join(root, bind.Target)
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if _, missing := os.Stat(target); errors.Is(missing, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
			err = os.WriteFile(target, nil, 0o644)
		}
	}
	if err != nil {
		return err
	}
	return unix.Mount(bind.Source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

// enter makes root the process's root and lets go of the machine's.
func enter(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the machine's root: %w", err)
	}
	return os.Chdir("/")
}
