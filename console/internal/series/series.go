// Package series keeps the points of all stores as time series in an embedded
// Prometheus database and answers PromQL. It is for charts: what was promised
// and what was kept is computed from the SQL database.
package series

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/api"
)

const (
	// maxCommit bounds one commit: the database sorts late samples in at the
	// commit, and larger ones hold everybody else up.
	maxCommit = 1000
	// maxAhead is how far a point may lie in the future. One point from a clock
	// that is a year ahead would else push the database's window on, for everybody.
	maxAhead = 10 * time.Minute
)

// Options say how the series are kept; zero values mean the defaults.
type Options struct {
	Dir       string
	Retention time.Duration // default 90 days
	// Late is how old a point may be when it comes, so that a store which was cut
	// off delivers its past. Default 7 days.
	Late     time.Duration
	Registry prometheus.Registerer // may be nil
	Log      logrus.FieldLogger
	Now      func() time.Time
}

// DB is the open database.
type DB struct {
	tsdb    *tsdb.DB
	engine  *promql.Engine
	parser  parser.Parser
	dir     string
	now     func() time.Time
	log     logrus.FieldLogger
	queries chan struct{}
}

// Tally counts what became of a batch's samples.
type Tally struct {
	Stored  int
	Late    int // older than the database takes
	Repeats int // another value is there for the same time
	Bad     int // no number, a bad name, or from the future
}

func (t *Tally) add(o Tally) {
	t.Stored, t.Late, t.Repeats, t.Bad = t.Stored+o.Stored, t.Late+o.Late, t.Repeats+o.Repeats, t.Bad+o.Bad
}

// Open opens the database in o.Dir or creates it.
func Open(o Options) (*DB, error) {
	if o.Retention == 0 {
		o.Retention = 90 * 24 * time.Hour
	}
	if o.Late == 0 {
		o.Late = 7 * 24 * time.Hour
	}
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = o.Retention.Milliseconds()
	opts.OutOfOrderTimeWindow = o.Late.Milliseconds()
	opts.WALCompression = compression.Snappy
	opts.NoLockfile = true // the console locks the whole data directory
	opts.StripeSize = 1 << 10
	log := slogTo(o.Log)
	t, err := openKeeping(o, opts, log)
	if err != nil {
		return nil, fmt.Errorf("open time series in %s: %w", o.Dir, err)
	}
	p := parser.NewParser(parser.Options{})
	return &DB{
		tsdb: t, dir: o.Dir, now: o.Now, log: o.Log, parser: p, queries: make(chan struct{}, maxQueries),
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: log, Reg: o.Registry, MaxSamples: maxSamples, Timeout: queryTimeout, LookbackDelta: 5 * time.Minute,
			EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
		}),
	}, nil
}

// openKeeping opens the database. What it cuts off to repair a damaged log is
// kept beside, and said.
func openKeeping(o Options, opts *tsdb.Options, log *slog.Logger) (t *tsdb.DB, err error) {
	k, err := keepLogs(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.release()) }()
	metrics := prometheus.NewRegistry()
	t, err = tsdb.Open(o.Dir, log, metrics, opts, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: restore the folder from a backup, or move it away to begin anew without the charts' past", err)
	}
	if o.Registry != nil {
		o.Registry.MustRegister(metrics)
	}
	damaged, err := repaired(metrics)
	if err != nil || !damaged {
		return t, err
	}
	aside, err := k.setAside(o.Now())
	if err != nil {
		return t, err
	}
	o.Log.WithField("aside", aside).Error("the log of the time series was damaged: points may be lost; it was set aside")
	return t, nil
}

// Close closes the database.
func (d *DB) Close() error { return errors.Join(d.engine.Close(), d.tsdb.Close()) }

// sample is one value of one series.
type sample struct {
	labels labels.Labels
	millis int64
	value  float64
}

// Append stores the points that a node sent and returns when they are on the
// disk. Points that were stored before, or cannot be stored, are counted and
// harm nothing.
func (d *DB) Append(ctx context.Context, store, node string, points []*api.Point) (Tally, error) {
	var total Tally
	latest := d.now().Add(maxAhead).UnixMilli()
	samples := make([]sample, 0, len(points)*4)
	for _, p := range points {
		s, bad := flatten(store, node, p, latest)
		samples = append(samples, s...)
		total.Bad += bad
	}
	for part := range slices.Chunk(samples, maxCommit) {
		t, err := d.commit(ctx, part)
		if err != nil {
			return Tally{}, err
		}
		total.add(t)
	}
	if total.Stored == 0 {
		return total, nil
	}
	return total, d.sync()
}

// flatten makes one sample of every field. The point's own store and node tags do
// not count, for who sent it is known; but see about.
func flatten(store, node string, p *api.Point, latest int64) (out []sample, bad int) {
	millis := p.GetTimeUnixNano() / int64(time.Millisecond)
	if millis <= 0 || millis > latest || !validName(p.GetMeasurement()) {
		return nil, len(p.GetFields())
	}
	b := labels.NewScratchBuilder(len(p.GetTags()) + 3)
	for field, value := range p.GetFields() {
		if !validName(field) || math.IsNaN(value) || math.IsInf(value, 0) {
			bad++
			continue
		}
		b.Reset()
		b.Add(model.MetricNameLabel, api.SeriesName(p.GetMeasurement(), field))
		b.Add(api.TagStore, store)
		b.Add(api.TagNode, about(node, p))
		for k, v := range p.GetTags() {
			if v != "" && k != api.TagStore && k != api.TagNode && validName(k) && !strings.HasPrefix(k, "__") {
				b.Add(k, v)
			}
		}
		b.Sort()
		out = append(out, sample{b.Labels(), millis, value})
	}
	return out, bad
}

// about names the node that a point is about: its sender. The one thing that a node
// may say for another of its store is that it is not active: a node without power
// cannot, and its peer read that it is off. Samples of both may come in any order.
func about(sender string, p *api.Point) string {
	other := p.GetTags()[api.TagNode]
	active, said := p.GetFields()["active"]
	if p.GetMeasurement() == api.MeasureNode && said && active == 0 && len(p.GetFields()) == 1 && api.ValidName(other) {
		return other
	}
	return sender
}

// validName tells whether s may be part of a series' or label's name.
func validName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

func (d *DB) commit(ctx context.Context, samples []sample) (Tally, error) {
	var t Tally
	app := d.tsdb.Appender(ctx)
	for _, s := range samples {
		_, err := app.Append(0, s.labels, s.millis, s.value)
		switch {
		case err == nil:
			t.Stored++
		case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
			t.Repeats++
		case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
			t.Late++
		default:
			return Tally{}, errors.Join(fmt.Errorf("append to %s: %w", s.labels, err), app.Rollback())
		}
	}
	if err := app.Commit(); err != nil {
		return Tally{}, fmt.Errorf("commit samples: %w", err)
	}
	return t, nil
}

// sync brings the write-ahead logs to the disk: the database itself writes them
// at a commit but leaves the rest to the kernel, and what was acknowledged has
// to survive a power cut. A commit may have begun a new segment, so the last two
// count.
func (d *DB) sync() error {
	for _, log := range []string{"wal", "wbl"} {
		segments, err := filepath.Glob(filepath.Join(d.dir, log, "[0-9]*"))
		if err != nil {
			return fmt.Errorf("list segments: %w", err)
		}
		slices.Sort(segments)
		for _, s := range segments[max(0, len(segments)-2):] {
			if err := syncFile(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // compacted meanwhile
	}
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return errors.Join(err, f.Close()) // a checkpoint
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync segment: %w", err), f.Close())
	}
	return f.Close()
}
