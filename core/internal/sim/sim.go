// Package sim runs two policy machines in a world that is made of a seed: lossy
// links, crashes, restarts, stalls, slow and refusing fence devices, disks that
// do not take a write. After every step it checks what must never break. It is
// the dry pair of hands for the decisions that the engine carries out for real.
//
// The same seed gives the same run for ever: there is one clock, one queue and
// one source of chance, and nothing else.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"
)

// Bug is a mistake that is put into the hands on purpose, to see it found.
type Bug int

// The deliberate bugs.
const (
	NoBug Bug = iota
	// UnconfirmedFence takes the answer to an order for a reading of off.
	UnconfirmedFence
	// ForgottenGeneration says that the state was saved and saves nothing.
	ForgottenGeneration
	// OverlappingTurns lets orders live longer than their device's declared life.
	OverlappingTurns
	// StaleConfirmation answers a question for a device's output with an earlier reading of off.
	StaleConfirmation
	// NoBootRule has the machine itself start at its boot what ran there before.
	NoBootRule
	// LapsingGrant has a giver take a grant back that nobody seems to have taken within a second.
	LapsingGrant
)

// Options sets up one run.
type Options struct {
	Seed   uint64
	Length time.Duration // simulated time; 0: 60 s
	Faults int           // at least this many; 0: three
	Calm   bool          // no faults at all: only the links' everyday loss and delay
	// Mains: the store loses its mains once, and nothing else fails.
	Mains bool
	// Lies: while no link works, an operator says that a living peer is off, or a fence
	// device reads off and is not. Two active nodes then must not last.
	Lies bool
	Bug  Bug
	// Trace keeps every line of the world's log, not only the last ones.
	Trace bool
}

// Result is what came of a run.
type Result struct {
	Err       error // what broke; nil: nothing
	Log       string
	Events    int // steps of the world
	Faults    int
	Takeovers int
	Failbacks int
	Open      bool // both nodes were cut, one by a node that never heard its peer since its start: what is open ends the run
	Dual      bool // both nodes were active for a while, because of a lie
	Cuts      int  // machines switched off by an order
	LiveCuts  int  // those of them that ran
}

// Run simulates one seed.
func Run(o Options) (r Result) {
	if o.Length == 0 {
		o.Length = time.Minute
	}
	if o.Faults == 0 {
		o.Faults = 3
	}
	w := newWorld(o)
	defer func() {
		if p := recover(); p != nil {
			w.fail("panic: %v\n%s", p, debug.Stack())
			r = Result{Err: w.err, Log: w.text(), Events: w.steps, Faults: w.faults}
		}
	}()
	w.start()
	switch {
	case o.Mains:
		w.after(w.between(10*time.Second, 15*time.Second), func() { w.loseMains(w.between(time.Second, 25*time.Second), w.nodes[:]...) })
	case o.Lies:
		w.after(w.between(10*time.Second, 20*time.Second), w.lie)
	case !o.Calm:
		w.planFaults()
	}
	w.run()
	return Result{Err: w.err, Log: w.text(), Events: w.steps, Faults: w.faults, Takeovers: w.takeovers, Failbacks: w.failbacks, Cuts: w.cuts, LiveCuts: w.liveCuts, Dual: w.dual, Open: w.open}
}

// world is everything outside the two machines.
type world struct {
	o         Options
	rng       *rand.Rand
	now       time.Duration
	queue     queue
	order     uint64
	nodes     [2]*node
	links     []*link
	supply    []*device
	digest    uint64 // of the newest configuration
	primary   int    // the node that serves where both may
	lasting   func() // puts a fault back that is never mended; nil: all are
	sick      *node  // has it
	sickness  string
	calmSince time.Duration // since when both daemons run and can hear each other; 0: they do not
	servedAt  time.Duration // when a node last ran all that there is
	dual      bool          // both nodes were active
	apart     bool          // a node gave an order that never heard its peer since its start: such turns may overlap
	open      bool          // and they did
	metAt     time.Duration // since when they are, and a link works both ways; 0: they are not

	err                                       error
	liveCuts                                  int
	lines                                     []string
	steps, faults, takeovers, failbacks, cuts int
}

// step is one thing that will happen.
type step struct {
	at    time.Duration
	order uint64
	do    func()
}

type queue []step

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push and Pop implement heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(step)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	s := old[len(old)-1]
	old[len(old)-1] = step{}
	*q = old[:len(old)-1]
	return s
}

// after lets something happen in a while.
func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, step{at: w.now + d, order: w.order, do: do})
}

// between is a time from a range, every value equally likely.
func (w *world) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(w.rng.Int64N(int64(high-low)))
}

// chance is true with a probability.
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// run lets the world go on until its end or until something breaks.
func (w *world) run() {
	for w.err == nil && !w.open && len(w.queue) > 0 {
		s := heap.Pop(&w.queue).(step)
		if end := w.end(); s.at > end {
			w.now = end
			break
		}
		w.now = s.at
		w.steps++
		s.do()
		w.look()
		w.check()
	}
	if w.err == nil && !w.open {
		w.checkEnd()
	}
}

// fail notes the first thing that broke.
func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("seed %d at %v: %s", w.o.Seed, w.now, fmt.Sprintf(format, args...))
		w.logf("BROKEN: %s", fmt.Sprintf(format, args...))
	}
}

const keptLines = 400

// logf keeps a line about what happened, the newest ones if there are many.
func (w *world) logf(format string, args ...any) {
	if len(w.lines) >= 2*keptLines && !w.o.Trace {
		w.lines = append(w.lines[:0], w.lines[keptLines:]...)
	}
	w.lines = append(w.lines, fmt.Sprintf("%10.4fs %s", w.now.Seconds(), fmt.Sprintf(format, args...)))
}

func (w *world) text() string { return strings.Join(w.lines, "\n") + "\n" }
