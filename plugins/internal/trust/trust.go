// Package trust judges whether a program may be run as root.
package trust

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Program refuses a program that somebody else than root could have put there:
// the file, what its links lead to, and every folder above must be root's alone.
func Program(path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	for at := resolved; ; at = filepath.Dir(at) {
		var stat unix.Stat_t
		if err := unix.Stat(at, &stat); err != nil {
			return fmt.Errorf("look at %s: %w", at, err)
		}
		sticky := stat.Mode&unix.S_ISVTX != 0 && at != resolved // as /tmp: nobody replaces another's file
		if stat.Uid != 0 || stat.Mode&0o022 != 0 && !sticky {
			return fmt.Errorf("%s is not run: %s must belong to root and be writable by root alone", path, at)
		}
		if at == "/" {
			return nil
		}
	}
}
