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
	bench.RunHelper()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// subjects are what can be measured, and how long those watch that do.
var subjects = map[string]struct {
	measure func(context.Context, bench.Options) error
	watch   time.Duration
}{
	"failover": {measure: bench.Failover},
	"calm":     {bench.Calm, 2 * time.Minute},
	"beats":    {bench.Beats, 2 * time.Minute},
	"idle":     {bench.Idle, time.Minute},
	"sim":      {measure: bench.Sim},
}

func run(arguments []string) error {
	o := bench.Options{Out: os.Stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.Programs, "programs", "build/bin", "folder with the built programs")
	flags.StringVar(&o.Root, "root", ".", "the source tree")
	flags.IntVar(&o.Trials, "n", 30, "rounds of failover")
	flags.DurationVar(&o.For, "for", 0, "how long calm, beats and idle watch (2m, 2m, 1m)")
	flags.StringVar(&o.Lab, "lab", "bench", "name of the lab; two at once need two")
	flags.BoolVar(&o.Write, "write", false, "put the tables and the plot into tests/bench")
	rows := flags.String("rows", "", "rows of failover, calm and beats, separated by commas (all)")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	subject, known := subjects[flags.Arg(0)]
	if !known {
		return errors.New("usage: bench [flags] failover|calm|beats|idle|sim")
	}
	if *rows != "" {
		o.Rows = strings.Split(*rows, ",")
	}
	if o.For == 0 {
		o.For = subject.watch
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return subject.measure(ctx, o)
}
