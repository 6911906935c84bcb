package neterr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSorting(t *testing.T) {
	dial := func(err error) error {
		return fmt.Errorf("ask: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)})
	}
	for _, test := range []struct {
		err                         error
		cannotAsk, timeout, refused bool
	}{
		{dial(unix.ENETUNREACH), true, false, false},
		{dial(unix.EMFILE), true, false, false},
		{dial(unix.EHOSTUNREACH), false, false, false},
		{dial(unix.ECONNREFUSED), false, false, true},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, true, false, false},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false, false, false},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), false, true, false},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, false, true, false},
		{context.Canceled, true, false, false},
		{errors.New("anything"), false, false, false},
	} {
		if CannotAsk(test.err) != test.cannotAsk || Timeout(test.err) != test.timeout || Refused(test.err) != test.refused {
			t.Errorf("%v: cannot ask %v, timeout %v, refused %v", test.err, CannotAsk(test.err), Timeout(test.err), Refused(test.err))
		}
	}
}
