// Storewardctl is how an operator looks at and steers a store's pair of servers.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/storeward/storeward/core/internal/ctl"
)

var version = "0.1.0-dev" // set by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := ctl.Main(ctx, os.Args[1:], ctl.Env{Out: os.Stdout, Err: os.Stderr, Now: time.Now, Version: version})
	stop()
	os.Exit(code)
}
