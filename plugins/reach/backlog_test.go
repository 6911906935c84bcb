package reach_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// shrinkBacklog leaves room for one connection that nobody accepts.
func shrinkBacklog(t *testing.T, fd int) {
	if err := unix.Listen(fd, 0); err != nil {
		t.Error(err)
	}
}
