// Package neterr sorts the errors of network calls by whose failure they show.
// It never looks at an error's text.
package neterr

import (
	"context"
	"errors"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// cannotAsk are the kernel's words for a question that never left this machine.
// EHOSTUNREACH is not among them: nobody on the segment answers for the target.
var cannotAsk = []error{
	unix.ENETUNREACH, unix.EADDRNOTAVAIL, unix.ENETDOWN, unix.EPERM, unix.EACCES, unix.EMFILE, unix.ENFILE, unix.ENOBUFS,
	context.Canceled,
}

// CannotAsk tells whether the question was not asked or its name server failed,
// so that nothing is known of the target.
func CannotAsk(err error) bool {
	var name *net.DNSError
	if errors.As(err, &name) && !name.IsNotFound {
		return true
	}
	return slices.ContainsFunc(cannotAsk, func(own error) bool { return errors.Is(err, own) })
}

// Timeout tells whether no answer came in time.
func Timeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}

// Refused tells whether the target's machine answered that nobody listens.
func Refused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }
