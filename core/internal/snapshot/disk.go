package snapshot

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/api"
)

// diskTypes are file systems that can run full or fail and that a store would miss.
// Network file systems are not asked: one whose server is gone does not answer.
var diskTypes = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "overlay", "tmpfs"}

var errDisksHang = errors.New("a file system asked earlier has not answered yet")

// filesystems asks all of them. Never two at once do so: each would hang on the
// same dead disk, and one thread of those is enough.
func (h *Host) filesystems(context.Context) (func(*api.Snapshot), error) {
	if !h.disks.TryLock() {
		return nil, errDisksHang
	}
	defer h.disks.Unlock()
	list := filesystems()
	return func(s *api.Snapshot) { hostOf(s).Filesystems = list }, nil
}

type mount struct{ device, dir, kind string }

// parseMounts reads /proc/self/mounts (fstab(5)). It keeps each device once, at its
// first mount point, and of several mounts at one point the last, which hides the others.
func parseMounts(text string) []mount {
	var list []mount
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || !slices.Contains(diskTypes, f[2]) {
			continue
		}
		m := mount{unescape(f[0]), unescape(f[1]), f[2]}
		if !worthAsking(m) {
			continue
		}
		if i := slices.IndexFunc(list, func(o mount) bool { return o.dir == m.dir || o.device == m.device && m.kind != "tmpfs" }); i >= 0 {
			if list[i].dir == m.dir {
				list[i] = m
			}
			continue
		}
		list = append(list, m)
	}
	return list
}

// worthAsking leaves out what only looks like a disk: memory for run time files, and containers' layers.
func worthAsking(m mount) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev", "/run"} {
		if m.dir == dir || strings.HasPrefix(m.dir, dir+"/") {
			return false
		}
	}
	return m.kind != "overlay" || m.dir == "/"
}

var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescape(field string) string { return octal.Replace(field) }

func filesystems() []*api.Filesystem {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var list []*api.Filesystem
	for _, m := range parseMounts(string(text)) {
		var s unix.Statfs_t
		if unix.Statfs(m.dir, &s) != nil || s.Blocks == 0 {
			continue
		}
		if info, err := os.Stat(m.dir); err != nil || !info.IsDir() {
			continue
		}
		// As df(1): what only root may still use counts neither as used nor as there.
		size := uint64(s.Bsize) //nolint:gosec // a block's size
		used := (s.Blocks - s.Bfree) * size
		list = append(list, &api.Filesystem{
			Mount: m.dir, Device: m.device, UsedBytes: used, TotalBytes: used + s.Bavail*size,
		})
	}
	return list
}
