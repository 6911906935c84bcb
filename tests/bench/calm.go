package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// spinners is how many processes keep the machine's cores busy.
const spinners = 20

// SpinWord as the first argument of a program that uses this package, makes it
// spin until it is killed.
const SpinWord = "bench-spin"

// Spin keeps one core busy for ever.
func Spin() {
	for x := uint64(1); x != 0; { // an odd number times an odd one is never zero
		x *= 6364136223846793005
	}
}

// Calm watches the store at its fast settings while every core is overloaded:
// nothing may be taken over, because nobody's power was cut.
func Calm(ctx context.Context, o Options) (err error) {
	site, err := harness.Start(ctx, harness.Options{
		Lab: lab.Options{Name: o.Lab}, Programs: o.Programs, Root: o.Root,
		Timing: harness.Fast, Services: harness.Echo,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Down()) }()
	waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	active, err := site.Whole(waiting)
	if err != nil {
		return err
	}
	before, err := site.State(ctx, active)
	if err != nil {
		return err
	}
	stop, err := startSpinners()
	if err != nil {
		return err
	}
	defer stop()
	takeovers, cuts, err := watchCalm(ctx, o, site, active)
	if err != nil {
		return err
	}
	after, err := site.State(ctx, site.Active())
	if err != nil {
		return err
	}
	raised := float64(after.GetGeneration() - before.GetGeneration())
	return publish(o.Out, o.Root, "calm", []Figure{
		figure("takeovers nobody asked for", "count", []float64{takeovers}),
		figure("nodes cut", "count", []float64{cuts}),
		figure("generations raised", "count", []float64{raised}),
		figure("watched", "s", []float64{o.For.Seconds()}),
	})
}

// watchCalm looks every 50 ms who is active and whether both nodes have power.
func watchCalm(ctx context.Context, o Options, site *harness.Site, active *lab.Node) (takeovers, cuts float64, err error) {
	boots := site.Store.Nodes[0].Boots() + site.Store.Nodes[1].Boots()
	deadline := time.Now().Add(o.For)
	for time.Now().Before(deadline) {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return 0, 0, err
		}
		if now := site.Active(); now != nil && now != active {
			fmt.Fprintf(o.Out, "%s took over from %s\n", now.Name, active.Name)
			takeovers++
			active = now
		}
	}
	for _, n := range site.Store.Nodes {
		if !n.Alive() {
			cuts++
		}
	}
	cuts += float64(site.Store.Nodes[0].Boots() + site.Store.Nodes[1].Boots() - boots)
	return takeovers, cuts, nil
}

// startSpinners starts the load and returns what ends it.
func startSpinners() (stop func(), err error) {
	var all []*exec.Cmd
	stop = func() {
		for _, c := range all {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}
	for range spinners {
		command := exec.CommandContext(context.Background(), "/proc/self/exe", SpinWord)
		command.Stderr = os.Stderr
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := command.Start(); err != nil {
			stop()
			return nil, err
		}
		all = append(all, command)
	}
	return stop, nil
}
