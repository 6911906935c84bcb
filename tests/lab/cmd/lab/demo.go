package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/storeward/storeward/tests/harness/demo"
)

// tillWord makes this program a till.
const tillWord = "till"

// showDemo runs the demo from the root of the source tree.
func showDemo() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	o := demo.Options{Programs: "build/bin", Root: ".", Out: os.Stdout, Till: []string{"/proc/self/exe", tillWord}}
	if text := os.Getenv("DEMO_SECONDS"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds <= 0 {
			return fmt.Errorf("DEMO_SECONDS=%s: write a number of seconds, e.g. DEMO_SECONDS=60", text)
		}
		o.For = time.Duration(seconds) * time.Second
	}
	return demo.Run(ctx, o)
}
