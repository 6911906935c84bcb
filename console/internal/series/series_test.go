package series

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/storeward/storeward/core/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// t0 is a round moment; now is an hour later.
var (
	t0  = time.Unix(1_780_000_000, 0)
	now = t0.Add(time.Hour)
)

func open(t *testing.T, dir string) *DB {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	d, err := Open(Options{Dir: dir, Log: log, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func opened(t *testing.T) *DB {
	d := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func point(at time.Time, value float64, tags map[string]string) *api.Point {
	return &api.Point{Measurement: "host", Tags: tags, Fields: map[string]float64{"load1": value}, TimeUnixNano: at.UnixNano()}
}

func appendPoints(t *testing.T, d *DB, node string, p ...*api.Point) Tally {
	t.Helper()
	tally, err := d.Append(context.Background(), "s1", node, p)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// known stores ten samples of each of two nodes, 0 to 9 and 10 to 19, a minute apart.
func known(t *testing.T, d *DB) {
	for i := range 10 {
		at := t0.Add(time.Duration(i) * time.Minute)
		appendPoints(t, d, "alpha", point(at, float64(i), map[string]string{"cpu": "all"}))
		appendPoints(t, d, "beta", point(at, float64(10+i), map[string]string{"cpu": "all"}))
	}
}

func get(d *DB, path string, params ...string) (int, string) {
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	w := httptest.NewRecorder()
	d.Handler("/p").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/p"+path+"?"+q.Encode(), nil))
	return w.Code, w.Body.String()
}

func unix(at time.Time) string { return fmt.Sprint(at.Unix()) }

func TestQueriesAgainstKnownData(t *testing.T) {
	d := opened(t)
	known(t, d)
	end := t0.Add(9 * time.Minute)
	alpha := `{"__name__":"storeward_host_load1","cpu":"all","node":"alpha","store":"s1"}`
	beta := strings.Replace(alpha, "alpha", "beta", 1)
	data := func(kind, result string) string {
		return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}}`, kind, result)
	}
	for _, c := range []struct {
		name   string
		path   string
		params []string
		want   string
	}{
		{"instant", "/query", []string{"query", `storeward_host_load1{node="alpha"}`, "time", unix(end)}, data("vector", fmt.Sprintf(`[{"metric":%s,"value":[%d,"9"]}]`, alpha, end.Unix()))},
		{"RFC 3339", "/query", []string{"query", `sum(storeward_host_load1)`, "time", end.UTC().Format(time.RFC3339)}, data("vector", fmt.Sprintf(`[{"metric":{},"value":[%d,"28"]}]`, end.Unix()))},
		{"over time", "/query", []string{"query", `avg_over_time(storeward_host_load1{node="beta"}[9m])`, "time", unix(end)}, data("vector", fmt.Sprintf(`[{"metric":%s,"value":[%d,"15"]}]`, strings.Replace(beta, `"__name__":"storeward_host_load1",`, "", 1), end.Unix()))},
		{"nothing", "/query", []string{"query", "nothing"}, data("vector", "[]")},
		{"scalar", "/query", []string{"query", "1+1", "time", "100"}, data("scalar", `[100,"2"]`)},
		{"string", "/query", []string{"query", `"word"`, "time", "100"}, data("string", `[100,"word"]`)},
		{"NaN", "/query", []string{"query", "0/0", "time", "100"}, data("scalar", `[100,"NaN"]`)},
		{
			"range", "/query_range",
			[]string{"query", `storeward_host_load1{node="alpha"}`, "start", unix(t0), "end", unix(t0.Add(4 * time.Minute)), "step", "2m"},
			data("matrix", fmt.Sprintf(`[{"metric":%s,"values":[[%d,"0"],[%d,"2"],[%d,"4"]]}]`, alpha, t0.Unix(), t0.Unix()+120, t0.Unix()+240)),
		},
		{"empty range", "/query_range", []string{"query", "nothing", "start", "1", "end", "2", "step", "1"}, data("matrix", "[]")},
		{"series", "/series", []string{"match[]", `{node="beta"}`}, `{"status":"success","data":[` + beta + `]}`},
		{"series of two selectors", "/series", []string{"match[]", `{node="beta"}`, "match[]", `{store="s1"}`}, `{"status":"success","data":[` + alpha + `,` + beta + `]}`},
		{"no series", "/series", []string{"match[]", `{node="gamma"}`}, `{"status":"success","data":[]}`},
		{"labels", "/labels", nil, `{"status":"success","data":["__name__","cpu","node","store"]}`},
		{"values", "/label/node/values", nil, `{"status":"success","data":["alpha","beta"]}`},
		{"values of a selector", "/label/node/values", []string{"match[]", `{node=~"a.*"}`}, `{"status":"success","data":["alpha"]}`},
		{"values of nothing", "/label/none/values", nil, `{"status":"success","data":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, got := get(d, c.path, c.params...)
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, got)
			}
			if diff := cmp.Diff(decode(t, c.want), decode(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestErrors(t *testing.T) {
	d := opened(t)
	known(t, d)
	for _, c := range []struct {
		name   string
		path   string
		params []string
		code   int
		kind   string
		text   string
	}{
		{"no query", "/query", nil, 400, "bad_data", "query"},
		{"syntax", "/query", []string{"query", "sum("}, 400, "bad_data", "parse error"},
		{"time", "/query", []string{"query", "1", "time", "noon"}, 400, "bad_data", `"time"`},
		{"huge time", "/query", []string{"query", "1", "time", "1e300"}, 400, "bad_data", `"time"`},
		{"no start", "/query_range", []string{"query", "1", "end", "2", "step", "1"}, 400, "bad_data", `"start"`},
		{"backwards", "/query_range", []string{"query", "1", "start", "3", "end", "2", "step", "1"}, 400, "bad_data", `"end"`},
		{"no step", "/query_range", []string{"query", "1", "start", "1", "end", "2", "step", "0"}, 400, "bad_data", `"step"`},
		{"too many points", "/query_range", []string{"query", "1", "start", "0", "end", "11001", "step", "1"}, 400, "bad_data", "11000 points"},
		{"execution", "/query", []string{"query", `label_replace(storeward_host_load1, "a", "b", "c", "(")`, "time", unix(t0)}, 422, "execution", "regular expression"},
		{"timeout parameter", "/query", []string{"query", "1", "timeout", "soon"}, 400, "bad_data", `"timeout"`},
		{"timeout", "/query", []string{"query", "storeward_host_load1", "timeout", "0.000000001"}, 503, "timeout", ""},
		{"series without selector", "/series", nil, 400, "bad_data", "match[]"},
		{"bad selector", "/labels", []string{"match[]", "{"}, 400, "bad_data", "match[]"},
		{"bad label", "/label/9x/values", nil, 400, "bad_data", "label name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, got := get(d, c.path, c.params...)
			var e response
			if err := json.Unmarshal([]byte(got), &e); err != nil {
				t.Fatal(err)
			}
			if code != c.code || e.Status != "error" || e.ErrorType != c.kind || !strings.Contains(e.Error, c.text) {
				t.Errorf("%d %s", code, got)
			}
		})
	}
}

func TestPostForm(t *testing.T) {
	d := opened(t)
	r := httptest.NewRequest(http.MethodPost, "/p/query", strings.NewReader("query=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.Handler("/p").ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhatIsNotStored(t *testing.T) {
	d := opened(t)
	appendPoints(t, d, "alpha", point(now, 1, nil))
	for _, c := range []struct {
		name  string
		point *api.Point
		want  Tally
	}{
		{"good", point(now.Add(time.Second), 1, nil), Tally{Stored: 1}},
		{"the same again", point(now, 1, nil), Tally{Stored: 1}},
		{"a bit late", point(now.Add(-3*time.Hour), 1, nil), Tally{Stored: 1}},
		{"far too late", point(now.Add(-30*24*time.Hour), 1, nil), Tally{Late: 1}},
		{"from the future", point(now.Add(time.Hour), 1, nil), Tally{Bad: 1}},
		{"before 1970", point(time.Unix(-5, 0), 1, nil), Tally{Bad: 1}},
		{"no number", point(now, math.NaN(), nil), Tally{Bad: 1}},
		{"infinite", point(now, math.Inf(1), nil), Tally{Bad: 1}},
		{"bad measurement", &api.Point{Measurement: "a b", Fields: map[string]float64{"x": 1}, TimeUnixNano: now.UnixNano()}, Tally{Bad: 1}},
		{"bad field", &api.Point{Measurement: "a", Fields: map[string]float64{"": 1, "ok": 2}, TimeUnixNano: now.UnixNano()}, Tally{Stored: 1, Bad: 1}},
		{"nothing", &api.Point{}, Tally{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := appendPoints(t, d, "alpha", c.point)
			if c.name == "the same again" {
				got.Stored, got.Repeats = got.Stored+got.Repeats, 0 // either is right
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestSenderIsKnown: a point's own tags do not say who sent it.
func TestSenderIsKnown(t *testing.T) {
	d := opened(t)
	appendPoints(t, d, "alpha", point(now, 1, map[string]string{"store": "s2", "node": "beta", "__name__": "up", "bad name": "x", "mount": "/"}))
	if _, got := get(d, "/series", "match[]", `{store=~".+"}`); got != `{"status":"success","data":[{"__name__":"storeward_host_load1","mount":"/","node":"alpha","store":"s1"}]}` {
		t.Error(got)
	}
}

// TestPeerReadOff: a node that read its peer off says that it is not active, the sum
// over both is right at every moment, and the node that returns takes its series over
// although its own older points come last. Nothing else may be said for another node.
func TestPeerReadOff(t *testing.T) {
	d := opened(t)
	at := func(second int) time.Time { return t0.Add(time.Duration(second) * time.Second) }
	role := func(second int, node string, fields map[string]float64) *api.Point {
		return &api.Point{
			Measurement: api.MeasureNode, Fields: fields, TimeUnixNano: at(second).UnixNano(),
			Tags: map[string]string{api.TagStore: "s2", api.TagNode: node},
		}
	}
	active := func(second int, node string, value float64) *api.Point {
		return role(second, node, map[string]float64{"active": value})
	}
	for i, c := range []struct {
		sender string
		points []*api.Point
	}{
		{"alpha", []*api.Point{active(0, "alpha", 1)}},
		{"beta", []*api.Point{active(0, "beta", 0)}},
		// alpha's last words stay in its outbox, and beta reads it off.
		{"beta", []*api.Point{active(12, "alpha", 0), active(13, "beta", 1), active(20, "alpha", 0), active(20, "beta", 1)}},
		{"alpha", []*api.Point{active(10, "alpha", 1), active(40, "alpha", 0), active(60, "alpha", 1)}},
		{"beta", []*api.Point{active(55, "beta", 0)}},
	} {
		if tally := appendPoints(t, d, c.sender, c.points...); tally != (Tally{Stored: len(c.points)}) {
			t.Errorf("step %d: %+v", i, tally)
		}
	}
	for second, want := range map[int]string{1: "1", 11: "1", 12: "0", 13: "1", 25: "1", 45: "1", 56: "0", 61: "1"} {
		_, got := get(d, "/query", "query", "sum(storeward_node_active)", "time", unix(at(second)))
		if !strings.Contains(got, fmt.Sprintf(`,"%s"]`, want)) {
			t.Errorf("at %d s the sum is %s, want %s", second, got, want)
		}
	}
	appendPoints(t, d, "beta", active(70, "gamma", 1), active(70, "bad name", 0), role(71, "gamma", map[string]float64{"active": 0, "generation": 9}))
	if _, got := get(d, "/series", "match[]", `{node!~"alpha|beta"}`); got != `{"status":"success","data":[]}` {
		t.Errorf("beta spoke for another node: %s", got)
	}
}

// TestLateSamplesAndRepeats sends an hour of samples while newer ones are there
// already, all of them twice and in large batches, and closes the database in between.
func TestLateSamplesAndRepeats(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	appendPoints(t, d, "beta", point(now, 1, nil))
	appendPoints(t, d, "alpha", point(now, 3600, nil))
	var old []*api.Point
	for i := range 3600 {
		old = append(old, point(t0.Add(time.Duration(i)*time.Second), float64(i), nil))
	}
	for range 2 {
		if tally := appendPoints(t, d, "alpha", old...); tally.Late+tally.Bad != 0 {
			t.Errorf("%+v", tally)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = open(t, dir)
	}
	_, got := get(d, "/query", "query", `count_over_time(storeward_host_load1{node="alpha"}[2h])`, "time", unix(now))
	if !strings.Contains(got, `"3601"`) {
		t.Error(got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestExpensiveQueries: a query is refused before it costs the console its memory.
func TestExpensiveQueries(t *testing.T) {
	d := opened(t)
	long := strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000)
	for _, path := range []string{"/query", "/query_range"} {
		status, text := get(d, path, "query", long, "start", "1", "end", "2", "step", "1")
		if status != http.StatusBadRequest || !strings.Contains(text, "longer than 16384 bytes") {
			t.Errorf("%s with a text of %d bytes: %d %.200s", path, len(long), status, text)
		}
	}
	if status, text := get(d, "/series", "match[]", `{a="`+long+`"}`); status != http.StatusBadRequest {
		t.Errorf("a selector of %d bytes: %d %.200s", len(long), status, text)
	}
	// More than two million samples.
	if status, text := get(d, "/query", "query", "count_over_time((vector(1))[30d:1s])"); status != http.StatusUnprocessableEntity {
		t.Errorf("a subquery of 30 days in seconds: %d %.200s", status, text)
	}
}
