package app

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// outputLines bounds the log lines that wait for a slow reader.
	outputLines = 1024
	// outputPatience bounds the wait for them at the end.
	outputPatience = time.Second
)

// Output stands between the log and whoever reads it. A journal that hangs, or a
// pipe that nobody empties, costs lines, which are counted, and never holds up
// the daemon or its plugins.
type Output struct {
	to    io.Writer
	lines chan []byte
	lost  atomic.Uint64
	end   chan struct{}
	ended chan struct{}
	once  sync.Once
}

// NewOutput starts to pass lines on.
func NewOutput(to io.Writer) *Output {
	o := &Output{to: to, lines: make(chan []byte, outputLines), end: make(chan struct{}), ended: make(chan struct{})}
	go o.run()
	return o
}

// Write takes a line and returns at once.
func (o *Output) Write(line []byte) (int, error) {
	select {
	case o.lines <- bytes.Clone(line):
	default:
		o.lost.Add(1)
	}
	return len(line), nil
}

func (o *Output) run() {
	defer close(o.ended)
	for {
		select {
		case line := <-o.lines:
			o.pass(line)
		case <-o.end:
			o.rest()
			return
		}
	}
}

// rest passes on what still waits.
func (o *Output) rest() {
	for {
		select {
		case line := <-o.lines:
			o.pass(line)
		default:
			return
		}
	}
}

// pass has nobody to tell of an error: this is where errors go.
func (o *Output) pass(line []byte) {
	if n := o.lost.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(o.to, "level=warning msg=\"log lines lost\" count=%d\n", n)
	}
	_, _ = o.to.Write(line)
}

// Close passes on what waits, for a bounded time.
func (o *Output) Close() error {
	o.once.Do(func() { close(o.end) })
	timer := time.NewTimer(outputPatience)
	defer timer.Stop()
	select {
	case <-o.ended:
	case <-timer.C:
	}
	return nil
}
