// Package ingest takes in what the stores send, exactly once: it listens for
// the link, checks that every node speaks for itself only, writes each batch in
// one transaction and acknowledges it after the commit, never before. A batch
// that cannot be written now is not acknowledged, and the node sends it again;
// nothing is dropped here.
package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/live"
	"github.com/storeward/storeward/console/internal/series"
	"github.com/storeward/storeward/core/api"
)

const (
	workers = 4
	// backlog is how many batches may wait for a worker; a node has one under way at a time.
	backlog = 32
	// maxStatus bounds a status, in bytes.
	maxStatus = 256 << 10
	// commitWithin is a little less than a node waits for its acknowledgement.
	commitWithin = 9 * time.Second
)

// Options are what the ingest works with; all of them are needed.
type Options struct {
	Listen   string // host:port for the stores; port 0 takes a free one
	TLS      *tls.Config
	DB       *db.DB
	Series   *series.DB
	Fleet    *fleet.Fleet
	Hub      *live.Hub
	Registry prometheus.Registerer
	Log      logrus.FieldLogger
	Now      func() time.Time
}

// Ingest is the running ingest.
type Ingest struct {
	o       Options
	broker  *broker
	metrics *metrics
	seed    maphash.Seed
	queues  []chan *nats.Msg
	done    sync.WaitGroup
	subs    []*nats.Subscription
	closing sync.Once
	// stop is closed first of all: from then on nothing is queued.
	stop chan struct{}

	// committed is called between the commit and the acknowledgement; tests die there.
	committed func()
}

// Start listens and works until Close.
func Start(o Options) (*Ingest, error) { return start(o, func() {}) }

func start(o Options, committed func()) (*Ingest, error) {
	in := &Ingest{o: o, seed: maphash.MakeSeed(), stop: make(chan struct{}), metrics: newMetrics(o.Registry), committed: committed}
	b, err := startBroker(o.Listen, o.TLS, o.Log)
	if err != nil {
		return nil, err
	}
	in.broker = b
	for range workers {
		q := make(chan *nats.Msg, backlog)
		in.queues = append(in.queues, q)
		in.done.Go(func() { in.work(q) })
	}
	if err := in.subscribe(); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (in *Ingest) subscribe() error {
	for what, handle := range map[string]nats.MsgHandler{api.SubjectBatch: in.enqueue, api.SubjectStatus: in.status} {
		sub, err := in.broker.conn.Subscribe(api.AllSubjects(what), handle)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", what, err)
		}
		in.subs = append(in.subs, sub)
	}
	if err := in.broker.conn.Flush(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// Address is where the stores connect.
func (in *Ingest) Address() string { return in.broker.address() }

// Close stops listening, finishes the batches under way and returns.
func (in *Ingest) Close() {
	in.closing.Do(func() {
		close(in.stop)
		for _, s := range in.subs {
			_ = s.Unsubscribe() // the connection closes right after
		}
		in.done.Wait()
		in.broker.close()
	})
}

// enqueue gives a batch to the worker of its subject, so that one node's
// batches keep their order.
func (in *Ingest) enqueue(m *nats.Msg) {
	q := in.queues[maphash.String(in.seed, m.Subject)%workers]
	select {
	case <-in.stop:
	case q <- m:
	default:
		in.metrics.batches.WithLabelValues("busy").Inc()
		in.reply(m, &api.Ack{Error: "the console is busy"})
	}
}

func (in *Ingest) work(q <-chan *nats.Msg) {
	for {
		select {
		case <-in.stop:
			return
		case m := <-q:
			in.reply(m, in.take(m.Subject, m.Data))
		}
	}
}

// take writes a batch, or answers a question, and returns what to reply.
func (in *Ingest) take(subject string, data []byte) *api.Ack {
	store, node, _, err := api.ParseSubject(subject)
	if err != nil {
		return in.refuse(store, node, err)
	}
	batch, err := parse(store, node, data)
	if err != nil {
		return in.refuse(store, node, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitWithin)
	defer cancel()
	if len(batch.GetEnvelopes()) == 0 {
		return in.newest(ctx, store, node, batch.GetJournalId())
	}
	began := time.Now()
	out, err := in.commit(ctx, batch.GetEnvelopes())
	in.metrics.seconds.Observe(time.Since(began).Seconds())
	if err != nil {
		in.metrics.batches.WithLabelValues("failed").Inc()
		in.o.Log.WithError(err).WithFields(logrus.Fields{"store": store, "node": node}).Error("batch not written")
		return &api.Ack{Error: "the console cannot write now"}
	}
	in.metrics.count(out)
	in.committed()
	in.tell(store, node, out)
	return &api.Ack{JournalId: batch.GetJournalId(), Sequence: out.newest}
}

// newest answers how far a node's journal is known here.
func (in *Ingest) newest(ctx context.Context, store, node, journal string) *api.Ack {
	j, err := journalOf(ctx, in.o.DB.Read, store, node, journal)
	if err != nil {
		in.metrics.batches.WithLabelValues("failed").Inc()
		in.o.Log.WithError(err).WithFields(logrus.Fields{"store": store, "node": node}).Error("question for a journal not answered")
		return &api.Ack{Error: "the console cannot read now"}
	}
	in.metrics.batches.WithLabelValues("question").Inc()
	return &api.Ack{JournalId: journal, Sequence: j.Sequence}
}

func (in *Ingest) refuse(store, node string, err error) *api.Ack {
	in.metrics.batches.WithLabelValues("refused").Inc()
	in.o.Log.WithError(err).WithFields(logrus.Fields{"store": store, "node": node}).Warn("batch refused")
	return &api.Ack{Error: err.Error()}
}

// tell spreads what a batch changed.
func (in *Ingest) tell(store, node string, out outcome) {
	in.o.Fleet.Seen(store, node, in.o.Now())
	if out.missing > 0 {
		in.o.Log.WithFields(logrus.Fields{"store": store, "node": node, "missing": out.missing}).Warn("numbers skipped by a node")
	}
	for _, n := range out.news {
		in.o.Hub.Tell(n)
	}
	if len(out.news) > 0 {
		in.o.Hub.Tell(live.StoreChanged(store))
	}
}

func (in *Ingest) reply(m *nats.Msg, ack *api.Ack) {
	if m.Reply == "" {
		return
	}
	data, err := proto.Marshal(ack)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		in.o.Log.WithError(err).Debug("acknowledgement not sent")
	}
}

// status takes a node's status. It is not durable; the next one comes in seconds.
func (in *Ingest) status(m *nats.Msg) {
	store, node, _, err := api.ParseSubject(m.Subject)
	if err != nil || len(m.Data) > maxStatus {
		in.metrics.statuses.WithLabelValues("refused").Inc()
		return
	}
	s := new(api.Status)
	if err := proto.Unmarshal(m.Data, s); err != nil || s.GetStore() != store || s.GetNode() != node {
		in.metrics.statuses.WithLabelValues("refused").Inc()
		in.o.Log.WithFields(logrus.Fields{"store": store, "node": node}).Warn("status refused")
		return
	}
	in.metrics.statuses.WithLabelValues("taken").Inc()
	changed := in.o.Fleet.Heard(s, in.o.Now())
	in.o.Hub.Tell(s)
	if changed {
		in.o.Hub.Tell(live.StoreChanged(store))
	}
}
