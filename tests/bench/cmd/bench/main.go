// Command bench measures the product in the lab.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/storeward/storeward/tests/bench"
	"github.com/storeward/storeward/tests/lab"
)

func main() {
	if code, ok := lab.RunHelper(); ok {
		os.Exit(code)
	}
	if len(os.Args) > 1 && os.Args[1] == bench.SpinWord {
		bench.Spin()
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	o := bench.Options{Out: os.Stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.Programs, "programs", "build/bin", "folder with the built programs")
	flags.StringVar(&o.Root, "root", ".", "the source tree")
	flags.IntVar(&o.Trials, "n", 20, "power cuts of each row of failover")
	flags.DurationVar(&o.For, "for", 0, "how long idle and calm watch (60s, 120s)")
	flags.StringVar(&o.Lab, "lab", "bench", "name of the lab; two at once need two")
	rows := flags.String("rows", "fast,default", "rows of failover")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	o.Rows = strings.Split(*rows, ",")
	measure := map[string]func(context.Context, bench.Options) error{"failover": bench.Failover, "idle": bench.Idle, "calm": bench.Calm}[flags.Arg(0)]
	if measure == nil {
		return errors.New("usage: bench [flags] failover|idle|calm")
	}
	if o.For == 0 {
		o.For = map[string]time.Duration{"idle": time.Minute, "calm": 2 * time.Minute}[flags.Arg(0)]
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return measure(ctx, o)
}
