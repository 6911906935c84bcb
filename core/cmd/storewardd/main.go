// Storewardd is the daemon of a store's node.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/internal/app"
	"github.com/storeward/storeward/core/internal/snapshot"
)

var version = "0.1.0-dev" // set by the linker

func main() {
	path := flag.String("config", "/etc/storeward/storeward.yaml", "the store's configuration file")
	node := flag.String("node", "", "this node's name (default: /etc/storeward/node, else the host name)")
	plugins := flag.String("plugins", "/usr/libexec/storeward/storeward-plugins", "the executable with the plugins")
	level := flag.String("log-level", "info", "error, warn, info or debug")
	realtime := flag.Bool("realtime", true, "ask the kernel for real-time scheduling")
	flag.Parse()
	parsed, err := logrus.ParseLevel(*level)
	if err != nil || flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "storewardd: options only, and --log-level is error, warn, info or debug: not %q %q\n", *level, flag.Args())
		os.Exit(2)
	}
	output := app.NewOutput(os.Stderr)
	format := &logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02T15:04:05.000Z07:00", DisableColors: true}
	log := &logrus.Logger{Out: output, Level: parsed, Formatter: format, Hooks: logrus.LevelHooks{}, ExitFunc: os.Exit}
	lines := snapshot.NewLogRing(200)
	log.AddHook(lines)
	code := run(app.Options{Config: *path, Node: *node, Plugins: *plugins, Version: version, Realtime: *realtime, Log: log, Lines: lines})
	_ = output.Close()
	os.Exit(code)
}

func run(o app.Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP)
	o.Reloads = reloads
	a, err := app.New(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "storewardd: %v\n", err)
		return 1
	}
	if err = errors.Join(a.Run(ctx), a.Close()); err != nil {
		o.Log.WithError(err).Error("daemon ends")
		return 1
	}
	return 0
}
