package host

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// The stream path between core and plugin: what a probe costs, and how much
// later the core knows of a beat than the plugin did.
//
//	go test -run '^$' -bench . ./core/internal/host

func benchHost(b *testing.B, yaml string) *Instance {
	b.Helper()
	log := logrus.New()
	log.SetLevel(logrus.ErrorLevel)
	dir := shortDir(b)
	h, err := New(Options{Log: log, Dir: dir, Command: testCommand})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = h.Close() })
	in, err := h.Open(context.Background(), "toy", "one", []byte(yaml), Env{})
	if err != nil {
		b.Fatal(err)
	}
	return in
}

// cpu is the processor time of this process and a plugin.
func cpu(b *testing.B, in *Instance) time.Duration {
	b.Helper()
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	result, err := in.Probe(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(own.Utime.Nano()+own.Stime.Nano()) + time.Duration(result.Values["cpu_seconds"]*float64(time.Second))
}

func BenchmarkProbe(b *testing.B) {
	for _, one := range []struct {
		name    string
		callers int
	}{{"one at a time", 1}, {"sixteen at once", 16}} {
		b.Run(one.name, func(b *testing.B) {
			in := benchHost(b, "")
			before := cpu(b, in)
			b.ResetTimer()
			var all sync.WaitGroup
			for caller := range one.callers {
				all.Go(func() {
					for n := caller; n < b.N; n += one.callers {
						if _, err := in.Probe(context.Background()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			spent := cpu(b, in) - before
			b.ReportMetric(float64(b.N)/spent.Seconds(), "probes/cpu-s")
		})
	}
}

// BenchmarkUnary is the same by a unary call, to compare with.
func BenchmarkUnary(b *testing.B) {
	in := benchHost(b, "")
	before := cpu(b, in)
	b.ResetTimer()
	for b.Loop() {
		if _, err := in.Status(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/(cpu(b, in)-before).Seconds(), "calls/cpu-s")
}

// BenchmarkBeat sends a beat through the plugin and back, one every 5 ms, and
// reports how long the way took: out, and back to the core.
func BenchmarkBeat(b *testing.B) {
	in := benchHost(b, "echo: true")
	ctx, cancel := context.WithCancel(context.Background())
	var (
		mu        sync.Mutex
		out, back []time.Duration
	)
	ready := make(chan struct{}, 16)
	ended := make(chan error, 1)
	go func() {
		ended <- in.Run(ctx, func(p sdk.Packet) {
			now := sdk.Monotonic()
			sent := time.Duration(binary.BigEndian.Uint64(p.Data)) //nolint:gosec // our own time
			mu.Lock()
			defer mu.Unlock()
			out, back = append(out, p.Taken-sent), append(back, now-p.Taken)
		}, func(sdk.LinkState) { ready <- struct{}{} })
	}()
	<-ready
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for b.Loop() {
		<-ticker.C
		beat := binary.BigEndian.AppendUint64(make([]byte, 0, 256), uint64(sdk.Monotonic())) //nolint:gosec // positive
		if err := in.Send(beat[:256]); err != nil {
			b.Fatal(err)
		}
	}
	<-ticker.C
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for name, times := range map[string][]time.Duration{"out": out, "back": back} {
		if len(times) == 0 {
			b.Fatal("no beat came back")
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds()), name+"-median-µs")
		b.ReportMetric(float64(times[len(times)-1].Microseconds()), name+"-max-µs")
	}
	b.ReportMetric(float64(b.N-len(out)), "lost")
}
