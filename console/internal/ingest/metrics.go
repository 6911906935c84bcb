package ingest

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	batches   *prometheus.CounterVec
	envelopes *prometheus.CounterVec
	samples   *prometheus.CounterVec
	statuses  *prometheus.CounterVec
	missing   prometheus.Counter
	seconds   prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "storeward_console_" + name + "_total", Help: help}, []string{"result"})
	}
	m := &metrics{
		batches:   vec("batches", "Batches from stores, by what became of them."),
		envelopes: vec("envelopes", "Envelopes in committed batches, by what became of them."),
		samples:   vec("samples", "Samples in committed batches, by what became of them."),
		statuses:  vec("statuses", "Statuses of nodes, by what became of them."),
		missing:   prometheus.NewCounter(prometheus.CounterOpts{Name: "storeward_console_missing_envelopes_total", Help: "Numbers that nodes skipped."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "storeward_console_commit_seconds", Help: "Time to write one batch.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	if r != nil {
		r.MustRegister(m.batches, m.envelopes, m.samples, m.statuses, m.missing, m.seconds)
	}
	return m
}

func (m *metrics) count(o outcome) {
	m.batches.WithLabelValues("committed").Inc()
	m.envelopes.WithLabelValues("new").Add(float64(o.fresh))
	m.envelopes.WithLabelValues("repeated").Add(float64(o.repeats))
	m.samples.WithLabelValues("stored").Add(float64(o.samples.Stored))
	m.samples.WithLabelValues("late").Add(float64(o.samples.Late))
	m.samples.WithLabelValues("repeated").Add(float64(o.samples.Repeats))
	m.samples.WithLabelValues("bad").Add(float64(o.samples.Bad))
	m.missing.Add(float64(o.missing))
}
