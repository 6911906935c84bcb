package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

func TestJudgeError(t *testing.T) {
	p := &prober{cfg: DefaultConfig().(*Config)}
	said := func(code string) error { return fmt.Errorf("connect: %w", &pgconn.PgError{Code: code, Message: "m"}) }
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)} }
	for _, test := range []struct {
		name string
		err  error
		want sdk.Status
	}{
		{"starting", said("57P03"), sdk.Degraded},
		{"shutting down", said("57P01"), sdk.Down},
		{"no connections left", said("53300"), sdk.Down},
		{"disk full", said("53100"), sdk.Down},
		{"wrong password", said("28P01"), sdk.Unknown},
		{"no such database", said("3D000"), sdk.Unknown},
		{"a query that is wrong", said("42P01"), sdk.Unknown},
		{"refused", dial(unix.ECONNREFUSED), sdk.Down},
		{"nobody there", dial(unix.EHOSTUNREACH), sdk.Down},
		{"no route from here", dial(unix.ENETUNREACH), sdk.Unknown},
		{"silent", context.DeadlineExceeded, sdk.Down},
		{"broken off", errors.New("unexpected EOF"), sdk.Down},
	} {
		result, err := p.judgeError(where{host: "h", port: 1}, "connect", test.err, time.Second)
		if result.Status != test.want || (err != nil) != (test.want == sdk.Unknown) {
			t.Errorf("%s: %+v, error %v", test.name, result, err)
		}
	}
}

func TestJudge(t *testing.T) {
	cfg := DefaultConfig().(*Config)
	cfg.Probe.Slow = sdk.Duration(time.Second)
	p := &prober{cfg: cfg}
	for _, test := range []struct {
		took time.Duration
		used float64
		want sdk.Status
	}{
		{time.Millisecond, 0.1, sdk.OK},
		{time.Second, 0.1, sdk.Degraded},
		{time.Millisecond, 0.95, sdk.Degraded},
	} {
		if status, message := p.judge(where{}, test.took, test.used); status != test.want || message == "" {
			t.Errorf("%v, %v: %v %q", test.took, test.used, status, message)
		}
	}
}

func TestSplit(t *testing.T) {
	for address, want := range map[string]string{
		"": "127.0.0.1:5432", "192.0.2.102": "192.0.2.102:5432", "db.example:5433": "db.example:5433", "2001:db8::1": "2001:db8::1:5432",
	} {
		host, port, err := Probe{Address: address}.split(5432)
		if got := fmt.Sprintf("%s:%d", host, port); err != nil || got != want {
			t.Errorf("%q: %s, error %v, want %s", address, got, err, want)
		}
	}
}
