package report

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
)

// incidentLimit is the largest incident that is sent, in bytes: a broker takes
// messages up to a limit of its own, and what it never takes would hold up
// everything behind it.
const incidentLimit = 1 << 20

// Options says what to report where.
type Options struct {
	Store, Node string
	// Dir is the folder of the durable outbox.
	Dir    string
	Report config.Report
	Log    logrus.FieldLogger
	// Now reads the wall clock.
	Now func() time.Time
	// Tell takes what happens to the reports themselves, for the engine to tell like any
	// other event. It must not block, and may be nil.
	Tell func(*api.Event)
	// Answer replies to a console's question, e.g. "status" or "snapshot". It
	// may be nil. The reply is a protobuf message of the API.
	Answer func(ctx context.Context, question string, body []byte) (proto.Message, error)
}

// Reporter is the Sink of a running node. What it is given is numbered, put
// into the outbox, and sent on from there; traps go out as soon as an event is
// on disk, or when the disk refuses it or does not answer. Until the disk takes it
// everything waits in a queue of bounded size.
type Reporter struct {
	o     Options
	box   *outbox
	traps []*trapSender
	links []*link

	mu      sync.Mutex
	queue   queue
	given   int // the oldest ones, which the disk is being given; nobody else numbers them
	wake    chan struct{}
	givenUp atomic.Uint64 // envelopes that found the queue full
	held    held          // write's own

	cancel context.CancelFunc
	done   sync.WaitGroup
}

var _ Sink = (*Reporter)(nil)

// New starts to open the outbox and to send. Nothing that is away, unreachable or
// damaged is an error here, nor is a disk that takes nothing: only a destination that
// cannot be meant, such as a missing certificate.
func New(o Options) (*Reporter, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tell == nil {
		o.Tell = func(*api.Event) {}
	}
	var destinations []string
	for _, c := range o.Report.Consoles {
		destinations = append(destinations, "console/"+c.Name)
	}
	for _, s := range o.Report.Influx {
		destinations = append(destinations, "influx/"+s.Name)
	}
	r := &Reporter{o: o, wake: make(chan struct{}, 1)}
	r.box = newOutbox(outboxOptions{
		dir: o.Dir, limit: o.Report.OutboxBytes, destinations: destinations, now: o.Now, damaged: r.tellDamage,
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Reporter) start(ctx context.Context) error {
	for _, c := range r.o.Report.Consoles {
		l, err := newLink(r.o, c, r.box, r.setBack)
		if err != nil {
			return fmt.Errorf("link to console %s: %w", c.Name, err)
		}
		r.links = append(r.links, l)
		r.run(func() { l.run(ctx) })
	}
	for _, s := range r.o.Report.Influx {
		sink, err := newInfluxSink(r.o, s, r.box)
		if err != nil {
			return fmt.Errorf("InfluxDB endpoint %s: %w", s.Name, err)
		}
		r.run(func() { sink.run(ctx) })
	}
	for _, t := range r.o.Report.Traps {
		sender, err := newTrapSender(r.o, t)
		if err != nil {
			return fmt.Errorf("trap receiver %s: %w", t.Address, err)
		}
		r.traps = append(r.traps, sender)
		r.run(func() { sender.run(ctx) })
	}
	r.run(func() { r.write(ctx) })
	return nil
}

func (r *Reporter) run(f func()) { r.done.Go(f) }

// Event implements Sink.
func (r *Reporter) Event(e *api.Event) {
	r.enqueue(&api.Envelope{Body: &api.Envelope_Event{Event: e}})
}

// Incident implements Sink.
func (r *Reporter) Incident(i *api.Incident) {
	fit(i, incidentLimit)
	r.enqueue(&api.Envelope{Body: &api.Envelope_Incident{Incident: i}})
}

// Inventory sends what the node is made of.
func (r *Reporter) Inventory(i *api.Inventory) {
	r.enqueue(&api.Envelope{Body: &api.Envelope_Inventory{Inventory: i}})
}

// Points implements Sink. Points without a store or node get this one's.
func (r *Reporter) Points(p *api.Points) {
	now := r.o.Now().UnixNano()
	for _, point := range p.Points {
		if point.Tags == nil {
			point.Tags = map[string]string{}
		}
		if point.Tags[api.TagStore] == "" {
			point.Tags[api.TagStore] = r.o.Store
		}
		if point.Tags[api.TagNode] == "" {
			point.Tags[api.TagNode] = r.o.Node
		}
		if point.TimeUnixNano == 0 {
			point.TimeUnixNano = now
		}
	}
	r.enqueue(&api.Envelope{Body: &api.Envelope_Points{Points: p}})
}

// Status implements Sink.
func (r *Reporter) Status(s *api.Status) {
	mend(s)
	for _, l := range r.links {
		l.status(s)
	}
}

// Backlog implements Sink.
func (r *Reporter) Backlog() (waiting, droppedPoints uint64) {
	r.mu.Lock()
	queued := len(r.queue.waiting)
	r.mu.Unlock()
	stored, dropped, _ := r.box.stats()
	return uint64(queued + stored), dropped + r.givenUp.Load() //nolint:gosec // counts
}

// Close stops sending. What is not yet on disk is written first; what is on
// disk waits there for the next start.
func (r *Reporter) Close() error {
	r.cancel()
	r.done.Wait()
	return r.box.close()
}

func (r *Reporter) enqueue(e *api.Envelope) {
	mend(e)
	e.Store, e.Node, e.Time = r.o.Store, r.o.Node, timestamppb.New(r.o.Now())
	r.mu.Lock()
	r.givenUp.Add(r.queue.add(e))
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// write moves what is queued to disk, as much as there is in one transaction.
// What the disk refuses stays queued and is tried again; its traps go out, as do those
// of a disk that does not answer.
func (r *Reporter) write(ctx context.Context) {
	const firstPause, longestPause = 100 * time.Millisecond, 5 * time.Second
	pause := firstPause
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for ended := false; !ended; {
		select {
		case <-r.wake:
		case <-retry.C:
		case <-ctx.Done():
			ended = true
		}
		var n int
		var err error
		r.meanwhile(func() {
			n, err = r.store()
			if errors.Is(err, errRenewed) { // the outbox was opened or set aside: other numbers
				n, err = r.store()
			}
		})
		r.tell(n)
		switch {
		case err == nil:
			if n > 0 {
				r.forget(n)
				r.tellTaken()
			}
			pause = firstPause
			r.meanwhile(r.trim)
		case !errors.Is(err, errClosed):
			r.tellHeld(err)
			retry.Reset(pause)
			pause = min(2*pause, longestPause)
		}
	}
}

// store gives everything in the queue its number, oldest first, writes it to disk
// and returns how much it is.
func (r *Reporter) store() (int, error) {
	r.mu.Lock()
	batch := r.queue.all()
	r.box.number(batch)
	r.given = len(batch)
	r.mu.Unlock()
	return len(batch), r.box.store(batch)
}

func (r *Reporter) trim() {
	if err := r.box.trim(); err != nil {
		r.o.Log.WithError(err).Warn("outbox not thinned")
	}
}

func (r *Reporter) forget(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.forget(n)
	r.given = 0
}

// tell hands each event among the oldest n to the trap senders once.
func (r *Reporter) tell(n int) {
	r.mu.Lock()
	events := r.queue.untold(n)
	r.mu.Unlock()
	for _, e := range events {
		for _, t := range r.traps {
			t.send(e)
		}
	}
}
