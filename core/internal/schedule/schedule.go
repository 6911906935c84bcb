package schedule

import (
	"container/heap"
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

// Moment is one instant on both clocks: CLOCK_MONOTONIC as the time since boot,
// which periods count by, and the wall clock in the store's zone, which cron counts by.
type Moment struct {
	Mono time.Duration
	Wall time.Time
}

// Entry is one probe and when it runs: every so often, or by a cron expression.
type Entry struct {
	Name  string
	Every time.Duration
	Cron  string
}

// Info is what the schedule knows of one probe.
type Info struct {
	// Next is when it is due, on CLOCK_MONOTONIC; 0 when never.
	Next time.Duration
	// Running tells that Due named it and Done has not.
	Running bool
	// Runs were begun. Skipped were due while the run before went on, or were found too late.
	Runs, Skipped uint64
}

// tooLate bounds how late a run may begin: beyond it, or beyond half its period, the next one is nearer.
const tooLate = 30 * time.Second

// clockStep is how far the two clocks may drift apart before cron's times are worked out anew.
const clockStep = time.Second

// Schedule holds the probes of one node. It is not safe for concurrent use.
type Schedule struct {
	store, node string
	items       map[string]*item
	queue       queue
	ahead       time.Duration // wall minus monotonic when cron's times were last worked out
}

type item struct {
	Entry
	Info
	cron  Cron
	phase time.Duration
	place int // in the queue; -1 outside
}

// New returns an empty schedule. Store and node, hashed with a probe's name, give
// its place within its period: the same after every start, another in every store.
func New(store, node string) *Schedule {
	return &Schedule{store: store, node: node, items: map[string]*item{}}
}

// Set replaces the list. A probe whose entry is unchanged keeps its next time and
// counts; one that runs stays running until Done. On an error nothing changes.
func (s *Schedule) Set(now Moment, entries []Entry) error {
	items := make(map[string]*item, len(entries))
	for _, e := range entries {
		if _, double := items[e.Name]; double {
			return fmt.Errorf("schedule %s: it is listed twice", e.Name)
		}
		it, err := s.parse(e)
		if err != nil {
			return fmt.Errorf("schedule %s: %w", e.Name, err)
		}
		if old := s.items[e.Name]; old != nil {
			it.Info = old.Info
			if old.Entry != e {
				it.Next = 0
			}
		}
		items[e.Name] = it
	}
	s.items, s.queue = items, s.queue[:0]
	s.ahead = ahead(now)
	for _, e := range entries {
		it := items[e.Name]
		if it.Next == 0 {
			it.Next = it.after(now)
		}
		s.push(it)
	}
	return nil
}

func (s *Schedule) parse(e Entry) (*item, error) {
	it := &item{Entry: e, place: -1}
	switch {
	case (e.Every > 0) == (e.Cron != ""):
		return nil, errors.New("exactly one of every and cron is needed")
	case e.Cron != "":
		var err error
		it.cron, err = ParseCron(e.Cron)
		return it, err
	}
	h := fnv.New64a()
	for _, part := range []string{s.store, s.node, e.Name} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	it.phase = time.Duration(h.Sum64() % uint64(e.Every)).Truncate(slot(e.Every)) //nolint:gosec // below Every, which is positive
	return it, nil
}

// places is into how many moments a period is divided at least.
const places = 10

// maxSlot is the longest time between two moments.
const maxSlot = time.Second

// slot is the time between the moments at which probes of a period may begin:
// spread far enough to be no burst, and together often enough that the daemon and
// a plugin are woken once for several.
func slot(every time.Duration) time.Duration { return min(every/places, maxSlot) }

// after returns the first due time after now on CLOCK_MONOTONIC; 0 when there is none.
func (it *item) after(now Moment) time.Duration {
	if it.Every > 0 {
		periods := (now.Mono - it.phase) / it.Every
		if now.Mono >= it.phase {
			periods++
		}
		return periods*it.Every + it.phase
	}
	next := it.cron.Next(now.Wall)
	if next.IsZero() {
		return 0
	}
	return now.Mono + next.Sub(now.Wall)
}

// patience is how late a run of it may begin.
func (it *item) patience() time.Duration {
	if it.Every > 0 {
		return min(it.Every/2, tooLate)
	}
	return tooLate
}

func ahead(now Moment) time.Duration {
	return time.Duration(now.Wall.UnixNano()) - now.Mono
}

// Due returns the probes to start now, in the order they became due. Each counts
// as running until Done. A probe that still runs, or that is found too late, is
// not returned: its run is skipped and counted.
func (s *Schedule) Due(now Moment) []string {
	s.followClock(now)
	var due []string
	for len(s.queue) > 0 && s.queue[0].Next <= now.Mono {
		it := s.queue[0]
		late := now.Mono - it.Next
		if it.Running || late > it.patience() {
			it.Skipped += 1 + it.missed(late)
		} else {
			it.Running = true
			it.Runs++
			due = append(due, it.Name)
		}
		it.Next = it.after(now)
		if it.Next == 0 {
			heap.Pop(&s.queue)
			continue
		}
		heap.Fix(&s.queue, 0)
	}
	return due
}

// missed counts the further runs that fell into a delay.
func (it *item) missed(late time.Duration) uint64 {
	if it.Every <= 0 {
		return 0
	}
	return uint64(late / it.Every) //nolint:gosec // late is not negative
}

// followClock works cron's times out anew when the wall clock was set.
func (s *Schedule) followClock(now Moment) {
	if step := ahead(now) - s.ahead; step < clockStep && step > -clockStep {
		return
	}
	s.ahead = ahead(now)
	for _, it := range s.items {
		if it.Cron == "" {
			continue
		}
		it.Next = it.after(now)
		switch {
		case it.place >= 0 && it.Next == 0:
			heap.Remove(&s.queue, it.place)
		case it.place >= 0:
			heap.Fix(&s.queue, it.place)
		default:
			s.push(it)
		}
	}
}

// Done says that a run has ended; the next due time may start the next.
func (s *Schedule) Done(name string) {
	if it := s.items[name]; it != nil {
		it.Running = false
	}
}

// Next returns when Due is to be asked again, on CLOCK_MONOTONIC.
func (s *Schedule) Next() (time.Duration, bool) {
	if len(s.queue) == 0 {
		return 0, false
	}
	return s.queue[0].Next, true
}

// Entry returns what is known of one probe.
func (s *Schedule) Entry(name string) (Info, bool) {
	it := s.items[name]
	if it == nil {
		return Info{}, false
	}
	return it.Info, true
}

func (s *Schedule) push(it *item) {
	if it.Next != 0 {
		heap.Push(&s.queue, it)
	}
}

// queue is a heap by due time, then by name, so that the same facts give the same order.
type queue []*item

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].Next != q[j].Next {
		return q[i].Next < q[j].Next
	}
	return q[i].Name < q[j].Name
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	it := x.(*item)
	it.place = len(*q)
	*q = append(*q, it)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	it := old[len(old)-1]
	it.place = -1
	*q = old[:len(old)-1]
	return it
}
