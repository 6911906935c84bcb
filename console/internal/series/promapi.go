package series

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// The HTTP API of Prometheus, as far as Grafana and our own pages use it:
// https://prometheus.io/docs/prometheus/latest/querying/api/

const (
	// maxPoints is how many steps a range query may have, as in Prometheus.
	maxPoints  = 11000
	maxSeries  = 10000
	maxQueries = 4
	maxBody    = 1 << 20
	// maxText bounds a query's text in bytes: the parser takes a time that grows
	// with the square of the depth, and no deadline stops it.
	maxText = 16 << 10
	// maxSamples is how many samples a query may hold in memory; one takes up to
	// some hundred bytes while a subquery is worked out.
	maxSamples   = 2_000_000
	queryTimeout = 30 * time.Second
)

// Kinds of errors, as Prometheus names them.
const (
	errorBadData   = "bad_data"
	errorExecution = "execution"
	errorTimeout   = "timeout"
	errorCanceled  = "canceled"
	errorInternal  = "internal"
)

// statusClosed is what Prometheus answers to a client that went away.
const statusClosed = 499

// apiError is an error with its kind.
type apiError struct {
	kind string
	err  error
}

func (e *apiError) Error() string { return e.err.Error() }

func badData(format string, args ...any) *apiError {
	return &apiError{errorBadData, fmt.Errorf(format, args...)}
}

type response struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

type result struct {
	data any
	// query and notes: what the engine has to say about the query.
	query string
	notes annotations.Annotations
}

// Handler answers the API below prefix, which ends in /api/v1.
func (d *DB) Handler(prefix string) http.Handler {
	mux := http.NewServeMux()
	add := func(path string, f func(*http.Request) (result, *apiError)) {
		h := d.wrap(f)
		mux.Handle("GET "+prefix+path, h)
		mux.Handle("POST "+prefix+path, h)
	}
	add("/query", d.query)
	add("/query_range", d.queryRange)
	add("/series", d.series)
	add("/labels", d.labelNames)
	add("/label/{name}/values", d.labelValues)
	fixed := func(v any) func(*http.Request) (result, *apiError) {
		return func(*http.Request) (result, *apiError) { return result{data: v}, nil }
	}
	// Grafana asks these two to find out what it talks to.
	add("/metadata", fixed(map[string]any{}))
	add("/status/buildinfo", fixed(map[string]string{"application": "storeward", "version": "2.55.0"}))
	return mux
}

func (d *DB) wrap(f func(*http.Request) (result, *apiError)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			d.respond(w, result{}, badData("read form: %w", err))
			return
		}
		select {
		case d.queries <- struct{}{}:
			defer func() { <-d.queries }()
		case <-r.Context().Done():
			d.respond(w, result{}, &apiError{errorCanceled, r.Context().Err()})
			return
		}
		res, err := f(r)
		d.respond(w, res, err)
	})
}

func (d *DB) respond(w http.ResponseWriter, res result, fail *apiError) {
	out, status := response{Status: "success", Data: res.data}, http.StatusOK
	out.Warnings, out.Infos = res.notes.AsStrings(res.query, 10, 10)
	if fail != nil {
		out, status = response{Status: "error", ErrorType: fail.kind, Error: fail.Error()}, code(fail.kind)
	}
	text, err := json.Marshal(out)
	if err != nil {
		d.log.WithError(err).Error("query result not encoded")
		text, status = []byte(`{"status":"error","errorType":"internal","error":"the result cannot be encoded"}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
}

func code(kind string) int {
	switch kind {
	case errorBadData:
		return http.StatusBadRequest
	case errorExecution:
		return http.StatusUnprocessableEntity
	case errorTimeout:
		return http.StatusServiceUnavailable
	case errorCanceled:
		return statusClosed
	default:
		return http.StatusInternalServerError
	}
}

func (d *DB) query(r *http.Request) (result, *apiError) {
	at, fail := timeParam(r, "time", d.now())
	if fail != nil {
		return result{}, fail
	}
	ctx, cancel, fail := deadline(r)
	if fail != nil {
		return result{}, fail
	}
	defer cancel()
	text, fail := queryParam(r)
	if fail != nil {
		return result{}, fail
	}
	q, err := d.engine.NewInstantQuery(ctx, d.tsdb, nil, text, at)
	if err != nil {
		return result{}, badData(`invalid parameter "query": %w`, err)
	}
	return d.run(ctx, q, text)
}

func (d *DB) queryRange(r *http.Request) (result, *apiError) {
	start, fail := timeParam(r, "start", time.Time{})
	if fail != nil {
		return result{}, fail
	}
	end, fail := timeParam(r, "end", time.Time{})
	if fail != nil {
		return result{}, fail
	}
	step, fail := durationParam(r, "step")
	if fail != nil {
		return result{}, fail
	}
	switch {
	case end.Before(start):
		return result{}, badData(`invalid parameter "end": the end lies before the start`)
	case step <= 0:
		return result{}, badData(`invalid parameter "step": the step has to be positive`)
	case end.Sub(start)/step > maxPoints:
		return result{}, badData("more than %d points per series: take a longer step or a shorter range", maxPoints)
	}
	ctx, cancel, fail := deadline(r)
	if fail != nil {
		return result{}, fail
	}
	defer cancel()
	text, fail := queryParam(r)
	if fail != nil {
		return result{}, fail
	}
	q, err := d.engine.NewRangeQuery(ctx, d.tsdb, nil, text, start, end, step)
	if err != nil {
		return result{}, badData(`invalid parameter "query": %w`, err)
	}
	return d.run(ctx, q, text)
}

// run executes q. The result is encoded before the query's memory is given back.
func (d *DB) run(ctx context.Context, q promql.Query, text string) (result, *apiError) {
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return result{}, queryError(res.Err)
	}
	data, err := json.Marshal(struct {
		ResultType parser.ValueType `json:"resultType"`
		Result     any              `json:"result"`
	}{res.Value.Type(), value(res.Value)})
	if err != nil {
		return result{}, &apiError{errorInternal, fmt.Errorf("encode result: %w", err)}
	}
	return result{data: json.RawMessage(data), query: text, notes: res.Warnings}, nil
}

// value keeps empty results from becoming null.
func value(v parser.Value) any {
	switch v := v.(type) {
	case promql.Vector:
		if v == nil {
			return []int{}
		}
	case promql.Matrix:
		if v == nil {
			return []int{}
		}
	}
	return v
}

func queryError(err error) *apiError {
	var canceled promql.ErrQueryCanceled
	var timeout promql.ErrQueryTimeout
	var store promql.ErrStorage
	switch {
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &apiError{errorCanceled, err}
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return &apiError{errorTimeout, err}
	case errors.As(err, &store):
		return &apiError{errorInternal, err}
	default:
		return &apiError{errorExecution, err}
	}
}

func (d *DB) series(r *http.Request) (result, *apiError) {
	if len(r.Form["match[]"]) == 0 {
		return result{}, badData("no match[] parameter provided")
	}
	q, sets, fail := d.selection(r)
	if fail != nil {
		return result{}, fail
	}
	defer func() { _ = q.Close() }() // a querier over memory and maps: nothing to lose
	hints := &storage.SelectHints{Start: q.start, End: q.end, Func: "series"}
	found := make([]storage.SeriesSet, 0, len(sets))
	for _, m := range sets {
		found = append(found, q.Select(r.Context(), true, hints, m...))
	}
	set := storage.NewMergeSeriesSet(found, 0, storage.ChainedSeriesMerge)
	out := make([]labels.Labels, 0, 64)
	for set.Next() && len(out) < maxSeries {
		out = append(out, set.At().Labels())
	}
	if err := set.Err(); err != nil {
		return result{}, queryError(err)
	}
	return result{data: out, notes: set.Warnings()}, nil
}

func (d *DB) labelNames(r *http.Request) (result, *apiError) {
	return d.labelList(r, func(q storage.Querier, m []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(r.Context(), nil, m...)
	})
}

func (d *DB) labelValues(r *http.Request) (result, *apiError) {
	name := r.PathValue("name")
	if !validName(name) {
		return result{}, badData("invalid label name: %q", name)
	}
	return d.labelList(r, func(q storage.Querier, m []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(r.Context(), name, nil, m...)
	})
}

// labelList joins what f finds for each of the request's selectors.
func (d *DB) labelList(r *http.Request, f func(storage.Querier, []*labels.Matcher) ([]string, annotations.Annotations, error)) (result, *apiError) {
	q, sets, fail := d.selection(r)
	if fail != nil {
		return result{}, fail
	}
	defer func() { _ = q.Close() }() // as in series
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	all := map[string]struct{}{}
	var notes annotations.Annotations
	for _, m := range sets {
		found, w, err := f(q, m)
		if err != nil {
			return result{}, queryError(err)
		}
		notes.Merge(w)
		for _, s := range found {
			all[s] = struct{}{}
		}
	}
	return result{data: sortedCopies(all), notes: notes}, nil
}

// within is a querier that knows its range, in milliseconds.
type within struct {
	storage.Querier
	start, end int64
}

// selection reads start, end and match[] and opens a querier for them.
func (d *DB) selection(r *http.Request) (*within, [][]*labels.Matcher, *apiError) {
	start, fail := timeParam(r, "start", time.UnixMilli(0))
	if fail != nil {
		return nil, nil, fail
	}
	end, fail := timeParam(r, "end", time.UnixMilli(math.MaxInt64/int64(time.Millisecond)))
	if fail != nil {
		return nil, nil, fail
	}
	var sets [][]*labels.Matcher
	for _, text := range r.Form["match[]"] {
		if len(text) > maxText {
			return nil, nil, badData(`invalid parameter "match[]": longer than %d bytes`, maxText)
		}
		m, err := d.parser.ParseMetricSelector(text)
		if err != nil {
			return nil, nil, badData(`invalid parameter "match[]": %w`, err)
		}
		sets = append(sets, m)
	}
	q, err := d.tsdb.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return nil, nil, &apiError{errorExecution, err}
	}
	return &within{q, start.UnixMilli(), end.UnixMilli()}, sets, nil
}

func queryParam(r *http.Request) (string, *apiError) {
	text := r.FormValue("query")
	if len(text) > maxText {
		return "", badData(`invalid parameter "query": longer than %d bytes`, maxText)
	}
	return text, nil
}

func deadline(r *http.Request) (context.Context, context.CancelFunc, *apiError) {
	limit := queryTimeout
	if r.FormValue("timeout") != "" {
		asked, fail := durationParam(r, "timeout")
		if fail != nil {
			return nil, nil, fail
		}
		limit = min(limit, asked)
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	return ctx, cancel, nil
}

// timeParam reads unix seconds or RFC 3339; without the parameter it is the
// default, and an error if that is zero.
func timeParam(r *http.Request, name string, def time.Time) (time.Time, *apiError) {
	text := r.FormValue(name)
	if text == "" && !def.IsZero() {
		return def, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(s) < math.MaxInt64/1e9 {
		whole, part := math.Modf(s)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Time{}, badData("invalid parameter %q: cannot parse %q to a valid timestamp", name, text)
}

// durationParam reads seconds or a duration in Prometheus' form.
func durationParam(r *http.Request, name string) (time.Duration, *apiError) {
	text := r.FormValue(name)
	if s, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(s) < math.MaxInt64/1e9 {
		return time.Duration(s * float64(time.Second)), nil
	}
	if v, err := model.ParseDuration(text); err == nil {
		return time.Duration(v), nil
	}
	return 0, badData("invalid parameter %q: cannot parse %q to a valid duration", name, text)
}
